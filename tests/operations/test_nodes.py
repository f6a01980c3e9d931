from typing import Any

import pytest

from zc.zk import operations as ops
from zc.zk import paths
from zc.zk.jute import Reader, Writer


def request_body(operation: ops.Operation[Any], root: str = "") -> bytes:
    out = Writer(root)
    operation.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("root", "prefix", "sent"),
    [("", "/", b"/"), ("/app", "/", b"/app/"), ("/app", "/e", b"/app/e")],
)
def test_a_prefix_never_reaches_beyond_the_chroot(root: str, prefix: str, sent: bytes) -> None:
    body = request_body(ops.GetEphemerals(prefix), root)

    assert body[4:] == sent


def test_ephemerals_are_named_below_the_chroot() -> None:
    out = Writer()
    out.vector(["/app/e1", "/app/e2"], out.string)

    names = ops.GetEphemerals("/").read(Reader(out.getvalue(), root="/app"))

    assert names == ["/e1", "/e2"]


def test_the_configuration_is_the_same_node_in_every_chroot() -> None:
    assert request_body(ops.GetData(paths.CONFIG), "/app")[4:-1] == b"/zookeeper/config"
