"""Runs plans on threads: in the caller's, blocking, or in the background, a step at a time as answers come."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from zc.zk.drivers.nesting import Bell
from zc.zk.drivers.results import AsyncResult, Promise, Work
from zc.zk.errors import (
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    UsageError,
    ZooKeeperError,
)
from zc.zk.operations import Operation, Step
from zc.zk.plans import Change, Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.requests import NEVER, Request, encode

if TYPE_CHECKING:
    from zc.zk.drivers.threads import ThreadDriver

R = TypeVar("R")
log = logging.getLogger("zc.zk")


def run(
    driver: "ThreadDriver",
    plan: Plan[R],
    deadline: float,
    longest: float = NEVER,
    fail_fast: bool = False,
) -> R:
    """Run a plan in the caller's thread and return its result.

    Each operation fails with `OperationTimeoutError` at the deadline, or when it has had no answer for `longest`
    seconds. A wait that has a bound of its own does not count: it puts the deadline off; any other ends as false at the
    deadline. With `fail_fast` no operation waits for a connection. Whatever interrupts the caller, such as
    KeyboardInterrupt, is thrown into the plan, which cleans up and lets it go.
    """
    try:
        step = next(plan)
        while True:
            begun = monotonic()
            try:
                answer = _perform(driver, step, deadline, longest, fail_fast)
            except BaseException as error:  # noqa: BLE001 (the plan decides what becomes of it)
                step = plan.throw(error)
            else:
                if isinstance(step, Wait) and step.seconds is not None:
                    deadline += monotonic() - begun
                step = plan.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result


def _perform(
    driver: "ThreadDriver", step: Step[Any], deadline: float, longest: float, fail_fast: bool
) -> Any:
    until = min(deadline, monotonic() + longest)
    if isinstance(step, Operation):
        return driver.call(step, until, fail_fast)
    if isinstance(step, Together):
        results = [driver.call_async(each, until, fail_fast) for each in step.operations]
        return [_outcome(result.get) for result in results]
    if isinstance(step, Wait):
        until = deadline if step.seconds is None else monotonic() + step.seconds
        return _wait(driver, step.change, until)
    if isinstance(step, Pause):
        until = monotonic() + step.seconds
        if until > deadline:
            raise OperationTimeoutError(reason="the plan would pause beyond its deadline")
        driver.sleep(step.seconds)
        return None
    if isinstance(step, Whoami):
        return ids(driver)
    raise NotImplementedError(step)


def _outcome(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except ZooKeeperError as error:
        return error


def _wait(driver: "ThreadDriver", change: Change, until: float) -> bool:
    driver.require_can_wait()
    told = Bell(driver.new_lock)
    with driver.lock:
        if driver.session.phase.is_ending:
            raise ConnectionClosedError
        if change.event is not None:
            return True
        change.told = told.ring
    return told.wait(until - monotonic())


def ids(driver: "ThreadDriver") -> Ids:
    """Return which session this is now."""
    with driver.lock:
        session = driver.session
        identity = session.identity
        return Ids(identity.session_id, frozenset(session.earlier_ids), identity.timeout)


def run_async(
    driver: "ThreadDriver",
    plan: Plan[R],
    work: Work,
    deadline: float,
    longest: float = NEVER,
    fail_fast: bool = False,
) -> AsyncResult[R]:
    """Run a plan in the background, and return at once what will have its result.

    Its operations have the bounds that `run` gives them. The first step is done in the caller's thread: what cannot be
    sent is raised there, and its request leaves before those of the caller's next calls.
    """
    promise: Promise[R] = Promise(driver, work, deadline)
    _Promised(driver, plan, deadline, longest, promise, fail_fast).begin()
    return promise


class Background:
    """A plan that runs on callback threads, and holds none of them while it waits.

    It ends with its plan, or when the client is closed: then `ConnectionClosedError` is thrown in.
    """

    def __init__(
        self,
        driver: "ThreadDriver",
        plan: Plan[Any],  # Any: what comes of it is for those who are promised it
        name: str,
        deadline: float = NEVER,
        longest: float = NEVER,
        fail_fast: bool = False,
    ) -> None:
        self._driver = driver
        self._plan = plan
        self._name = name
        self._deadline = deadline
        self._longest = longest
        self._fail_fast = fail_fast
        self.has_ended = False

    def start(self) -> "Background":
        """Begin on a callback thread."""
        self._post(lambda: self._plan.send(None))
        return self

    def _post(self, advance: Callable[[], Step[Any]]) -> None:
        self._driver.callbacks.post(self, lambda: self._advance(advance))

    def _advance(self, advance: Callable[[], Step[Any]]) -> None:
        try:
            step = advance()
        except StopIteration as end:
            self.has_ended = True
            self._succeeded(end.value)
        except Exception as error:  # noqa: BLE001 (told to whoever wants to know, or logged)
            self.has_ended = True
            self._failed(error)
        else:
            try:
                self._begin(step)
            except UsageError as error:  # nothing was sent: there will be no other answer
                self.throw(error)

    def _succeeded(self, result: Any) -> None:
        pass

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, ConnectionClosedError):
            log.error("%s ended by an unexpected error", self._name, exc_info=error)

    def _begin(self, step: Step[Any]) -> None:
        driver = self._driver
        if isinstance(step, Operation):
            until = min(self._deadline, monotonic() + self._longest)
            body = encode(step, driver.session.trail.root)
            driver.submit(_Step(self, step, body, until, self._fail_fast))
        elif isinstance(step, Wait):
            with driver.lock:
                if step.change.event is None and not driver.session.phase.is_ending:
                    step.change.told = self.answerer(True)
                    return
            self.answer(True)
        elif isinstance(step, Pause):
            driver.call_later(step.seconds, self.answerer(None))
        elif isinstance(step, Whoami):
            self.answer(ids(driver))
        else:
            raise NotImplementedError(step)

    def answerer(self, answer: Any) -> Callable[[], None]:
        return lambda: self.answer(answer)

    def answer(self, answer: Any) -> None:
        """Go on with an answer, on a callback thread."""
        self._post(lambda: self._plan.send(answer))

    def throw(self, error: Exception) -> None:
        """Go on with an error, on a callback thread."""
        self._post(lambda: self._plan.throw(error))

    def __repr__(self) -> str:
        return f"<{self._name}>"


class _Promised(Background):
    def __init__(
        self,
        driver: "ThreadDriver",
        plan: Plan[Any],
        deadline: float,
        longest: float,
        promise: AsyncResult[Any],
        fail_fast: bool = False,
    ) -> None:
        super().__init__(driver, plan, repr(promise), deadline, longest, fail_fast)
        self._promise = promise

    def begin(self) -> None:
        """Take the first step."""
        try:
            step = next(self._plan)
        except StopIteration as end:
            self._succeeded(end.value)
            return
        try:
            self._begin(step)
        except UsageError:
            self._plan.close()
            raise

    def _succeeded(self, result: Any) -> None:
        self._promise.set(result)

    def _failed(self, error: Exception) -> None:
        self._promise.set_exception(error)


class Settled(AsyncResult[R]):
    """The outcome of a write; when its reply is lost, `settle` makes the plan that finds out what became of it."""

    __slots__ = ("_is_settling", "_settle")

    def __init__(
        self,
        driver: "ThreadDriver",
        operation: Operation[R],
        settle: Callable[[Operation[R], ConnectionLoss], Plan[R]],
        deadline: float,
    ) -> None:
        super().__init__(driver, operation, encode(operation, driver.session.trail.root), deadline)
        self._settle = settle
        self._is_settling = False

    def fail(self, error: Exception) -> None:
        if isinstance(error, ConnectionLoss) and error.session_id and not self._is_settling:
            self._is_settling = True
            plan = self._settle(self.operation, error)
            _Promised(self._driver, plan, self.deadline, NEVER, self).start()
        else:
            super().fail(error)


class _Step(Request):
    __slots__ = ("_background",)

    def __init__(
        self,
        background: Background,
        operation: Operation[Any],
        body: bytes,
        deadline: float,
        fail_fast: bool,
    ) -> None:
        super().__init__(operation, body, deadline, fail_fast)
        self._background = background

    def resolve(self, answer: Any) -> None:
        self.ended = True
        self._background.answer(answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._background.throw(error)
