"""Runs plans against a tree of nodes in a dict, with whatever others do in between.

A plan is run until it ends, or until it waits for something that nobody does.
"""

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from zc.zk import operations as ops
from zc.zk import paths
from zc.zk.codes import ANY_VERSION, CreateFlag, EventType, KeeperState
from zc.zk.errors import (
    BadVersionError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
    ZooKeeperError,
)
from zc.zk.operations import Operation, Step, Watch
from zc.zk.plans import Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.records import Stat, WatchedEvent
from zc.zk.security import ACL, OPEN_ACL_UNSAFE

R = TypeVar("R")
US = 0x51  # the session that plans run in
OTHERS = 0x99


@dataclass(slots=True)
class Node:
    """A node; `owner` is 0 unless it is ephemeral."""

    data: bytes
    owner: int = 0
    acl: tuple[ACL, ...] = tuple(OPEN_ACL_UNSAFE)
    version: int = 0
    czxid: int = 0
    mzxid: int = 0

    @property
    def stat(self) -> Stat:
        """Give its status."""
        return Stat(
            self.czxid, self.mzxid, 0, 0, self.version, 0, 0, self.owner, len(self.data), 0, 0
        )


class Tree:
    """Nodes by path, and who watches them."""

    def __init__(self, *existing: str) -> None:
        self.nodes = {"/": Node(b"")}
        self.zxid = 0
        self._watches: list[tuple[str, bool, Watch]] = []
        for path in existing:
            self.create(path)

    def create(self, path: str, data: bytes = b"", owner: int = 0) -> None:
        """Create a node, as somebody else."""
        self._do(ops.Create(path, data), owner)
        self.nodes[path].owner = owner

    def write(self, path: str, data: bytes) -> None:
        """Replace data, as somebody else."""
        self._do(ops.SetData(path, data), OTHERS)

    def delete(self, path: str) -> None:
        """Delete a node, as somebody else."""
        self._do(ops.Delete(path), OTHERS)

    def end_session(self, session_id: int) -> None:
        """Delete what a session owns."""
        for path in [path for path, node in self.nodes.items() if node.owner == session_id]:
            self.delete(path)

    def names(self, path: str) -> list[str]:
        """Give the names of children."""
        return [
            paths.name(each) for each in self.nodes if each != "/" and paths.parent(each) == path
        ]

    def perform(self, operation: Operation[Any], session_id: int) -> Any:  # Any: its answer
        """Carry out an operation, or raise what a server would refuse it with."""
        if isinstance(operation, ops.Sync):
            return operation.path
        try:
            answer = self._do(operation, session_id)
        except ZooKeeperError as error:
            answer = operation.refused(getattr(error, "code", 0))
        watch = getattr(operation, "watch", None)
        if watch is not None:
            kind = isinstance(operation, (ops.GetChildren, ops.GetChildren2))
            self._watches.append((getattr(operation, "path", ""), kind, watch))
        return answer

    def _do(self, operation: Operation[Any], session_id: int) -> Any:  # Any: its answer
        match operation:
            case ops.Create(path) | ops.Create2(path):
                return self._create(operation, path, session_id)
            case ops.Delete(path, version):
                if self.names(path):
                    raise NotEmptyError(path)
                self._checked(path, version)
                del self.nodes[path]
                self._tell(EventType.DELETED, path)
                return None
            case ops.SetData(path, data, version):
                return self._set(path, data or b"", version)
            case ops.Multi():
                return self._do_all(operation, session_id)
            case _:
                return self._read(operation)

    def _read(self, operation: Operation[Any]) -> Any:  # Any: its answer
        match operation:
            case ops.GetData(path):
                node = self._checked(path)
                return node.data, node.stat
            case ops.Exists(path):
                return self._checked(path).stat
            case ops.GetChildren(path):
                self._checked(path)
                return self.names(path)
            case _:
                raise AssertionError(operation)

    def _set(self, path: str, data: bytes, version: int) -> Stat:
        node = self._checked(path, version)
        self.zxid += 1
        node.data, node.version, node.mzxid = data, node.version + 1, self.zxid
        self._tell(EventType.CHANGED, path)
        return node.stat

    def _do_all(self, multi: ops.Multi, session_id: int) -> list[Any]:
        # On another tree first: nobody is told of what is undone.
        rehearsal = Tree()
        rehearsal.nodes = copy.deepcopy(self.nodes)
        parts = multi.operations
        for number, part in enumerate(parts):
            try:
                rehearsal._do(part, session_id)
            except ZooKeeperError as error:
                before = [RolledBackError() for _ in parts[:number]]
                return [*before, error, *(RuntimeInconsistency() for _ in parts[number + 1 :])]
        return [self._do(part, session_id) for part in parts]

    def _create(self, operation: ops.Create | ops.Create2, path: str, session_id: int) -> Any:
        if path in self.nodes:
            raise NodeExistsError(path)
        self._checked(paths.parent(path))
        self.zxid += 1
        owner = session_id if CreateFlag.EPHEMERAL in operation.flags else 0
        node = Node(operation.data or b"", owner, operation.acl, 0, self.zxid, self.zxid)
        self.nodes[path] = node
        self._tell(EventType.CREATED, path)
        return path if isinstance(operation, ops.Create) else (path, node.stat)

    def _checked(self, path: str, version: int = ANY_VERSION) -> Node:
        node = self.nodes.get(path)
        if node is None:
            raise NoNodeError(path)
        if version not in (ANY_VERSION, node.version):
            raise BadVersionError(path)
        return node

    def _tell(self, kind: EventType, path: str) -> None:
        event = WatchedEvent(kind, KeeperState.CONNECTED, path)
        told = [each for each in self._watches if each[0] == path and not each[1]]
        self._watches = [each for each in self._watches if each not in told]
        for _, _, watch in told:
            watch.fire(event)


Deed = Callable[[], object]  # what happens: a deed that raises is how a step ends


class Playbook(Generic[R]):
    """A plan, the tree that it works on, and what happens meanwhile.

    `before` and `after` are lists of an operation's type and a deed, each done once, in order: at the next operation of
    that type. A deed that raises is how the operation ends: before it was done, or after.  `waits` are done while the
    plan waits or pauses.
    """

    def __init__(self, tree: Tree, plan: Plan[R]) -> None:
        self.tree = tree
        self.plan = plan
        self.session_id = US
        self.earlier: set[int] = set()
        self.before: list[tuple[type[Step[Any]], Deed]] = []
        self.after: list[tuple[type[Step[Any]], Deed]] = []
        self.waits: deque[Deed] = deque()
        self.steps: list[Step[Any]] = []
        self.pauses: list[float] = []
        self.has_ended = False
        self._result: R | None = None
        self._waiting: Wait | Pause | None = None

    def run(self) -> R:
        """Run the plan to its end, and give its result."""
        self.go_on()
        assert self.has_ended, f"the plan waits for ever: {self._waiting}"
        return self._result  # type: ignore[return-value]  # None where that is the result

    def go_on(self) -> "Playbook[R]":
        """Run the plan until it ends, or waits for what nobody does."""
        try:
            step = self._waiting or next(self.plan)
            while True:
                self._waiting = None
                if isinstance(step, Wait | Pause) and not self._is_over(step):
                    self._waiting = step
                    return self
                step = self._answer(step)
        except StopIteration as end:
            self.has_ended = True
            self._result = end.value
        return self

    def new_session(self, session_id: int) -> None:
        """Let the session be lost and another one begin; what the old one owned is still there."""
        self.earlier.add(self.session_id)
        self.session_id = session_id
        if isinstance(self._waiting, Wait):
            self._waiting.change.restart()

    def asked(self, kind: type[Step[Any]]) -> list[Any]:  # Any: of that kind
        """Give the steps of a kind that the plan asked for."""
        return [step for step in self.steps if isinstance(step, kind)]

    def _is_over(self, step: Wait | Pause) -> bool:
        if isinstance(step, Wait) and step.change.event is not None:
            return True
        while self.waits:
            self.waits.popleft()()
            if isinstance(step, Pause) or step.change.event is not None:
                return True
        return isinstance(step, Pause) or step.seconds is not None

    def _answer(self, step: Step[Any]) -> Step[Any]:
        self.steps.append(step)
        try:
            answer = self._perform(step)
        except ZooKeeperError as error:
            return self.plan.throw(error)
        return self.plan.send(answer)

    def _perform(self, step: Step[Any]) -> Any:  # Any: its answer
        match step:
            case Operation():
                self._do_next(self.before, step)
                answer = self.tree.perform(step, self.session_id)
                self._do_next(self.after, step)
                return answer
            case Together():
                return [self._perform(each) for each in step.operations]
            case Whoami():
                self._do_next(self.before, step)
                return Ids(self.session_id, frozenset(self.earlier), 10.0)
            case Wait():
                return step.change.event is not None
            case Pause():
                self.pauses.append(step.seconds)
                return None
            case _:
                raise AssertionError(step)

    def _do_next(self, deeds: list[tuple[type[Step[Any]], Deed]], step: Step[Any]) -> None:
        if deeds and isinstance(step, deeds[0][0]):
            deeds.pop(0)[1]()


def failing(error: ZooKeeperError) -> Deed:
    """Give a deed that raises."""

    def fail() -> None:
        raise error

    return fail
