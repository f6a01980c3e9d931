"""Runs plans on an event loop: as part of the task that asks, which may be cancelled at any moment."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from zc.zk.drivers.aio.future import Asked, is_awaited, ring, wait_for
from zc.zk.drivers.aio.tasks import begin_later
from zc.zk.drivers.background import Promised, ids
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
    from zc.zk.drivers.aio.driver import AioDriver

R = TypeVar("R")


async def run(
    driver: "AioDriver",
    plan: Plan[R],
    deadline: float,
    longest: float = NEVER,
    fail_fast: bool = False,
) -> R:
    """Run a plan and return its result; the bounds are those of `planning.run`.

    When the task is cancelled, that is thrown into the plan, which cleans up, to its end: in a task of its own that
    cannot be cancelled, and that this waits for, however often it is cancelled meanwhile.
    """
    course = _Course(driver, plan, deadline, longest, fail_fast)
    try:
        result: R = await course.go(None, None)
        return result
    except asyncio.CancelledError as cancelled:
        while not course.has_ended:  # the end of a loop cancels all tasks, be it a clean-up
            await _to_the_end(course.go(None, cancelled))
        raise


async def _to_the_end(work: Coroutine[Any, Any, Any]) -> None:
    cleaning = begin_later(asyncio.get_running_loop(), work, "zc.zk clean-up")
    while not cleaning.done():
        try:
            await asyncio.wait((cleaning,))
        except asyncio.CancelledError:  # once more
            continue
    if not cleaning.cancelled():
        cleaning.exception()  # the cancellation, or what went wrong in the clean-up: only the first is told


def run_async(
    driver: "AioDriver",
    plan: Plan[R],
    name: str,
    deadline: float,
    longest: float = NEVER,
    fail_fast: bool = False,
) -> "asyncio.Future[R]":
    """Run a plan in the background, and return at once the future that will have its result.

    The first step is done at once: its request leaves before those of the caller's next calls. A future that is
    cancelled leaves the plan alone.
    """
    future = driver.loop.create_future()
    Promised(driver, plan, deadline, longest, _Outcome(future), name, fail_fast).begin()
    return future


class _Outcome:
    """Gives the outcome of a plan to a future."""

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self._future = future

    def set(self, value: Any) -> None:
        if is_awaited(self._future):
            self._future.set_result(value)

    def set_exception(self, exception: Exception) -> None:
        if is_awaited(self._future):
            self._future.set_exception(exception)


def settled(
    driver: "AioDriver",
    operation: Operation[R],
    settle: Callable[[Operation[R], ConnectionLoss], Plan[R]],
    deadline: float,
) -> "asyncio.Future[R]":
    """Ask for a write; when its reply is lost, `settle` makes the plan that finds out what became of it."""
    return driver.ask(_Settled(driver, operation, settle, deadline))


class _Settled(Asked):
    __slots__ = ("_driver", "_is_settling", "_settle")

    def __init__(
        self,
        driver: "AioDriver",
        operation: Operation[R],
        settle: Callable[[Operation[R], ConnectionLoss], Plan[R]],
        deadline: float,
    ) -> None:
        body = encode(operation, driver.session.trail.root)
        super().__init__(driver.loop.create_future(), operation, body, deadline, fail_fast=False)
        self._driver = driver
        self._settle = settle
        self._is_settling = False

    def fail(self, error: Exception) -> None:
        if isinstance(error, ConnectionLoss) and error.session_id and not self._is_settling:
            self._is_settling = True
            _Settling(self._driver, self._settle(self.operation, error), self).start()
        else:
            super().fail(error)


class _Settling(Promised):
    """Finds out what became of a write, and makes it again if it was not done and is still wanted."""

    def __init__(self, driver: "AioDriver", plan: Plan[Any], write: _Settled) -> None:
        name = type(write.operation).__name__
        super().__init__(driver, plan, write.deadline, NEVER, _Outcome(write.future), name)
        self._write = write

    def _begin(self, step: Step[Any]) -> None:
        if self._write.future.cancelled():
            self._plan.close()
            self.has_ended = True
        else:
            super()._begin(step)

    def _succeeded(self, result: Any) -> None:
        if self._write.future.cancelled():
            self._driver.session.chronicle.done_late(self._write.operation, result)
        super()._succeeded(result)


class _Course:
    """A plan on its way."""

    def __init__(
        self,
        driver: "AioDriver",
        plan: Plan[Any],  # Any: whatever the plan returns
        deadline: float,
        longest: float,
        fail_fast: bool,
    ) -> None:
        self._driver = driver
        self._plan = plan
        self._deadline = deadline
        self._longest = longest
        self._fail_fast = fail_fast
        self.has_ended = False

    async def go(self, answer: Any, error: BaseException | None) -> Any:
        """Go on with an answer, or an error, to the end; a cancellation in between is the caller's to go on with."""
        plan = self._plan
        while True:
            try:
                step = plan.send(answer) if error is None else plan.throw(error)
            except StopIteration as end:
                self.has_ended = True
                return end.value
            except BaseException:
                self.has_ended = True
                raise
            error = None
            begun = monotonic()
            try:
                answer = await self._perform(step)
            except Exception as raised:  # noqa: BLE001 (the plan decides what becomes of it)
                error = raised
            else:
                if isinstance(step, Wait) and step.seconds is not None:
                    self._deadline += monotonic() - begun

    async def _perform(self, step: Step[Any]) -> Any:
        driver, deadline = self._driver, self._deadline
        until = min(deadline, monotonic() + self._longest)
        if isinstance(step, Operation):
            return await driver.call(step, until, self._fail_fast)
        if isinstance(step, Together):
            return await self._together(step.operations, until)
        if isinstance(step, Wait):
            seconds = deadline - monotonic() if step.seconds is None else step.seconds
            return await _wait(driver, step.change, seconds)
        if isinstance(step, Pause):
            if monotonic() + step.seconds > deadline:
                raise OperationTimeoutError(reason="the plan would pause beyond its deadline")
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Whoami):
            return ids(driver)
        raise NotImplementedError(step)

    async def _together(self, operations: Sequence[Operation[Any]], until: float) -> list[Any]:
        results: list[asyncio.Future[Any]] = []
        try:
            for each in operations:
                results.append(self._driver.call_async(each, until, self._fail_fast))  # noqa: PERF401 (one may raise)
            return [await _outcome(result) for result in results]
        finally:
            for result in results:  # when we are cancelled, or one could not be asked
                _forget(result)


async def _outcome(result: "asyncio.Future[Any]") -> Any:
    try:
        return await result
    except ZooKeeperError as error:
        return error


def _forget(result: "asyncio.Future[Any]") -> None:
    """Have nobody complain that an outcome was not looked at."""
    if not result.cancel() and not result.cancelled():
        result.exception()


async def _wait(driver: "AioDriver", change: Change, seconds: float) -> bool:
    if driver.session.phase.is_ending:
        raise ConnectionClosedError
    if change.event is not None:
        return True
    told = driver.loop.create_future()
    change.told = partial(ring, told)
    await wait_for(told, monotonic() + min(seconds, 1e6))
    return told.done()
