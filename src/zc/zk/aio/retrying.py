"""Awaits a function again when the network failed it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from zc.zk.drivers import retrying
from zc.zk.errors import ArgumentTypeError

P = ParamSpec("P")
R = TypeVar("R")


class Retry(retrying.Policy):
    """As `zc.zk.Retry`, for functions that are awaited; `sleep_func` is awaited, too."""

    def __init__(
        self,
        max_tries: int = 1,
        delay: float = 0.1,
        backoff: float = 2,
        max_jitter: float = 0.4,
        max_delay: float = 60.0,
        ignore_expire: bool = True,
        sleep_func: Callable[[float], Awaitable[object]] = asyncio.sleep,
        deadline: float | None = None,
        interrupt: Callable[[], object] | None = None,
    ) -> None:
        if inspect.iscoroutinefunction(interrupt):
            raise ArgumentTypeError(f"interrupt is called, not awaited: {interrupt!r}")
        super().__init__(
            max_tries, delay, backoff, max_jitter, max_delay, ignore_expire, deadline, interrupt
        )
        self.sleep_func = sleep_func

    async def __call__(
        self, func: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what the function returns, in as many attempts as it takes.

        Raises `RetryFailedError` when there may be no more, from the last one's error.
        """
        attempts = self.attempts()
        while True:
            try:
                return await func(*args, **kwargs)
            except retrying.FAILURES as error:
                pauses = attempts.failed(error)
            for pause in pauses:
                await self.sleep_func(pause)


def like(policy: retrying.Policy) -> Retry:
    """Return what retries by the same policy."""
    return Retry(**{**vars(policy), "sleep_func": asyncio.sleep})
