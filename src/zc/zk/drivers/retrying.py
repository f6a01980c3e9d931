"""Calls a function again when the network failed it."""

import random
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, Self, TypeVar

from zc.zk.errors import (
    ArgumentError,
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    RequestTimeoutError,
    SessionExpiredError,
    SessionMovedError,
    ZooKeeperError,
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
FAILURES = (*_RETRYABLE, SessionExpiredError)


class Policy:
    """How often something is done again, after which pauses; see `Retry`."""

    def __init__(
        self,
        max_tries: int,
        delay: float,
        backoff: float,
        max_jitter: float,
        max_delay: float,
        ignore_expire: bool,
        deadline: float | None,
        interrupt: Callable[[], object] | None,
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
        self.deadline = deadline
        self.interrupt = interrupt

    def copy(self) -> Self:
        """Return another one of the same policy."""
        return type(self)(**vars(self))

    def reset(self) -> None:
        """Forget the attempts made: each call counts its own, so there is nothing to forget."""

    def attempts(self) -> "Attempts":
        """Begin to count the attempts of one call."""
        return Attempts(self)


class Attempts:
    """The attempts of one call."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._until = None if policy.deadline is None else time.monotonic() + policy.deadline
        self._failed = 0
        self._pause = policy.delay
        self._maybe_applied = False

    def failed(self, error: ZooKeeperError) -> Iterator[float]:
        """Return the pauses before the next attempt, or raise why there is none."""
        policy = self._policy
        if isinstance(error, ConnectionClosedError) or (
            isinstance(error, SessionExpiredError) and not policy.ignore_expire
        ):
            raise error
        self._maybe_applied = self._maybe_applied or error.maybe_applied
        pause = self._pause * (1 + policy.max_jitter * random.uniform(-1, 1))
        why = self._why_not(pause)
        if why:
            failure = RetryFailedError(f"{why}: {error}")
            failure.maybe_applied = self._maybe_applied
            raise failure from error
        self._failed += 1
        self._pause = min(self._pause * policy.backoff, policy.max_delay)
        return self._slices(pause)

    def _why_not(self, pause: float) -> str:
        policy = self._policy
        if self._failed == policy.max_tries:
            return f"failed {self._failed + 1} times"
        if self._until is not None and time.monotonic() + pause >= self._until:
            return f"not done within {policy.deadline:g} s"
        return ""

    def _slices(self, seconds: float) -> Iterator[float]:
        interrupt = self._policy.interrupt
        if interrupt is None:
            yield seconds
            return
        while seconds > 0:
            yield min(_ONE_LOOK, seconds)
            seconds -= _ONE_LOOK
            if interrupt():
                raise RetryInterruptedError("interrupted between attempts")


class Retry(Policy):
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
        super().__init__(
            max_tries, delay, backoff, max_jitter, max_delay, ignore_expire, deadline, interrupt
        )
        self.sleep_func = sleep_func

    def __call__(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function returns, in as many attempts as it takes.

        Raises `RetryFailedError` when there may be no more, from the last one's error.
        """
        attempts = self.attempts()
        while True:
            try:
                return func(*args, **kwargs)
            except FAILURES as error:
                pauses = attempts.failed(error)
            for pause in pauses:
                self.sleep_func(pause)
