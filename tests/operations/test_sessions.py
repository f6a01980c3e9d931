from zc.zk import operations as ops
from zc.zk.jute import Reader


def test_a_token_is_not_in_the_repr() -> None:
    assert repr(ops.Sasl(b"secret")) == "Sasl()"


def test_a_server_without_sasl_answers_no_token() -> None:
    assert ops.Sasl(b"").read(Reader(bytes.fromhex("ffffffff"))) is None
