"""Futures: for the outcome of a request, and for a moment that is waited for."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from zc.zk.errors import ConnectionClosedError
from zc.zk.operations import Operation
from zc.zk.protocol.requests import Request


class Asked(Request):
    """A request whose outcome a future takes; it has ended with that, be it cancelled."""

    __slots__ = ("future",)

    def __init__(
        self,
        future: "asyncio.Future[Any]",  # Any: the operation's type of answer
        operation: Operation[Any],
        body: bytes,
        deadline: float,
        fail_fast: bool,
    ) -> None:
        self.future = future  # first: it says whether this has ended
        super().__init__(operation, body, deadline, fail_fast)

    @property
    def ended(self) -> bool:
        return self.future.done()

    @ended.setter
    def ended(self, _: bool) -> None:
        pass

    def resolve(self, answer: Any) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        if is_awaited(self.future):
            self.future.set_exception(error)
            if isinstance(error, ConnectionClosedError):
                self.future.exception()  # who closed the client, or ended its loop, need not be told of it


def is_awaited(future: "asyncio.Future[Any]") -> bool:
    """Return whether a future can take an outcome: it has none, and its loop can tell of it."""
    return not future.done() and not future.get_loop().is_closed()


def ring(moment: "asyncio.Future[None]") -> None:
    """Note that the moment has come, unless it has, or nobody waits for it any more."""
    if is_awaited(moment):
        moment.set_result(None)


async def wait_for(moment: "asyncio.Future[None]", deadline: float) -> None:
    """Wait until the moment has come, or a time of the monotonic clock: uvloop alone may wake a bit before that."""
    while not moment.done() and (left := deadline - monotonic()) > 0:
        await asyncio.wait((moment,), timeout=left)


class LoopBells:
    """Lets any number of tasks wait until something is true."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Have all who wait look again."""
        for moment in self._waiting:
            ring(moment)

    async def wait_for(self, is_true: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until something is true, looking after each ring, or so many seconds; return whether it is."""
        until = None if seconds is None else monotonic() + seconds
        while not is_true():
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                return False
            moment = asyncio.get_running_loop().create_future()
            self._waiting.add(moment)
            try:
                await asyncio.wait((moment,), timeout=left)
            finally:
                self._waiting.discard(moment)
        return True
