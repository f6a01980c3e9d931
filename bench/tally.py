"""Counts down the watched nodes that do not show a mark yet."""

import asyncio
import threading


class Tally:
    """Sets `is_complete`, an event of threads or of the loop that all is seen on, when each node has shown the mark."""

    def __init__(self, is_complete: threading.Event | asyncio.Event) -> None:
        self._mark: str | None = None
        self._lock = threading.Lock()
        self._left: set[int] = set()
        self._is_complete = is_complete

    def expect(self, mark: str, count: int) -> None:
        """Wait from now on for so many nodes to show the mark."""
        self._is_complete.clear()
        self._left = set(range(count))
        self._mark = mark

    def see_children(self, number: int, names: list[str]) -> None:
        """Take note of a node's children."""
        if self._mark is not None and self._mark in names:
            self._see(number)

    def see_data(self, number: int, data: bytes | None) -> None:
        """Take note of a node's data."""
        if self._mark is not None and data is not None and data.startswith(self._mark.encode()):
            self._see(number)

    def _see(self, number: int) -> None:
        with self._lock:
            self._left.discard(number)
            if not self._left:
                self._is_complete.set()
