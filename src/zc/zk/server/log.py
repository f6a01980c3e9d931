"""How a store is written down: a snapshot and the transactions since, all with checksums.

Nothing here touches a disk: bytes in, bytes out.
"""

import zlib
from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct

from zc.zk.errors import ProtocolError, ZooKeeperError
from zc.zk.jute import Reader, Writer
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import Transaction, read_acl_list, write_acl_list
from zc.zk.server.store import Store
from zc.zk.server.tree import Node

MAGIC = b"zc.zk journal 1\n"
_HEAD = Struct(">II")  # length and checksum of what follows
_NODE = Struct(">qqqqqqiii")  # in the order of _NUMBERS
_NUMBERS = (
    "czxid",
    "mzxid",
    "pzxid",
    "ctime",
    "mtime",
    "owner",
    "version",
    "aversion",
    "created",
)


class DamagedError(ZooKeeperError):
    """A log is damaged where that cannot come from a write that was cut short."""


class Kind(IntEnum):
    """What a record holds."""

    NODE = 1
    SESSION = 2
    SNAPSHOT_END = 3
    TRANSACTIONS = 4


def batch(transactions: Iterable[Transaction]) -> bytes:
    """Return the transactions that reach the disk together, as one record of the log.

    One, so that a bad record with a good one behind it can only be damage: the next batch is not
    written before this one is safe.
    """
    out = Writer()
    out.int(Kind.TRANSACTIONS)
    for transaction in transactions:
        transaction.write(out)
    return _record(out)


def snapshot(store: Store) -> Iterator[bytes]:
    """Give a log that begins with all that `store` holds now, piece by piece."""
    yield MAGIC
    for path, node in store.tree.nodes.items():
        if path:  # the root's second name
            yield _node_record(path, node)
    for session in store.sessions:
        out = Writer()
        out.int(Kind.SESSION)
        out.long(session.id)
        out.int(session.timeout)
        out.buffer(session.password)
        yield _record(out)
    out = Writer()
    out.int(Kind.SNAPSHOT_END)
    out.long(store.zxid)
    yield _record(out)


def recover(data: bytes, store: Store, now: float) -> int:
    """Fill `store` with what a log holds, and return how many bytes of it are good.

    The time-outs of the sessions begin `now`. A torn record at the end is what a crash leaves, and
    was never acknowledged: it is left out. Raises `DamagedError` for anything else that is wrong.
    """
    if not data.startswith(MAGIC):
        raise DamagedError("it is not a journal of this version")
    good, is_whole = len(MAGIC), False
    for source in _records(data):
        try:
            is_whole = _take(source, store, now, is_whole)
            source.finish()
        except (ProtocolError, KeyError) as error:
            raise DamagedError(f"the record at byte {good} makes no sense: {error}") from error
        good = source.end
    if not is_whole:
        raise DamagedError("its snapshot is not complete")
    return good


def _take(source: Reader, store: Store, now: float, is_whole: bool) -> bool:
    """Take a record; say whether the snapshot is whole with it."""
    kind = source.int()
    if is_whole != (kind == Kind.TRANSACTIONS):
        raise ProtocolError("it is out of place")
    if kind == Kind.TRANSACTIONS:
        while source.remaining:
            store.replay(Transaction.read(source), now)
    elif kind == Kind.NODE:
        store.tree.put(*_read_node(source))
    elif kind == Kind.SESSION:
        store.sessions.begin(source.long(), source.int(), source.buffer() or b"", now)
    elif kind == Kind.SNAPSHOT_END:
        store.zxid = source.long()
        return True
    else:
        raise ProtocolError(f"its kind is {kind}")
    return is_whole


def _node_record(path: str, node: Node) -> bytes:
    out = Writer()
    out.int(Kind.NODE)
    out.string(path)
    out.buffer(node.data)
    write_acl_list(out, node.acl)
    out.raw(_NODE.pack(*(getattr(node, name) for name in _NUMBERS)))
    return _record(out)


def _read_node(source: Reader) -> tuple[str, Node]:
    path, data, acl = source.text(), source.buffer(), read_acl_list(source)
    node = Node(data, OPEN if acl == OPEN else acl, 0, 0)
    for name, number in zip(_NUMBERS, source.unpack(_NODE), strict=True):
        setattr(node, name, number)
    return path, node


def _record(out: Writer) -> bytes:
    body = out.getvalue()
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _records(data: bytes) -> Iterator[Reader]:
    position = len(MAGIC)
    while (end := _end_of_record(data, position)) is not None:
        yield Reader(data, position + _HEAD.size, end)
        position = end
    if _is_damaged(data, position):
        raise DamagedError(f"its record at byte {position} is damaged, and others follow")


def _end_of_record(data: bytes, position: int) -> int | None:
    """Return where the record at `position` ends, or None if there is none that is whole."""
    begin = position + _HEAD.size
    if begin > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, position)
    end = begin + length
    # Empty records do not exist: a tail of zeros, which some crashes leave, would be full of them.
    if not length or end > len(data) or zlib.crc32(memoryview(data)[begin:end]) != checksum:
        return None
    return int(end)


def _is_damaged(data: bytes, position: int) -> bool:
    """Say whether a good record follows a bad one, which a write that was cut short has not."""
    if position + _HEAD.size > len(data):
        return False
    length, _ = _HEAD.unpack_from(data, position)
    return length > 0 and _end_of_record(data, position + _HEAD.size + length) is not None
