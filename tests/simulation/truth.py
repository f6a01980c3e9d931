"""What is true: the tree and its past, made of nothing but the transactions that the server committed."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from zc.zk import paths
from zc.zk.codes import EventType
from zc.zk.server.changes import (
    BeginSession,
    CreateNode,
    DeleteNode,
    EndSession,
    ReplaceData,
    Transaction,
)
from zc.zk.server.store import Store


class Node(NamedTuple):
    """A node at one time."""

    data: bytes
    version: int
    czxid: int
    mzxid: int
    owner: int


Names = frozenset[str]


class Happening(NamedTuple):
    """What became of one node, in the `number`th thing that happened to the server."""

    number: int
    zxid: int
    type: EventType
    path: str


@dataclass(slots=True)
class Past:
    """The states that something had, one after the other; `since` says from which happening on.

    `touched` are the times at which watches fire, also where all is as before in the end.
    """

    since: list[int] = field(default_factory=lambda: [0])
    states: list[object] = field(default_factory=lambda: [None])
    touched: list[int] = field(default_factory=list)

    def add(self, number: int, state: object) -> None:
        """Note a change, to another state or not."""
        if not self.touched or self.touched[-1] != number:
            self.touched.append(number)
        if self.since[-1] == number:
            self.states[-1] = state
        elif state != self.states[-1]:
            self.since.append(number)
            self.states.append(state)

    def when(self, state: object, first: int, last: int) -> tuple[int, int] | None:
        """Return the first time and the last one, between two, at which this was the state."""
        found: list[int] = []
        for index in range(bisect_right(self.since, first) - 1, len(self.since)):
            if self.since[index] > last:
                break
            if self.states[index] == state:
                found += [max(self.since[index], first), self._until(index, last)]
        return (found[0], found[-1]) if found else None

    def _until(self, index: int, last: int) -> int:
        is_latest = index + 1 == len(self.since)
        return last if is_latest else min(last, self.since[index + 1] - 1)

    def state_at(self, number: int) -> object:
        """Return the state at a time."""
        return self.states[bisect_right(self.since, number) - 1]

    def next_after(self, number: int) -> int | None:
        """Return when there was a change for the first time after a time."""
        index = bisect_right(self.touched, number)
        return self.touched[index] if index < len(self.touched) else None


class Truth:
    """`count` is how many things happened to the server: transactions, and losses of its past."""

    def __init__(self) -> None:
        self.count = 0
        self.losses = 0  # of transactions that were told of already
        self.lost_at = -1  # the latest loss
        self.nodes: dict[str, Node] = {}
        self.sessions: dict[int, None] = {}
        self.happenings: list[Happening] = []
        self.written: dict[bytes, list[int]] = {}  # when what is unique was written
        self.deleted: dict[str, list[int]] = {}
        self.zxids: dict[int, int] = {}  # when each was committed
        self.problems: list[str] = []
        self._transactions: list[Transaction] = []
        self._children: dict[str, dict[str, None]] = {"/": {}}
        self._datas: dict[str, Past] = {}
        self._names: dict[str, Past] = {}

    # What happens

    def commit(self, transaction: Transaction) -> None:
        """Take a transaction."""
        self.count += 1
        self._transactions.append(transaction)
        if self.zxids and transaction.zxid <= next(reversed(self.zxids)):
            self.problems.append(f"zxid {transaction.zxid} comes late")
        self.zxids[transaction.zxid] = self.count
        self._apply(transaction)
        for change in transaction.changes:
            match change:
                case ReplaceData(path):
                    self._note_data(path)
                case CreateNode(path) | DeleteNode(path):
                    self._note_data(path)
                    self._note_names(path)
                    self._note_names(paths.parent(path))

    def lose(self, kept: int) -> None:
        """Go back to the first transactions."""
        self.count += 1
        self.losses += 1
        self.lost_at = self.count
        before = dict.fromkeys([*self.nodes, *self._children])
        transactions = self._transactions[:kept]
        self._transactions = []
        self.nodes, self.sessions, self._children = {}, {}, {"/": {}}
        self.zxids = {}
        happenings, written, deleted = self.happenings, self.written, self.deleted
        self.happenings, self.written, self.deleted = [], {}, {}
        for transaction in transactions:
            self._transactions.append(transaction)
            self.zxids[transaction.zxid] = self.count
            self._apply(transaction)
        # What happened has happened, though it is true no more.
        self.happenings, self.written, self.deleted = happenings, written, deleted
        for path in dict.fromkeys([*before, *self.nodes, *self._children]):
            self._note_data(path)
            self._note_names(path)

    @property
    def length(self) -> int:
        """How many transactions the present past has."""
        return len(self._transactions)

    def _apply(self, transaction: Transaction) -> None:
        for change in transaction.changes:
            match change:
                case CreateNode(path, data, _, owner):
                    self._create(path, data or b"", owner, transaction.zxid)
                case DeleteNode(path):
                    self._delete(path, transaction.zxid)
                case ReplaceData(path, data):
                    node = self.nodes[path]
                    version = node.version + 1
                    self.nodes[path] = Node(
                        data or b"", version, node.czxid, transaction.zxid, node.owner
                    )
                    self.written.setdefault(data or b"", []).append(self.count)
                    self._happened(transaction.zxid, EventType.CHANGED, path)
                case BeginSession(session_id):
                    self.sessions[session_id] = None
                case EndSession(session_id):
                    self.sessions.pop(session_id, None)
                    self._require_no_leftovers(session_id)
                case _:
                    raise NotImplementedError(change)

    def _create(self, path: str, data: bytes, owner: int, zxid: int) -> None:
        if path in self.nodes:
            self.problems.append(f"{path} was created twice")
        if owner > 0 and owner not in self.sessions:
            self.problems.append(f"{path} was created by the dead session {owner:#x}")
        self.nodes[path] = Node(data, 0, zxid, zxid, owner)
        self._children.setdefault(path, {})
        parent = paths.parent(path)
        self._children[parent][paths.name(path)] = None
        self.written.setdefault(data, []).append(self.count)
        self._happened(zxid, EventType.CREATED, path)
        self._happened(zxid, EventType.CHILD, parent)

    def _delete(self, path: str, zxid: int) -> None:
        del self.nodes[path]
        if self._children.pop(path, None):
            self.problems.append(f"{path} was deleted, and its children were not")
        parent = paths.parent(path)
        del self._children[parent][paths.name(path)]
        self.deleted.setdefault(path, []).append(self.count)
        self._happened(zxid, EventType.DELETED, path)
        self._happened(zxid, EventType.CHILD, parent)

    def _require_no_leftovers(self, session_id: int) -> None:
        for path, node in self.nodes.items():
            if node.owner == session_id:
                self.problems.append(f"{path} outlived its session {session_id:#x}")

    def _happened(self, zxid: int, kind: EventType, path: str) -> None:
        self.happenings.append(Happening(self.count, zxid, kind, path))

    def _note_data(self, path: str) -> None:
        self.data_of(path).add(self.count, self.nodes.get(path))

    def _note_names(self, path: str) -> None:
        self.names_of(path).add(self.count, self.names_at(path))

    # What is true

    def data_of(self, path: str) -> Past:
        """Return the past of a node's data and status."""
        return self._datas.setdefault(path, Past())

    def names_of(self, path: str) -> Past:
        """Return the past of a node's children."""
        return self._names.setdefault(path, Past())

    def names_at(self, path: str) -> Names | None:
        """Return the names of a node's children now."""
        names = self._children.get(path)
        return None if names is None else frozenset(names)

    def differences(self, store: Store) -> list[str]:
        """Say where the server has something else than its transactions make."""
        nodes = {
            path: Node(node.data or b"", node.version, node.czxid, node.mzxid, node.owner)
            for path, node in store.tree.nodes.items()
            if path and path != "/" and not path.startswith("/zookeeper")
        }
        return [
            f"{path}: {nodes.get(path)} is not {self.nodes.get(path)}"
            for path in dict.fromkeys([*nodes, *self.nodes])
            if nodes.get(path) != self.nodes.get(path)
        ]
