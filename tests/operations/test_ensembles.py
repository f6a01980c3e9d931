import pytest

from zc.zk import operations as ops
from zc.zk.errors import ReconfigDisabledError
from zc.zk.jute import Writer


def test_what_is_not_given_is_null() -> None:
    out = Writer("/app")

    ops.Reconfig(leaving="3").write(out)

    assert out.getvalue() == bytes.fromhex("ffffffff 00000001 33 ffffffff ffffffffffffffff")


def test_a_refusal_names_no_node() -> None:
    with pytest.raises(ReconfigDisabledError, match=r"^reconfiguration is disabled$"):
        ops.Reconfig().refused(ReconfigDisabledError.code)
