import struct
import time
from pathlib import Path

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.ensemble import Ensemble
from tests.realserver import DEBIAN_CLASSPATH, NEWER_CLASSPATH, RealServer
from tests.txnlog import (
    END_OF_ENTRY,
    ENTRY_HEADER,
    FILE_HEADER,
    DamagedLogError,
    TxnType,
    changes_of,
    read_log,
    read_transactions,
)
from tests.wire import Opcode

BAD_VERSION = -103
EPHEMERAL = 1
CONTAINER = 4
PERSISTENT_WITH_TTL = 5
NO_MORE = struct.pack(">i?i", -1, True, -1)

pytestmark = pytest.mark.real


def in_multi(opcode: int, body: bytes) -> bytes:
    return struct.pack(">i?i", opcode, False, -1) + body


def ttl(milliseconds: int) -> bytes:
    return struct.pack(">q", milliseconds)


def folder_of(server: RealServer) -> Path:
    return server.directory / "data" / "version-2"


@pytest.mark.slow
@pytest.mark.parametrize("classpath", [DEBIAN_CLASSPATH, NEWER_CLASSPATH], ids=["3.8", "3.9"])
def test_it_tells_everything_that_was_done(classpath: str) -> None:
    began = time.time()
    with RealServer(classpath=classpath) as server, BareClient.connect(server.port) as client:
        session = client.session.session_id
        for path, flags in {"/a": 0, "/e": EPHEMERAL}.items():
            client.call(Opcode.CREATE, wire.create_body(path, b"1", flags))
        client.call(Opcode.CREATE_CONTAINER, wire.create_body("/c", b"", CONTAINER))
        client.call(
            Opcode.CREATE_TTL, wire.create_body("/t", b"", PERSISTENT_WITH_TTL) + ttl(60_000)
        )
        client.call(Opcode.SET_DATA, wire.set_data_body("/a", b"2"))
        assert client.call(Opcode.SET_DATA, wire.set_data_body("/a", b"3", 7)).err == BAD_VERSION
        client.call(
            Opcode.MULTI,
            in_multi(Opcode.CREATE, wire.create_body("/a/b"))
            + in_multi(Opcode.DELETE, wire.delete_body("/c"))
            + in_multi(Opcode.CHECK, wire.delete_body("/a", 1))
            + NO_MORE,
        )
        last = client.call(Opcode.DELETE, wire.delete_body("/a/b"))
        client.end()

        transactions = read_transactions(folder_of(server))

    assert [transaction.zxid for transaction in transactions] == list(range(1, 11))
    assert {transaction.session for transaction in transactions} == {session}
    assert all(began - 1 < transaction.time < time.time() for transaction in transactions)
    first, a, e, c, t, changed, refused, multi, deleted, closed = transactions
    assert first.change.timeout == 10
    assert (a.change.path, a.change.data, a.change.is_ephemeral) == ("/a", b"1", False)
    assert (e.change.path, e.change.is_ephemeral) == ("/e", True)
    assert (c.type, c.change.path) == (TxnType.CREATE_CONTAINER, "/c")
    assert (t.change.path, t.change.ttl) == ("/t", 60_000)
    assert (changed.change.data, changed.change.version) == (b"2", 1)
    assert (refused.type, refused.change.error) == (TxnType.ERROR, BAD_VERSION)
    assert [change.path for change in multi.changes] == ["/a/b", "/c", "/a"]
    assert [change.type.name for change in multi.changes] == ["CREATE", "DELETE", "CHECK"]
    assert [change.version for change in multi.changes] == [None, None, 2]
    assert (deleted.zxid, deleted.cxid) == (last.zxid, last.xid)
    assert (closed.type, closed.change.deleted) == (TxnType.CLOSE_SESSION, ("/e",))
    assert [zxid for zxid, _ in changes_of("/a", transactions)] == [2, 6, 8]


@pytest.mark.slow
def test_a_multi_that_failed_has_made_nothing(own_real_server: RealServer) -> None:
    with BareClient.connect(own_real_server.port) as client:
        two = [in_multi(Opcode.CREATE, wire.create_body(path)) for path in ("/a", "/no/parent")]
        client.call(Opcode.MULTI, b"".join(two) + NO_MORE)

    failed = read_transactions(folder_of(own_real_server))[-1]

    assert failed.type is TxnType.MULTI
    assert [change.error for change in failed.changes] == [0, -101]


def test_the_logs_of_members_are_one(ensemble: Ensemble) -> None:
    leader = ensemble.leader
    with BareClient.connect(ensemble.followers[0].port) as client:
        client.call(Opcode.CREATE, wire.create_body("/logged", b"first"))
    leader.kill()
    with BareClient.connect(ensemble.leader.port) as client:
        zxid = client.call(Opcode.SET_DATA, wire.set_data_body("/logged", b"second")).zxid
    ensemble.heal()

    changes = changes_of("/logged", read_transactions(*ensemble.log_folders))

    assert [change.data for _, change in changes] == [b"first", b"second"]
    assert changes[-1][0] == zxid


def test_what_is_no_log_is_an_error() -> None:
    with pytest.raises(DamagedLogError, match="it begins with b'ZKSN'"):
        list(read_log(b"ZKSN" + bytes(100)))


@pytest.fixture
def log(own_real_server: RealServer) -> bytes:
    """A log that holds the beginning of a session, and reserved space."""
    BareClient.connect(own_real_server.port).drop()
    (path,) = folder_of(own_real_server).glob("log.*")
    return path.read_bytes()


def test_a_changed_log_is_an_error(log: bytes) -> None:
    with pytest.raises(DamagedLogError, match="checksum"):
        list(read_log(log[:30] + b"?" + log[31:]))


def test_a_log_ends_where_it_is_not_all_written(log: bytes) -> None:
    written = len(log.rstrip(b"\0"))

    counts = {len(list(read_log(log[:end]))) for end in range(16, written)}

    assert counts == {0}
    assert len(list(read_log(log[:written]))) == 1


def test_what_too_few_members_have_logged_was_never_done(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    with RealServer() as server, BareClient.connect(server.port) as client:
        client.call(Opcode.CREATE, wire.create_body("/a"))
        client.end()
        for folder, zxids in zip(folders, [3, 2, 0], strict=True):
            keep_first(folder_of(server), folder, zxids)

    every, most = (read_transactions(*folders, quorum=quorum) for quorum in (1, 2))

    assert [each.type for each in every] == [
        TxnType.CREATE_SESSION,
        TxnType.CREATE,
        TxnType.CLOSE_SESSION,
    ]
    assert most == every[:2]


def keep_first(source: Path, target: Path, count: int) -> None:
    """Copy a log as far as a member has it that was ended after so many transactions."""
    target.mkdir()
    (log,) = source.glob("log.*")
    content, end = log.read_bytes(), FILE_HEADER.size
    for _ in range(count):
        _, length = ENTRY_HEADER.unpack_from(content, end)
        end += ENTRY_HEADER.size + length + len(END_OF_ENTRY)
    (target / log.name).write_bytes(content[:end])
