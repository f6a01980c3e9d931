"""Calls a function again when the network failed it."""

import random
import time
from collections.abc import Callable
from typing import ParamSpec, Self, TypeVar

from zc.zk.errors import (
    ArgumentError,
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    RequestTimeoutError,
    SessionExpiredError,
    SessionMovedError,
)
from zc.zk.retry import ForceRetryError, RetryFailedError, RetryInterruptedError

P = ParamSpec("P")
R = TypeVar("R")
FOREVER = -1
_ONE_LOOK = 0.1  # seconds between two questions whether to go on
_RETRYABLE = (
    ConnectionLoss,
    OperationTimeoutError,
    RequestTimeoutError,
    SessionMovedError,
    ForceRetryError,
)


class Retry:
    """Calls functions, and calls them again when the network failed them.

    `max_tries` is how many times a function is called again, -1 for any number of times. The first pause is about
    `delay` seconds, each next one `backoff` times as long and none longer than `max_delay`; each is longer or shorter
    by a random part of up to `max_jitter` of it. Nothing is begun again when the next attempt would come more than
    `deadline` seconds after the call. `interrupt` is called between attempts, at least every 0.1 s: when it returns
    true, `RetryInterruptedError` is raised.

    Called again is what ended in `ConnectionLoss`, `OperationTimeoutError`, `RequestTimeoutError`, `SessionMovedError`
    or `ForceRetryError`, and with `ignore_expire` in `SessionExpiredError`. Every other error is raised as it is, the
    end of a client (`ConnectionClosedError`) too: asking again would not help. The function decides what may happen
    twice: of a write, the first attempt may have been applied.
    """

    def __init__(
        self,
        max_tries: int = 1,
        delay: float = 0.1,
        backoff: float = 2,
        max_jitter: float = 0.4,
        max_delay: float = 60.0,
        ignore_expire: bool = True,
        sleep_func: Callable[[float], object] = time.sleep,
        deadline: float | None = None,
        interrupt: Callable[[], object] | None = None,
    ) -> None:
        if not isinstance(max_tries, int) or max_tries < FOREVER:
            msg = f"max_tries must be a number of times, or -1 for any, not {max_tries!r}"
            raise ArgumentError(msg)
        self.max_tries = max_tries
        self.delay = delay
        self.backoff = backoff
        self.max_jitter = max(0.0, min(max_jitter, 1.0))
        self.max_delay = max_delay
        self.ignore_expire = ignore_expire
        self.sleep_func = sleep_func
        self.deadline = deadline
        self.interrupt = interrupt

    def copy(self) -> Self:
        """Return another one of the same policy."""
        return type(self)(**vars(self))

    def reset(self) -> None:
        """Forget the attempts made: each call counts its own, so there is nothing to forget."""

    def __call__(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns, in as many attempts as it takes.

        Raises `RetryFailedError` when there may be no more, from the last one's error.
        """
        until = None if self.deadline is None else time.monotonic() + self.deadline
        attempts = 0
        pause = self.delay
        maybe_applied = False
        while True:
            try:
                return func(*args, **kwargs)
            except ConnectionClosedError:
                raise
            except (*_RETRYABLE, SessionExpiredError) as error:
                if isinstance(error, SessionExpiredError) and not self.ignore_expire:
                    raise
                maybe_applied = maybe_applied or error.maybe_applied
                jittered = pause * (1 + self.max_jitter * random.uniform(-1, 1))
                why = self._why_not(attempts, jittered, until)
                if why:
                    failure = RetryFailedError(f"{why}: {error}")
                    failure.maybe_applied = maybe_applied
                    raise failure from error
            attempts += 1
            self._pause(jittered)
            pause = min(pause * self.backoff, self.max_delay)

    def _why_not(self, attempts: int, pause: float, until: float | None) -> str:
        if attempts == self.max_tries:
            return f"failed {attempts + 1} times"
        if until is not None and time.monotonic() + pause >= until:
            return f"not done within {self.deadline:g} s"
        return ""

    def _pause(self, seconds: float) -> None:
        if self.interrupt is None:
            self.sleep_func(seconds)
            return
        while seconds > 0:
            self.sleep_func(min(_ONE_LOOK, seconds))
            seconds -= _ONE_LOOK
            if self.interrupt():
                raise RetryInterruptedError("interrupted between attempts")
