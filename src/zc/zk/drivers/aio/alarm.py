"""The one timer that a driver has on its loop."""

import asyncio
from collections.abc import Callable
from time import monotonic

from zc.zk.protocol.requests import NEVER

_TICK = 0.001  # seconds: uvloop rounds to them, and rings early
_LATE = 0.02  # seconds by which a timer rings late only on a loop that was held up


class Alarm:
    """Calls `ring` when it is time, or before that: to ring in vain costs less than to be set for each reply.

    `ring` is told whether the loop was held up, so that this comes late.
    """

    __slots__ = ("_ring", "_timer", "at")

    def __init__(self, ring: Callable[[bool], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self.at = NEVER

    def set(self, loop: asyncio.AbstractEventLoop, at: float, longest: float) -> None:
        """Ring at a time of the monotonic clock, but after so many seconds anyway; what rings before stays set."""
        if at >= self.at or loop.is_closed():
            return
        if self._timer is not None:
            self._timer.cancel()
        now = monotonic()
        self.at = min(at, now + longest)
        self._timer = loop.call_later(max(_TICK, self.at - now), self._rings)

    def snooze(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ring again as soon as the loop has looked for what has come."""
        self.silence()
        self.at = monotonic() + _TICK
        self._timer = loop.call_later(_TICK, self._ring_at_last)

    def silence(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.at = None, NEVER

    def _rings(self) -> None:
        was_held_up = monotonic() - self.at > _LATE
        self._timer, self.at = None, NEVER
        self._ring(was_held_up)

    def _ring_at_last(self) -> None:
        self._timer, self.at = None, NEVER
        self._ring(False)
