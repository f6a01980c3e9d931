"""What answers one client may be given, and what it may be told: all is compared with the truth."""

from collections.abc import Callable
from typing import Any

from tests.simulation.clock import Clock
from tests.simulation.story import Story, shown
from tests.simulation.truth import Node, Truth
from zc.zk.errors import ZooKeeperError
from zc.zk.operations import (
    Create,
    Create2,
    Delete,
    Exists,
    GetChildren,
    GetChildren2,
    GetData,
    Multi,
    MultiRead,
    Operation,
    SetData,
)
from zc.zk.operations.creating import Creates
from zc.zk.protocol.requests import NEVER, Request, encode
from zc.zk.records import Stat

_LATE = 0.001  # seconds


class Question(Request):
    """A request that knows when it was asked, and insists on one outcome."""

    __slots__ = ("begun", "error", "judge", "outcomes", "then")

    def __init__(
        self,
        judge: "Judge",
        operation: Operation[Any],
        deadline: float = NEVER,
        then: Callable[[Any], None] = lambda _: None,  # Any: the answer's type is the operation's
        *,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(operation, encode(operation, ""), deadline, fail_fast)
        self.judge = judge
        self.begun = judge.truth.count
        self.outcomes = 0
        self.error: Exception | None = None
        self.then = then

    def resolve(self, answer: Any) -> None:
        super().resolve(answer)
        self.outcomes += 1
        self.judge.answered(self, answer)
        self.then(answer)

    def fail(self, error: Exception) -> None:
        super().fail(error)
        self.outcomes += 1
        self.error = error
        self.judge.refused(self, error)


class Judge:
    """Judges what one client is answered, in the order of the answers.

    `floor` is what the client has seen of the server's past: nothing older may follow.
    """

    def __init__(self, name: str, truth: Truth, story: Story, clock: Clock) -> None:
        self.name = name
        self.truth = truth
        self.story = story
        self.floor = 0
        self.questions: list[Question] = []
        self.open: dict[Question, None] = {}
        self.refused_for_good: list[Operation[Any]] = []
        self.on_floor: Callable[[], None] = lambda: None
        self._clock = clock

    def ask(self, question: Question) -> None:
        """Take note of a question that is about to be asked."""
        self.story.tell(self.name, "asks", question.operation)
        self.story.count("asked")
        self.open[question] = None
        if question.deadline != NEVER:
            self._clock.at(question.deadline + _LATE, lambda: self._require_end(question))

    def _require_end(self, question: Question) -> None:
        if not self.is_excused:
            self.check(question.ended, "R19: no outcome by the deadline", question.operation)

    is_excused = False  # while the process does not run

    def check(self, holds: object, promise: str, *about: Any) -> None:
        """Insist that something holds."""
        self.story.check(holds, f"{self.name}: {promise}", *about)

    # --- outcomes

    def answered(self, question: Question, answer: Any) -> None:
        """Judge an answer."""
        self.story.tell(self.name, "is answered", question.operation, _short(answer))
        self.story.count("answered")
        self._settled(question)
        self._judge(question.operation, answer, question.begun)

    def refused(self, question: Question, error: Exception) -> None:
        """Judge an error."""
        self.story.tell(self.name, "is refused", question.operation, error)
        self.story.count(type(error).__name__)
        self._settled(question)
        self.failed(question.operation, error)

    def _settled(self, question: Question) -> None:
        self.check(question.outcomes == 1, "R19: two outcomes", question.operation)
        self.open.pop(question, None)

    def failed(self, operation: Operation[Any], error: Exception) -> None:
        """Note that something failed; unless it may be, it must never have been done."""
        self.check(isinstance(error, ZooKeeperError), "an error of another tree", error)
        if isinstance(error, ZooKeeperError) and not error.maybe_applied:
            self.refused_for_good.append(operation)

    def succeeded(self, operation: Operation[Any], answer: Any, begun: int) -> None:
        """Judge what a plan of several steps returned in the end."""
        self._judge(operation, answer, begun)

    def _judge(self, operation: Operation[Any], answer: Any, begun: int) -> None:
        match operation:
            case Multi(parts):
                at = {self._write(part, result, begun) for part, result in _done(parts, answer)}
                self.check(len(at) <= 1, "a transaction was torn", operation)
                for each in at:
                    self.see(each)
            case SetData() | Create() | Create2() | Delete():
                self.see(self._write(operation, answer, begun))
            case MultiRead(parts):
                for part, result in zip(parts, answer, strict=True):
                    if not isinstance(result, Exception):
                        self.read(part, result, begun)
            case _:
                self.read(operation, answer, begun)

    # --- writes

    def _write(self, operation: Operation[Any], answer: Any, begun: int) -> int:
        """Return when a write was done that is said to be."""
        truth = self.truth
        if isinstance(operation, Delete):
            times = truth.deleted.get(operation.path, [])
        else:
            data = getattr(operation, "data", b"")
            times = truth.written.get(data, [])
        within = [each for each in times if begun < each]
        self.check(within, "R22: acknowledged, and not done", operation)
        self.check(within[-1] >= self.floor, "R22: acknowledged out of order", operation)
        at = next(each for each in within if each >= self.floor)
        if isinstance(operation, Creates):
            path, stat = answer if isinstance(answer, tuple) else (answer, None)
            self._check_created(operation, path, at)
            answer = stat
        if isinstance(answer, Stat):
            zxid = answer.mzxid
            self.check(
                truth.zxids.get(zxid) == at or truth.losses, "R21: another's status", operation
            )
        return at

    def _check_created(self, operation: Creates[Any], path: str, at: int) -> None:
        self.check(path.startswith(operation.path), "R21: another's path", operation, path)
        state = self.truth.data_of(path).state_at(at)
        has_data = isinstance(state, Node) and state.data == operation.data
        self.check(has_data or self.truth.losses, "R22: acknowledged elsewhere", operation, path)

    # --- reads

    def read(
        self, operation: Operation[Any], answer: Any, begun: int = 0
    ) -> tuple[int, int] | None:
        """Judge the answer to a read; return the first and the last time at which it was true."""
        path = getattr(operation, "path", "")
        match operation:
            case GetData():
                data, stat = answer
                return self.saw_node(path, _node(data, stat), begun)
            case Exists():
                return self._saw_status(path, answer, begun)
            case GetChildren():
                return self.saw_names(path, frozenset(answer), begun)
            case GetChildren2():
                return self.saw_names(path, frozenset(answer[0]), begun)
        return None

    def _saw_status(self, path: str, stat: Stat | None, begun: int) -> tuple[int, int]:
        if stat is None:
            return self.saw_node(path, None, begun)
        past = self.truth.data_of(path)
        for state in past.states:
            if isinstance(state, Node) and state == _node(state.data, stat):
                found = past.when(state, max(begun, self.floor), self.truth.count)
                if found is not None:
                    self.see(found[0])
                    return found
        self.check(False, "R22: a read of what was not", path, stat)
        raise AssertionError

    def saw_node(self, path: str, node: Node | None, begun: int = 0) -> tuple[int, int]:
        """Judge what a client was shown of a node."""
        found = self.truth.data_of(path).when(node, max(begun, self.floor), self.truth.count)
        self.check(found, "R3, R22: a read of what was not, or no more", path, node)
        assert found is not None
        self.see(found[0])
        return found

    def saw_names(self, path: str, names: frozenset[str] | None, begun: int = 0) -> tuple[int, int]:
        """Judge what a client was shown of a node's children."""
        found = self.truth.names_of(path).when(names, max(begun, self.floor), self.truth.count)
        self.check(found, "R3, R22: children that were not, or are no more", path, names)
        assert found is not None
        self.see(found[0])
        return found

    def see(self, number: int) -> None:
        """Note what the client has seen of the past."""
        if number > self.floor:
            self.floor = number
            self.on_floor()

    # --- in the end

    def check_refused(self) -> None:
        """Check that what was refused was not done."""
        for operation in self.refused_for_good:
            parts = operation.operations if isinstance(operation, Multi) else [operation]
            for part in parts:
                data = getattr(part, "data", None)
                if data and (isinstance(part, Creates | SetData)):
                    times = self.truth.written.get(data)
                    self.check(not times, "R20: refused, and done all the same", operation)


def _done(parts: Any, answer: Any) -> list[tuple[Operation[Any], Any]]:
    pairs = zip(parts, answer, strict=True)
    return [
        (part, result)
        for part, result in pairs
        if isinstance(part, Creates | SetData) and not isinstance(result, Exception)
    ]


def _node(data: bytes, stat: Stat) -> Node:
    return Node(data, stat.version, stat.czxid, stat.mzxid, stat.ephemeralOwner)


def _short(answer: Any) -> str:
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], Stat):
        return f"{shown(answer[0])} mzxid={answer[1].mzxid:#x}"
    if isinstance(answer, Stat):
        return f"mzxid={answer.mzxid:#x}"
    return shown(answer)
