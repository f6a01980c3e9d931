"""Runs plans on threads: in the caller's, blocking, or in the background."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from zc.zk.drivers.background import Promised, ids
from zc.zk.drivers.nesting import Bell
from zc.zk.drivers.results import AsyncResult, Promise, Work
from zc.zk.errors import (
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    ZooKeeperError,
)
from zc.zk.operations import Operation, Step
from zc.zk.plans import Change, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.requests import NEVER, encode

if TYPE_CHECKING:
    from zc.zk.drivers.threads import ThreadDriver

R = TypeVar("R")


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
    Promised(driver, plan, deadline, longest, promise, repr(promise), fail_fast).begin()
    return promise


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
            Promised(self._driver, plan, self.deadline, NEVER, self, repr(self)).start()
        else:
            super().fail(error)
