"""Says how long an event loop was held, by a call that is due every millisecond and how late it comes."""

import asyncio
import gc
from dataclasses import dataclass
from time import monotonic, thread_time
from typing import Any, Self

_PERIOD = 0.001  # seconds


@dataclass(frozen=True, slots=True)
class Held:
    """The longest that a loop was held, in seconds.

    `cpu` is the most CPU time that went by between two calls, which does not grow when others want the processor.
    `collection` is the longest collection of garbage.
    """

    longest: float
    cpu: float
    collection: float


class Probe:
    """Measures while it is entered, on the running loop; then `held` says what it found.

    It is a timer, and not a call that is due at once, again and again: that would keep the loop from waiting, so that
    it would look at its connections more often, and get less from each, than it does for its users.
    """

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._longest = self._cpu = self._collection = self._collects_since = 0.0
        gc.callbacks.append(self._collects)
        self._spent = thread_time()
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._note()
        self._timer.cancel()
        gc.callbacks.remove(self._collects)

    @property
    def held(self) -> Held:
        """What was found."""
        return Held(self._longest, self._cpu, self._collection)

    def _wait(self) -> None:
        self._due = monotonic() + _PERIOD
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._note()
        self._wait()

    def _note(self) -> None:
        spent = thread_time()
        self._longest = max(self._longest, monotonic() - self._due)
        self._cpu = max(self._cpu, spent - self._spent)
        self._spent = spent

    def _collects(self, phase: str, _: dict[str, Any]) -> None:  # Any: what the collector tells
        if phase == "start":
            self._collects_since = monotonic()
        else:
            self._collection = max(self._collection, monotonic() - self._collects_since)
