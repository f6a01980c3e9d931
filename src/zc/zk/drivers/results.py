"""Outcomes as the thread driver hands them out: to one who waits at once, and to one who may ask later."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zc.zk.errors import OperationTimeoutError
from zc.zk.operations import Operation
from zc.zk.protocol.requests import NEVER, Request

if TYPE_CHECKING:
    from zc.zk.drivers.threads import ThreadDriver

T = TypeVar("T")


class Waiting(Request):
    """A request whose caller waits in `wait`."""

    __slots__ = ("_answer", "_error", "_latch")

    def __init__(
        self,
        operation: Operation[Any],
        body: bytes,
        deadline: float,
        fail_fast: bool = False,
        new_lock: Callable[[], Any] = threading.Lock,
    ) -> None:
        super().__init__(operation, body, deadline, fail_fast)
        self._latch = new_lock()
        self._latch.acquire()
        self._answer: Any = None  # the operation's type of answer
        self._error: Exception | None = None

    def resolve(self, answer: Any) -> None:
        self.ended = True
        self._answer = answer
        self._latch.release()

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._error = error
        self._latch.release()

    def wait(self, tick: Callable[[], None]) -> Any:
        """Return the answer or raise the error; `tick` makes the session look at the deadlines."""
        latch, deadline = self._latch, self.deadline
        if deadline == NEVER:
            latch.acquire()
        else:
            while not latch.acquire(timeout=max(0.001, min(deadline - monotonic(), 1e6))):
                tick()
        if self._error is not None:
            raise self._error
        return self._answer


class AsyncResult(Request, Generic[T]):
    """The outcome of an `*_async` call, there or still to come.

    Outcomes of single operations come in the order of the calls, but for writes whose reply was lost with the
    connection: what became of them is found out first, or else they end in `ConnectionLoss`. A read is asked again.
    """

    __slots__ = ("_answer", "_driver", "_error", "_latches", "_links")

    def __init__(
        self,
        driver: "ThreadDriver",
        operation: Operation[Any],
        body: bytes,
        deadline: float,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(operation, body, deadline, fail_fast)
        self._driver = driver
        self._answer: Any = None
        self._error: Exception | None = None
        self._latches: list[Any] | None = None  # locks, each held by one who waits
        self._links: list[Callable[[AsyncResult[T]], object]] | None = None

    # --- told by the core, under the driver's lock

    def resolve(self, answer: Any) -> None:
        self._answer = answer
        self._end()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._end()

    def _end(self) -> None:
        self.ended = True
        for latch in self._latches or ():
            latch.release()
        for link in self._links or ():
            self._driver.callbacks.post(link, partial(link, self))
        self._latches = self._links = None

    def set(self, value: T | None = None) -> None:
        """Make this the answer, as one who promised it; an outcome that is there stays."""
        with self._driver.lock:
            if not self.ended:
                self.resolve(value)

    def set_exception(self, exception: Exception) -> None:
        """Make this error the outcome, as one who promised an answer; an outcome that is there stays."""
        with self._driver.lock:
            if not self.ended:
                self.fail(exception)

    # --- asked by callers

    @property
    def ready(self) -> "Truth":
        """Whether the outcome is there; may be called, too, as kazoo documents it: `result.ready()`."""
        return _YES if self.ended else _NO

    def successful(self) -> bool:
        """Whether the outcome is there, and not an error."""
        return self.ended and self._error is None

    @property
    def value(self) -> T | None:
        """The answer, None until it is there."""
        return self._answer if self.ended else None

    @property
    def exception(self) -> Exception | None:
        """The error, if the outcome is one."""
        return self._error

    def get(self, block: bool | float | None = True, timeout: float | None = None) -> T:
        """Wait for the answer and return it, or raise its error.

        Raises `OperationTimeoutError` after `timeout` seconds, without `block` at once; the operation goes on, and
        `get` may be called again. A number for `block` is the time-out.
        """
        if block is False:
            timeout = 0
        elif block is not True and block is not None:
            timeout = block
        return self.result(timeout)

    def result(self, timeout: float | None = None) -> T:
        """As `get`, with the time-out alone."""
        if not self.wait(timeout):
            standing = self._driver.session.standing
            reason = standing or f"still under way after {timeout:g} s"
            maybe_applied = not self.operation.is_read
            raise OperationTimeoutError(self.path, reason=reason, maybe_applied=maybe_applied)
        if self._error is not None:
            raise self._error
        answer: T = self._answer
        return answer

    def get_nowait(self) -> T:
        """Return the answer or raise its error, or `OperationTimeoutError` if neither is there yet."""
        return self.result(0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the outcome is there, or `timeout` seconds; return whether it is."""
        if self.ended:
            return True
        if timeout is not None and timeout <= 0:
            self._driver.flush()
            return self.ended
        self._driver.require_can_wait()
        latch = self._driver.new_lock()
        latch.acquire()
        with self._driver.lock:
            if self.ended:
                return True
            self._latches = [*(self._latches or ()), latch]
        self._driver.flush()
        until = NEVER if timeout is None else monotonic() + timeout
        while not self.ended:
            now = monotonic()
            if now >= until:
                with self._driver.lock:
                    self._latches = [each for each in self._latches or () if each is not latch]
                return self.ended
            latch.acquire(timeout=min(max(0.001, min(until, self.deadline) - now), 1e6))
            if not self.ended and monotonic() >= self.deadline:
                self._driver.tick()
        return True

    def rawlink(self, callback: Callable[["AsyncResult[T]"], object]) -> None:
        """Have `callback` called with this when the outcome is there; never on the I/O thread."""
        with self._driver.lock:
            if not self.ended:
                self._links = [*(self._links or ()), callback]
                return
        self._driver.callbacks.post(callback, partial(callback, self))

    def unlink(self, callback: Callable[["AsyncResult[T]"], object]) -> None:
        """Undo a `rawlink`."""
        with self._driver.lock:
            self._links = [each for each in self._links or () if each != callback]

    def __repr__(self) -> str:
        standing = "pending" if not self.ended else "failed" if self._error else "ready"
        return f"<AsyncResult of {self._name} {self.path or ''} {standing}>"

    @property
    def _name(self) -> str:
        return type(self.operation).__name__


class Truth(int):
    """True or false, and the same again when it is called."""

    __slots__ = ()

    def __call__(self) -> bool:
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


_YES, _NO = Truth(True), Truth(False)


@dataclass(frozen=True, slots=True)
class Work(Operation[Any]):  # Any: a result of whatever type
    """Stands for the operation where there are several, which is never sent itself."""

    title: str
    path: str | None = None


class Promise(AsyncResult[T]):
    """The outcome of work of several steps; whoever does it sets it."""

    __slots__ = ("_title",)

    def __init__(self, driver: "ThreadDriver", work: Work, deadline: float = NEVER) -> None:
        super().__init__(driver, work, b"", deadline)
        self._title = work.title

    @property
    def _name(self) -> str:
        return self._title
