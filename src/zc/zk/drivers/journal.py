"""Writes lines to the log from a callback thread: a handler of the user's may wait, and may call the client."""

import contextlib
import logging
import threading
from collections import deque
from time import monotonic
from typing import Any

from zc.zk.drivers.running import Post
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.repetition import Line, Repetitions

_MOST_LINES = 10_000  # that wait for a handler which is stuck: the oldest go first
Logger = logging.Logger | logging.LoggerAdapter[Any]  # Any: an adapter of whatever logger
LOG = logging.getLogger("ZooKeeper")


class Journal:
    """The lines of one client, written in their order, to `log`.

    A line that repeats others too often is written at DEBUG level, and as a summary from time to time.
    """

    def __init__(self, callbacks: Post, log: Logger = LOG) -> None:
        self._callbacks = callbacks
        self._log = log
        self._lines: deque[tuple[float, Line]] = deque(maxlen=_MOST_LINES)
        self._is_due = False
        self._repetitions = Repetitions()
        self._writing = threading.Lock()

    def take(self, line: Line) -> None:
        """Have a line written soon; takes no time and waits for nothing."""
        if self._log.isEnabledFor(line.level):
            self._lines.append((monotonic(), line))
            if not self._is_due:
                self._is_due = True
                self._callbacks.post(self, self._write)

    def finish(self) -> None:
        """Write, here and now, what no callback thread has written, and what repetitions were left out so far.

        Where another thread is in the middle of writing, it goes on instead of us: its handler may be stuck.
        """
        self._write()
        if self._writing.acquire(blocking=False):
            try:
                self._sum_up(monotonic())
            finally:
                self._writing.release()

    def _write(self) -> None:
        self._is_due = False
        while self._lines:
            # Only `finish` ever meets another writer, which looks at the lines again before it ends.
            if not self._writing.acquire(blocking=False):
                return
            try:
                self._write_lines()
            finally:
                self._writing.release()

    def _write_lines(self) -> None:
        while self._lines:
            at, line = self._lines.popleft()
            if line.is_last:
                self._sum_up(at)
            text = None if line.level == logging.DEBUG else self._repetitions.admit(line, at)
            self._put(logging.DEBUG if text is None else line.level, text or line.text, line.error)

    def _sum_up(self, now: float) -> None:
        for line, text in self._repetitions.left_out(now):
            self._put(line.level, text, None)

    def _put(self, level: int, text: str, error: Exception | None) -> None:
        with contextlib.suppress(Exception):  # of a user's filter or handler: other lines follow
            self._log.log(level, "%s", text, exc_info=error)


def connecting(server: Endpoint) -> Line:
    """Return the line about an attempt that begins."""
    return Line(logging.DEBUG, f"connecting to {server}", "connecting")


def open_to_everybody(client: str) -> Line:
    """Return the line about a client that nobody told whose its nodes are to be."""
    text = f"nodes created by {client} are open to everybody, unless default_acl is given"
    return Line(logging.INFO, text, "open to everybody")


def unexpected(error: Exception) -> Line:
    """Return the line about an error of ours that costs a connection."""
    return Line(logging.ERROR, "unexpected error in the reader; reconnecting", repr(error), error)


def chroot_missing(chroot: str) -> Line:
    """Return the line about a client below a node that is not there."""
    text = f"the chroot {chroot} does not exist: create it by ensure_path('/')"
    return Line(logging.WARNING, text, "chroot")


def refused(error: Exception) -> Line:
    """Return the line about the end of a client that no server takes for whom it says it is."""
    return Line(logging.ERROR, f"stopped for good: {error}", "stopped for good")
