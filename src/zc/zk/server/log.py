"""How a store is written down: a snapshot and the transactions since, all with checksums.

Nothing here touches a disk: bytes in, bytes out.
"""

import zlib
from collections.abc import Iterable, Iterator
from enum import IntEnum
from struct import Struct
from typing import NamedTuple, Self

from zc.zk.errors import ProtocolError, ZooKeeperError
from zc.zk.jute import INT, LONG, Reader, Writer
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import Transaction, read_acl_list, write_acl_list
from zc.zk.server.possible import require_node, require_session, require_whole, require_zxid
from zc.zk.server.sessions import Session
from zc.zk.server.store import Store
from zc.zk.server.tree import Node

MAGIC = b"zc.zk journal 2\n"
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


class Seal(NamedTuple):
    """By what a batch is known that is not in its place: the last zxid in the log before it.

    And by what any batch of the log is found behind damage: its `mark`, which no client knows, so
    that none can write what looks like one.
    """

    last: int
    mark: int = 0

    def write(self, out: Writer) -> None:
        """Write what `read` reads."""
        out.long(self.mark)
        out.long(self.last)

    @classmethod
    def read(cls, source: Reader) -> Self:
        """Read the seal of a batch, or of a snapshot for the first one behind it."""
        mark, last = source.long(), source.long()
        return cls(last, mark)


def batch(transactions: Iterable[Transaction], seal: Seal) -> bytes:
    """Return the transactions that reach the disk together, as one record of the log.

    One, so that a bad record with a good one behind it can only be damage: the next batch is not
    written before this one is safe.
    """
    out = Writer()
    out.int(Kind.TRANSACTIONS)
    seal.write(out)
    for transaction in transactions:
        transaction.write(out)
    return _record(out)


def snapshot(store: Store) -> Iterator[bytes]:
    """Give a log that begins with all that `store` holds, piece by piece; it must not change."""
    yield from _snapshot(store.tree.nodes.items(), store.sessions, store.zxid, Seal(store.zxid))


class View:
    """A store as it is now, to be written while it changes; one at a time.

    Only to take the view takes time in which nothing can change, about 40 ms for a million nodes.
    The next batch is to have the `seal`.
    """

    def __init__(self, store: Store, seal: Seal | None = None) -> None:
        self._tree = store.tree
        self._paths = list(store.tree.nodes)
        self._nodes = list(store.tree.nodes.values())
        self._sessions = list(store.sessions)
        self._zxid = store.zxid
        self._seal = seal or Seal(store.zxid)
        self._kept: dict[Node, Node] = {}  # those that changed since, as they were
        self._paths.reverse()
        self._nodes.reverse()
        self._tree.keep = self._keep

    def snapshot(self) -> Iterator[bytes]:
        """Give a log that begins with what the store held, piece by piece; only once."""
        return _snapshot(self._take_nodes(), self._sessions, self._zxid, self._seal)

    def close(self) -> None:
        """Let the store change without being looked at."""
        self._tree.keep = None

    def _keep(self, node: Node) -> None:
        if node not in self._kept:
            self._kept[node] = node.copy()

    def _take_nodes(self) -> Iterator[tuple[str, Node]]:
        while self._paths:
            path, node = self._paths.pop(), self._nodes.pop()
            yield path, self._kept.get(node, node)


def _snapshot(
    nodes: Iterable[tuple[str, Node]], sessions: Iterable[Session], zxid: int, seal: Seal
) -> Iterator[bytes]:
    yield MAGIC
    count = 0
    for path, node in nodes:
        if path:  # the root's second name
            count += 1
            yield _node_record(path, node)
    for session in sessions:
        count += 1
        out = Writer()
        out.int(Kind.SESSION)
        out.long(session.id)
        out.int(session.timeout)
        out.buffer(session.password)
        yield _record(out)
    out = Writer()
    out.int(Kind.SNAPSHOT_END)
    out.long(zxid)
    seal.write(out)
    out.int(count)
    yield _record(out)


def recover(data: bytes, store: Store, now: float) -> int:
    """Fill `store` with what a log holds, and return how many bytes of it are good.

    The time-outs of the sessions begin `now`. A torn record at the end is what a crash leaves, and
    was never acknowledged: it is left out. Raises `DamagedError` for anything else that is wrong.
    """
    if not data.startswith(MAGIC):
        raise DamagedError("its byte 0 does not begin a journal of this version")
    good = len(MAGIC)
    recovery = _Recovery(store, now)
    for source in _records(data):
        try:
            recovery.take(source)
            source.finish()
        except ProtocolError as error:
            raise DamagedError(f"the record at byte {good} makes no sense: {error}") from error
        good = source.end
    if not recovery.is_whole:
        raise DamagedError(f"its snapshot ends at byte {good}, where it is not complete")
    found = _later_batch(data, good, recovery.seal.mark)
    if found is not None:
        raise DamagedError(f"its record at byte {good} is damaged, and others follow at {found}")
    return good


class _Recovery:
    """What was taken from a log so far; `is_whole` says that its snapshot was."""

    def __init__(self, store: Store, now: float) -> None:
        self.is_whole = False
        self._store = store
        self._now = now
        self._count = 0  # of nodes and sessions
        self.seal = Seal(0)  # of the next batch
        store.tree.clear()  # its first nodes stand in the log, too

    def take(self, source: Reader) -> None:
        """Take a record; raises `ProtocolError` where it cannot stand here."""
        kind = source.int()
        if self.is_whole != (kind == Kind.TRANSACTIONS):
            raise ProtocolError("it is out of place")
        if kind == Kind.TRANSACTIONS:
            self._take_transactions(source)
        elif kind == Kind.NODE:
            self._count += 1
            path, node = _read_node(source)
            require_node(self._store.tree, path)
            self._store.tree.put(path, node)
        elif kind == Kind.SESSION:
            self._count += 1
            self._take_session(source)
        elif kind == Kind.SNAPSHOT_END:
            self._take_end(source)
        else:
            raise ProtocolError(f"its kind is {kind}")

    def _take_transactions(self, source: Reader) -> None:
        seal = Seal.read(source)
        if seal != self.seal:
            raise ProtocolError(
                f"it comes after {seal.last:#x}, and stands after {self.seal.last:#x}"
            )
        while source.remaining:
            transaction = Transaction.read(source)
            require_zxid(transaction.zxid)
            self._store.replay(transaction, self._now)
            self.seal = Seal(transaction.zxid, seal.mark)

    def _take_session(self, source: Reader) -> None:
        session_id, timeout, password = source.long(), source.int(), source.buffer()
        require_session(self._store.sessions, session_id)
        self._store.sessions.begin(session_id, timeout, password or b"", self._now)

    def _take_end(self, source: Reader) -> None:
        self._store.zxid, self.seal = source.long(), Seal.read(source)
        require_zxid(self._store.zxid)
        if source.int() != self._count:
            raise ProtocolError(f"{self._count} nodes and sessions are before it")
        require_whole(self._store.tree, self._store.sessions)
        self.is_whole = True


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


def _later_batch(data: bytes, position: int, mark: int) -> int | None:
    """Return where a good batch stands behind a bad record, which no write cut short leaves.

    The bad record's length is not believed, so it is looked for at every byte, by what all batches
    of this log begin with. A torn one can hold the log of another server, or of this one's past.
    """
    beginning = INT.pack(Kind.TRANSACTIONS) + LONG.pack(mark)
    body = position
    while (body := data.find(beginning, body + 1)) >= 0:
        begin = body - _HEAD.size
        if begin > position and _end_of_record(data, begin) is not None:
            return begin
    return None
