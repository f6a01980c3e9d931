"""A clock that goes from one event to the next."""

import heapq
from collections.abc import Callable
from itertools import count

START = 1000.0
_MOST_AT_ONCE = 5000


class StandstillError(Exception):
    """Somebody wants to be called again and again, and nothing comes of it."""


class Alarm:
    """A call that is due at a time, unless it is cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """Make no call."""
        self.call = None


class Clock:
    """What is due at one time happens in the order of asking."""

    def __init__(self) -> None:
        self.now = START
        self._heap: list[tuple[float, int, Alarm]] = []
        self._numbers = count()
        self._at_once = 0

    def at(self, when: float, call: Callable[[], object]) -> Alarm:
        """Make a call at a time, at the earliest now."""
        alarm = Alarm(call)
        heapq.heappush(self._heap, (max(when, self.now), next(self._numbers), alarm))
        return alarm

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm:
        """Make a call after so many seconds."""
        return self.at(self.now + seconds, call)

    def run_until(self, end: float) -> None:
        """Let time pass, and what is due happen."""
        while self._heap and self._heap[0][0] <= end:
            when, _, alarm = heapq.heappop(self._heap)
            self._at_once = self._at_once + 1 if when == self.now else 0
            if self._at_once > _MOST_AT_ONCE:
                raise StandstillError(f"time stands still at {when - START:.4f}")
            self.now = when
            if alarm.call is not None:
                alarm.call()
        self.now = max(self.now, end)
