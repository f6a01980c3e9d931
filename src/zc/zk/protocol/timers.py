"""Calls that are due at a time."""

import heapq
from collections.abc import Callable
from itertools import count

from zc.zk.protocol.requests import NEVER


class Timers:
    """Calls in the order of their times; those of one time in the order of asking."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def add(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._number), call))

    def next(self) -> float:
        """Return when the first call is due; never, when there is none."""
        return self._heap[0][0] if self._heap else NEVER

    def run(self, now: float) -> None:
        """Make the calls that are due."""
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
