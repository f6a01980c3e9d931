"""Check what clients were told against what the servers logged: order, lost writes, and reads that go back.

Each client makes its calls one after the other, or hands in several before the first is answered;
the order of its `calls` is the order in which it handed them in.  Every write has data that no
other write has, and no name is created by two calls, so a write is known again in the log.

A read is true at some points of the log: from the change that it shows until the next one.  The
clients' reads are in order when one can choose a point for each that is not before the point of the
call before it; the earliest that will do is always the best choice.
"""

import enum
import itertools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.txnlog import Change, Transaction, TxnType

END = 2**63  # behind every zxid


class Kind(enum.Enum):
    """What a call asks for."""

    CREATE = enum.auto()
    SET = enum.auto()
    DELETE = enum.auto()
    GET = enum.auto()
    CHILDREN = enum.auto()

    @property
    def is_read(self) -> bool:
        return self in {Kind.GET, Kind.CHILDREN}


class Outcome(enum.Enum):
    """What became of it, as far as its caller was told."""

    DONE = enum.auto()
    FAILED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a client; what its kind does not have, or was not answered, is None.

    `expected` is the version that the caller gave; `version` and `zxid` are what it was answered:
    for a read those of the data, or of the children.  A GET without `version` found no node.
    `seen` is the highest zxid that the client knew after the answer.
    """

    kind: Kind
    path: str
    outcome: Outcome = Outcome.DONE
    data: bytes | None = None
    expected: int | None = None
    version: int | None = None
    zxid: int | None = None
    children: frozenset[str] | None = None
    seen: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind.name} {self.path} {self.data!r}"


@dataclass(slots=True)
class Client:
    """What one client asked for, in its order, and the sessions that it had."""

    name: str
    calls: list[Call] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)


class Span(NamedTuple):
    """The points of the log from `begin` on and before `end`."""

    begin: int
    end: int


class _State(NamedTuple):
    zxid: int
    value: object  # what reads are compared with: data and version, or names; None for no node


class Log:
    """The state of each node below `root`, and of its children, at each point of a log."""

    def __init__(self, root: str, transactions: Iterable[Transaction]) -> None:
        self.root = root
        self.nodes: dict[str, list[_State]] = defaultdict(list)
        self.names: dict[str, list[_State]] = defaultdict(list)
        self.writes: dict[tuple[Kind, str, bytes | None], list[tuple[Transaction, Change]]]
        self.writes = defaultdict(list)
        self.owners: dict[str, int] = {}
        self.closed: set[int] = set()
        for transaction in transactions:
            for change in transaction.changes:
                self._apply(transaction, change)

    def _apply(self, transaction: Transaction, change: Change) -> None:
        path, zxid = change.path, transaction.zxid
        if change.type is TxnType.CLOSE_SESSION:
            self.closed.add(transaction.session)
            for each in change.deleted:
                if self._is_ours(each):
                    self._remove(each, zxid)
        elif path is None or not self._is_ours(path):
            return
        elif change.type.creates:
            self.writes[Kind.CREATE, path, change.data].append((transaction, change))
            self.nodes[path].append(_State(zxid, (change.data, 0)))
            self._list(path, zxid, is_there=True)
            if change.is_ephemeral:
                self.owners[path] = transaction.session
        elif change.type is TxnType.SET_DATA:
            self.writes[Kind.SET, path, change.data].append((transaction, change))
            self.nodes[path].append(_State(zxid, (change.data, change.version)))
        elif change.type.deletes:
            self.writes[Kind.DELETE, path, None].append((transaction, change))
            self._remove(path, zxid)

    def _is_ours(self, path: str) -> bool:
        return path == self.root or path.startswith(self.root + "/")

    def _remove(self, path: str, zxid: int) -> None:
        self.nodes[path].append(_State(zxid, None))
        self._list(path, zxid, is_there=False)
        self.owners.pop(path, None)

    def _list(self, path: str, zxid: int, *, is_there: bool) -> None:
        parent, _, name = path.rpartition("/")
        history = self.names[parent]
        names = history[-1].value if history else frozenset()
        assert isinstance(names, frozenset)
        history.append(_State(zxid, names | {name} if is_there else names - {name}))

    def spans(self, call: Call) -> Iterator[Span]:
        """Give, in order, the points at which a read would give what it gave."""
        history = (self.names if call.kind is Kind.CHILDREN else self.nodes)[call.path]
        value: object = call.children
        if call.version is not None:
            value = call.data, call.version
        states: list[_State] = [_State(0, frozenset() if call.children is not None else None)]
        states += history
        for state, after in itertools.pairwise([*states, _State(END, None)]):
            if state.value == value and call.zxid in {None, state.zxid}:
                yield Span(state.zxid, after.zxid)


def check(root: str, clients: Sequence[Client], transactions: Iterable[Transaction]) -> list[str]:
    """Give everything that is wrong with a history, one line each; nothing is good news."""
    log = Log(root, transactions)
    zxids: dict[int, int] = {}  # by the id of the call, for those that are in the log
    wrong = [
        *_misreported(clients, log, zxids),
        *_foreign(clients, log),
        *_left_behind(log),
        *_overtaken(clients, zxids),
    ]
    for client in clients:
        wrong += _out_of_order(client, log, zxids)
    return wrong


def applied(root: str, clients: Sequence[Client], transactions: Iterable[Transaction]) -> int:
    """Count the writes whose outcome their callers do not know, and that the log has."""
    log = Log(root, transactions)
    calls = [call for client in clients for call in client.calls if not call.kind.is_read]
    return sum(bool(_in_log(call, log)) for call in calls if call.outcome is Outcome.UNKNOWN)


def _in_log(call: Call, log: Log) -> list[tuple[Transaction, Change]]:
    data = None if call.kind is Kind.DELETE else call.data
    return log.writes.get((call.kind, call.path, data), [])


def _misreported(clients: Sequence[Client], log: Log, zxids: dict[int, int]) -> Iterator[str]:
    """Find writes that are not in the log as often, or not as, their callers were told."""
    deleted_by = _deleters(clients)
    for client in clients:
        for call in client.calls:
            if call.kind.is_read:
                continue
            found = _in_log(call, log)
            if call.kind is Kind.DELETE and deleted_by[call.path] > 1:
                # Several have tried, and all but one of them in vain: this may be another one's.
                found = [each for each in found if each[0].session in client.sessions]
            if len(found) > 1:
                yield f"{client.name}: {call} is {len(found)} times in the log"
            elif found and call.outcome is Outcome.FAILED:
                yield f"{client.name}: {call} failed, and is in the log"
            elif not found and call.outcome is Outcome.DONE:
                yield f"{client.name}: {call} was done, and is not in the log"
            elif found:
                zxids[id(call)] = found[0][0].zxid
                yield from _told_otherwise(client, call, *found[0])


def _deleters(clients: Sequence[Client]) -> dict[str, int]:
    """Count by how many clients each node was tried to be deleted."""
    count: dict[str, int] = defaultdict(int)
    for client in clients:
        for path in {call.path for call in client.calls if call.kind is Kind.DELETE}:
            count[path] += 1
    return count


def _told_otherwise(
    client: Client, call: Call, transaction: Transaction, change: Change
) -> Iterator[str]:
    who = f"{client.name}: {call}"
    if call.outcome is not Outcome.DONE:
        return
    if call.zxid not in {None, transaction.zxid}:
        yield f"{who} was answered with {call.zxid:#x}, and the log has {transaction.zxid:#x}"
    if transaction.session not in client.sessions:
        yield f"{who} was done by session {transaction.session:#x}, which is not the client's"
    if call.kind is Kind.SET and call.version != change.version:
        yield f"{who} was answered with version {call.version}, and the log has {change.version}"
    if call.expected is not None and call.expected >= 0 and change.version != call.expected + 1:
        yield f"{who} expected version {call.expected}, and made {change.version}"


def _foreign(clients: Sequence[Client], log: Log) -> Iterator[str]:
    """Find writes that nobody has asked for."""
    asked = {
        (call.kind, call.path, None if call.kind is Kind.DELETE else call.data)
        for client in clients
        for call in client.calls
        if not call.kind.is_read
    }
    for kind, path, data in log.writes.keys() - asked:
        yield f"nobody has asked for {kind.name} {path} {data!r}"


def _left_behind(log: Log) -> Iterator[str]:
    """Find ephemeral nodes whose session was closed."""
    for path, owner in log.owners.items():
        if owner in log.closed:
            yield f"{path} has outlived its session {owner:#x}"


def _overtaken(clients: Sequence[Client], zxids: dict[int, int]) -> Iterator[str]:
    """Find writes that come in the log before others which had ended before they began."""
    done = [
        (call, zxids[id(call)])
        for client in clients
        for call in client.calls
        if call.outcome is Outcome.DONE and id(call) in zxids
    ]
    done.sort(key=lambda each: each[0].ended_at)
    ends = [call.ended_at for call, _ in done]
    highest = list(itertools.accumulate((zxid for _, zxid in done), max))
    for call, zxid in done:
        before = bisect_right(ends, call.began_at) - 1
        if before >= 0 and ends[before] < call.began_at and highest[before] >= zxid:
            yield f"{call} at {zxid:#x} began after the write at {highest[before]:#x} had ended"


def _out_of_order(client: Client, log: Log, zxids: dict[int, int]) -> Iterator[str]:
    """Find calls that are true only before a point that their client has been at already."""
    at = 0
    for call in client.calls:
        if call.outcome is not Outcome.DONE:
            continue
        if not call.kind.is_read:
            zxid = zxids.get(id(call))
            if zxid is not None and zxid <= at:
                yield f"{client.name}: {call} at {zxid:#x} is not after {at:#x}"
            at = max(at, zxid or 0)
        else:
            spans = list(log.spans(call))
            fitting = [span for span in spans if span.end > at]
            if not spans:
                yield f"{client.name}: {call} version {call.version} is true at no point of the log"
            elif not fitting:
                yield f"{client.name}: {call} is true until {spans[-1].end:#x}, not at {at:#x}"
            else:
                at = max(at, fitting[0].begin)
        at = max(at, call.seen)
