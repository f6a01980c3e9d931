from typing import Any

import pytest

from tests import wire
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.errors import NoNodeError
from zc.zk.jute import Reader, Writer


def request_body(operation: ops.Operation[Any], root: str = "") -> bytes:
    out = Writer(root)
    operation.write(out)
    return out.getvalue()


def test_a_ttl_node_is_asked_for_with_its_milliseconds() -> None:
    body = request_body(ops.CreateTTL("/a", ttl=2**40 - 1))

    assert body == wire.create_body("/a", flags=5) + (2**40 - 1).to_bytes(8, "big")


def test_a_container_is_asked_for_by_the_flags_of_one() -> None:
    assert request_body(ops.CreateContainer("/a")) == wire.create_body("/a", flags=4)


def test_a_sequential_ttl_node_of_the_root_stays_below_the_chroot() -> None:
    operation = ops.CreateTTL("/", flags=CreateFlag.SEQUENTIAL_TTL, ttl=1)

    assert request_body(operation, root="/app").startswith(wire.string("/app/"))


@pytest.mark.parametrize("cls", [ops.Create, ops.Create2, ops.CreateContainer, ops.CreateTTL])
def test_no_node_means_the_parent(cls: type[ops.Creates[Any]]) -> None:
    with pytest.raises(NoNodeError) as caught:
        cls("/a/b").refused(NoNodeError.code)

    assert (caught.value.path, caught.value.child) == ("/a", "/a/b")


@pytest.mark.parametrize("number", [8, 9, 64, -1, 2**31 - 1, -(2**31)])
def test_flags_that_no_version_knows_are_all_read_as_the_same(number: int) -> None:
    body = wire.create_body("/a", flags=number)

    assert ops.Create.read_request(Reader(body)).flags == 8
