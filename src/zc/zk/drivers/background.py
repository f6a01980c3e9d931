"""Plans that run in the background, a step at a time as answers come; the same for every driver."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from zc.zk.drivers.running import Driver
from zc.zk.errors import ConnectionClosedError, UsageError
from zc.zk.operations import Operation, Step
from zc.zk.plans import Ids, Pause, Plan, Wait, Whoami
from zc.zk.protocol.requests import NEVER, Request, encode

_UNSENT = (UsageError, NotImplementedError)  # nothing was sent: there will be no other answer
log = logging.getLogger("zc.zk")


class Background:
    """A plan that runs on callback threads, and holds none of them while it waits.

    It ends with its plan, or when the client is closed: then `ConnectionClosedError` is thrown in.
    """

    def __init__(
        self,
        driver: Driver,
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
            except _UNSENT as error:
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


class Outcome(Protocol):
    """Takes the outcome of a plan."""

    def set(self, value: Any) -> None:
        """Take a result."""

    def set_exception(self, exception: Exception) -> None:
        """Take an error."""


class Promised(Background):
    """A plan in the background whose outcome somebody was promised."""

    def __init__(
        self,
        driver: Driver,
        plan: Plan[Any],
        deadline: float,
        longest: float,
        promise: Outcome,
        name: str,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(driver, plan, name, deadline, longest, fail_fast)
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
        except _UNSENT:
            self._plan.close()
            raise

    def _succeeded(self, result: Any) -> None:
        self._promise.set(result)

    def _failed(self, error: Exception) -> None:
        self._promise.set_exception(error)


def ids(driver: Driver) -> Ids:
    """Return which session this is now."""
    with driver.lock:
        session = driver.session
        identity = session.identity
        return Ids(identity.session_id, frozenset(session.earlier_ids), identity.timeout)


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
