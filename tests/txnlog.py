"""Read the transaction logs of Apache ZooKeeper: what it did, in its own order.

A log is `version-2/log.ZXID` files; each is a header, entries, and zeros that are reserved space.
An entry is a checksum, a length, that many bytes, and the letter B; the bytes are a TxnHeader, the
record of its type and, from 3.6 on, a digest of the whole tree, which nobody needs here.
"""

import enum
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"ZKLG"
FORMAT = 2
FILE_HEADER = struct.Struct(">4siq")
ENTRY_HEADER = struct.Struct(">qi")
TXN_HEADER = struct.Struct(">qiqqi")
END_OF_ENTRY = b"B"


class DamagedLogError(Exception):
    """The file is no transaction log, or not what the server has written."""


class TxnType(enum.IntEnum):
    """What a transaction does; ERROR does nothing, for a request that was refused."""

    CREATE = 1
    DELETE = 2
    SET_DATA = 5
    SET_ACL = 7
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CREATE_CONTAINER = 19
    DELETE_CONTAINER = 20
    CREATE_TTL = 21
    CREATE_SESSION = -10
    CLOSE_SESSION = -11
    ERROR = -1

    @property
    def creates(self) -> bool:
        return self in CREATIONS

    @property
    def deletes(self) -> bool:
        return self in {TxnType.DELETE, TxnType.DELETE_CONTAINER}


CREATIONS = {
    TxnType.CREATE,
    TxnType.CREATE2,
    TxnType.CREATE_CONTAINER,
    TxnType.CREATE_TTL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is done to the tree or to a session; what its type does not have is None.

    `version` is the one that the node has after SET_DATA and SET_ACL; for CHECK, which changes none,
    it is one more than what the node has.  `deleted` are the ephemeral nodes that went with a
    session, where the log tells (3.6).
    """

    type: TxnType
    path: str | None = None
    data: bytes | None = None
    version: int | None = None
    is_ephemeral: bool = False
    ttl: int | None = None
    error: int | None = None
    timeout: float | None = None
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What the server did by one zxid: several `changes` in a multi, one otherwise.

    `cxid` is the xid of the request; `time` is seconds since 1970 by the leader's clock.
    """

    zxid: int
    session: int
    cxid: int
    time: float
    type: TxnType
    changes: tuple[Change, ...]

    @property
    def change(self) -> Change:
        """The only change."""
        (only,) = self.changes
        return only


def read_transactions(*folders: Path, quorum: int = 1) -> list[Transaction]:
    """Give what is in the logs in these folders, those of an ensemble's members, in order.

    Ask when all members have served after the last fault: one that comes back drops what it had
    logged as a leader and nobody else has heard of.  It keeps that in its log, though, where it is
    given a snapshot instead of what it lacks; hence what fewer members than a `quorum` have logged
    was never done, and is left out.  Raises DamagedLogError.
    """
    found: dict[int, Transaction] = {}
    members: Counter[int] = Counter()
    for folder in folders:
        logged = {}
        for log in folder.glob("log.*"):
            for transaction in read_log(log.read_bytes()):
                other = found.setdefault(transaction.zxid, transaction)
                if other != transaction:
                    raise DamagedLogError(f"{log}: {transaction}, and elsewhere {other}")
                logged[transaction.zxid] = transaction
        members.update(logged.keys())
    return [found[zxid] for zxid in sorted(found) if members[zxid] >= quorum]


def read_log(content: bytes) -> Iterator[Transaction]:
    """Give the transactions of one file, up to an entry that is not all written."""
    if not content:
        return  # it was made a moment ago
    if len(content) < FILE_HEADER.size:
        raise DamagedLogError(f"a header of {len(content)} bytes")
    magic, version, _ = FILE_HEADER.unpack_from(content)
    if (magic, version) != (MAGIC, FORMAT):
        raise DamagedLogError(f"it begins with {magic!r}, and its version is {version}")
    offset = FILE_HEADER.size
    while offset + ENTRY_HEADER.size <= len(content):
        checksum, length = ENTRY_HEADER.unpack_from(content, offset)
        if length == 0:
            return
        offset += ENTRY_HEADER.size
        entry = content[offset : offset + length]
        offset += length + len(END_OF_ENTRY)
        if content[offset - len(END_OF_ENTRY) : offset] != END_OF_ENTRY:
            return
        if zlib.adler32(entry) != checksum:
            raise DamagedLogError(f"the checksum before {offset} is not that of the entry")
        yield read_entry(entry)


def read_entry(entry: bytes) -> Transaction:
    """Give the transaction that an entry is."""
    session, cxid, zxid, time, type_ = TXN_HEADER.unpack_from(entry)
    record = _Record(entry, TXN_HEADER.size)
    changes = _multi(record) if type_ == TxnType.MULTI else [_change(type_, record)]
    return Transaction(
        zxid=zxid,
        session=session,
        cxid=cxid,
        time=time / 1000,
        type=TxnType(type_),
        changes=tuple(changes),
    )


def changes_of(path: str, transactions: Iterable[Transaction]) -> list[tuple[int, Change]]:
    """Give what was done to one node, each with its zxid."""
    return [
        (transaction.zxid, change)
        for transaction in transactions
        for change in transaction.changes
        if change.path == path or path in change.deleted
    ]


class _Record:
    """The rest of an entry, read from its beginning on."""

    def __init__(self, content: bytes, offset: int = 0) -> None:
        self._content = content
        self._offset = offset

    @property
    def is_at_end(self) -> bool:
        return self._offset == len(self._content)

    def integer(self) -> int:
        return int.from_bytes(self._take(4), signed=True)

    def long(self) -> int:
        return int.from_bytes(self._take(8), signed=True)

    def boolean(self) -> bool:
        return self._take(1) != b"\0"

    def buffer(self) -> bytes | None:
        length = self.integer()
        return None if length < 0 else self._take(length)

    def string(self) -> str:
        return (self.buffer() or b"").decode()

    def skip_acl(self) -> None:
        for _ in range(self.integer()):
            self.integer(), self.string(), self.string()

    def _take(self, count: int) -> bytes:
        piece = self._content[self._offset : self._offset + count]
        if len(piece) < count:
            raise DamagedLogError(
                f"an entry ends {count - len(piece)} bytes before its record does"
            )
        self._offset += count
        return piece


def _multi(record: _Record) -> list[Change]:
    """Give the changes of a multi: nothing but errors where one of them is, since none was made.

    The log keeps those before the one that failed as if they were made.
    """
    changes = []
    for _ in range(record.integer()):
        type_, content = record.integer(), record.buffer()
        changes.append(_change(type_, _Record(content or b"")))
    if all(change.error is None for change in changes):
        return changes
    return [Change(type=TxnType.ERROR, error=change.error or 0) for change in changes]


def _change(number: int, record: _Record) -> Change:
    type_ = TxnType(number)
    if type_.creates:
        return _creation(type_, record)
    if type_ in {TxnType.CREATE_SESSION, TxnType.CLOSE_SESSION}:
        return _of_session(type_, record)
    if type_ is TxnType.ERROR:
        return Change(type=type_, error=record.integer())
    path = record.string()
    if type_.deletes:
        return Change(type=type_, path=path)
    data = record.buffer() if type_ in {TxnType.SET_DATA, TxnType.RECONFIG} else None
    if type_ is TxnType.SET_ACL:
        record.skip_acl()
    return Change(type=type_, path=path, data=data, version=record.integer())


def _creation(type_: TxnType, record: _Record) -> Change:
    path, data = record.string(), record.buffer()
    record.skip_acl()
    is_ephemeral = type_ in {TxnType.CREATE, TxnType.CREATE2} and record.boolean()
    record.integer()  # the version of the parent's list of children
    ttl = record.long() if type_ is TxnType.CREATE_TTL else None
    return Change(type=type_, path=path, data=data, is_ephemeral=is_ephemeral, ttl=ttl)


def _of_session(type_: TxnType, record: _Record) -> Change:
    if type_ is TxnType.CREATE_SESSION:
        return Change(type=type_, timeout=record.integer() / 1000)
    # Before 3.6 there was no record, and no digest behind it.
    deleted = [] if record.is_at_end else [record.string() for _ in range(record.integer())]
    return Change(type=type_, deleted=tuple(deleted))
