"""The clock that a server lives by; tests bring others."""

import time
from typing import Protocol


class Clock(Protocol):
    """What tells a server the time, in seconds."""

    def now(self) -> float:
        """Return the time of a clock that never goes back."""

    def wall(self) -> float:
        """Return the time of day, as seconds since 1970."""

    def until(self, moment: float) -> float | None:
        """Return how long to sleep until `moment` of `now`; None if sleeping brings it no nearer."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return the time of a clock that never goes back."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the time of day, as seconds since 1970."""
        return time.time()

    def until(self, moment: float) -> float:
        """Return how long to sleep until `moment` of `now`."""
        return max(0.0, moment - time.monotonic())
