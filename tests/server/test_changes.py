"""Changes and transactions as bytes."""

from dataclasses import FrozenInstanceError

import pytest

from zc.zk.errors import ProtocolError
from zc.zk.jute import Reader, Writer
from zc.zk.security import ACL, Id
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import (
    CHANGES,
    BeginSession,
    Change,
    CreateNode,
    DeleteNode,
    EndSession,
    ReplaceACL,
    ReplaceData,
    Transaction,
)

EVERY_KIND: tuple[Change, ...] = (
    CreateNode("/é", b"data", (*OPEN, ACL(1, Id("digest", "bob:hash"))), -1),
    CreateNode("/n", None, OPEN),
    DeleteNode("/n"),
    ReplaceData("/n", None),
    ReplaceData("/n", b""),
    ReplaceACL("/n", OPEN),
    BeginSession(0x0123_4567_89AB_CDEF, 6000, bytes(range(16))),
    EndSession(1),
)
TRANSACTION = Transaction(0x7FFF_0000_0000_0001, 1_700_000_000_000, EVERY_KIND)


def encoded(transaction: Transaction) -> bytes:
    out = Writer()
    transaction.write(out)
    return out.getvalue()


def test_a_transaction_comes_back_as_it_was_written() -> None:
    source = Reader(encoded(TRANSACTION))

    assert Transaction.read(source) == TRANSACTION

    source.finish()


def test_every_kind_of_change_is_tried_here() -> None:
    assert {type(change) for change in EVERY_KIND} == set(CHANGES.values())


def test_a_transaction_cut_short_anywhere_is_an_error() -> None:
    data = encoded(TRANSACTION)

    for length in range(len(data)):
        with pytest.raises(ProtocolError):
            Transaction.read(Reader(data[:length]))


def test_a_change_of_an_unknown_kind_is_an_error() -> None:
    out = Writer()
    out.long(1)
    out.long(1)
    out.int(1)
    out.int(99)
    out.string("")

    with pytest.raises(ProtocolError, match="kind"):
        Transaction.read(Reader(out.getvalue()))


def test_a_change_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DeleteNode("/n").path = "/m"  # type: ignore[misc]


def test_the_password_of_a_session_is_not_shown() -> None:
    assert "secret" not in repr(BeginSession(1, 1, b"secret"))


def test_a_node_is_kept_in_the_form_that_it_always_had() -> None:
    """What a log holds since its first version, so that logs stay readable."""
    recorded = (
        "00000001 00000002 2f65 00000001 78 00000001 0000001f 00000005 776f726c64"
        "00000006 616e796f6e65 01000000000000ff"
    )
    out = Writer()

    CreateNode("/e", b"x", OPEN, 0x0100_0000_0000_00FF).write(out)

    assert out.getvalue() == bytes.fromhex(recorded)
