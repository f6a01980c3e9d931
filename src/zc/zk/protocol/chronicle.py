"""What has happened to a session, in numbers that only grow, and in lines for a log."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from zc.zk.codes import State
from zc.zk.errors import UnimplementedError
from zc.zk.operations import Operation
from zc.zk.protocol.repetition import Changes, Line
from zc.zk.protocol.states import StateChange

EVENT_ZXIDS = "event zxids"  # servers from 3.9 on say which transaction an event is about


def _ignore(*_: object) -> None:
    return


class Chronicle:
    """All calls come under the driver's lock; so do those of `tell` and `on_count`, which may only take note.

    `call_at` makes a call when a time has come, under that lock. The keys of `counts` are a name and the values
    of its labels, as `zc.zk.metrics` has them. `supported` and `lacking` name the operations and traits that not every
    server knows, as far as servers have shown them.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.watch_events = 0
        self.supported: set[str] = set()
        self.lacking: set[str] = set()
        self.tell: Callable[[Line], None] = _ignore
        self.on_count: Callable[[], None] = _ignore
        self.call_at: Callable[[float, Callable[[], None]], None] = _ignore
        self.server = ""  # the one that accepted us last
        self.connected_at: float | None = None
        self._down_since: float | None = None
        self._failures = 0  # since then
        self._has_event_zxids: bool | None = None
        self._changes = Changes()
        self._cut_off = ""  # what the loss of a connection meant to requests

    def count(self, name: str, *labels: str, number: int = 1) -> None:
        """Add to a number."""
        self.counts[name, *labels] += number
        self.on_count()

    # --- connections

    def opened(self, now: float) -> None:
        """Note that a server is looked for from now on."""
        self._down_since, self._failures = now, 0

    def attempt_failed(self, server: str, outcome: str, reason: str, pause: float) -> None:
        """Note that a server did not do; `outcome` is one of a few words, `pause` the seconds before the next try."""
        self._failures += 1
        self.count("failed_attempts")
        self.count("connection_attempts", server, outcome)
        text = f"{server}: {reason}{self._take_cut_off()}; trying again in {pause:.2f} s"
        self.tell(Line(logging.INFO, text, f"{server}: {outcome}: {reason}"))

    def took_back(self, reads: int, writes: int, given_up: int) -> None:
        """Note that so many reads will be asked again, and so many writes were cut off, or had been given up before."""
        if reads:
            self.count("retries", number=reads)
        if writes:
            self.count("unknown_outcomes", number=writes)
        parts = (
            f"; reads to be asked again: {reads}" if reads else "",
            f"; writes of unknown outcome: {writes}" if writes else "",
            f"; writes that nobody waits for, perhaps done: {given_up}" if given_up else "",
        )
        self._cut_off = "".join(parts)

    def _take_cut_off(self) -> str:
        text, self._cut_off = self._cut_off, ""
        return text

    def changed(self, change: StateChange, server: str, now: float, *, is_last: bool) -> None:
        """Note a change of state; `server` is the one that we are, or were, connected to."""
        if change.state is State.CONNECTED:
            extra = self._came_up(server, now)
        elif change.state is State.SUSPENDED:
            self._went_down(now)
            extra = self._take_cut_off()
        else:
            extra = self._outage(now) + self._take_cut_off()
            self._went_down(now)
        told = "assumed, " if change.is_assumed else ""
        of = f" of {self.server}" if self.server and change.state is not State.CONNECTED else ""
        text = f"{change.state}, session {change.session_id:#x}{of}: {told}{change.reason}{extra}"
        line = Line(logging.INFO, text, "", is_last=is_last)
        said = self._changes.admit(line, now)
        self.tell(said or line._replace(level=logging.DEBUG))
        if said is None:
            at = self._changes.due_at
            self.call_at(at, partial(self._tell_held_back, at))

    def _tell_held_back(self, now: float) -> None:
        said = self._changes.due(now)
        if said is not None:
            self.tell(said)

    def _came_up(self, server: str, now: float) -> str:
        extra = self._outage(now) if self.server or self._failures else ""
        if self._failures:
            extra += f" and {self._failures} failed attempt{'s' * (self._failures > 1)}"
        self.count("connection_attempts", server, "connected")
        self.count("connects")
        if self.counts["connects",] > 1:
            self.count("reconnects")
        self.server = server
        self.connected_at, self._down_since, self._failures = now, None, 0
        return extra

    def _went_down(self, now: float) -> None:
        self.connected_at = None
        if self._down_since is None:
            self._down_since = now

    def _outage(self, now: float) -> str:
        if self._down_since is None:
            return ""
        return f", after {now - self._down_since:.1f} s without a connection"

    def expired(self, session_id: int, reason: str, *, was_assumed: bool) -> None:
        """Note that a session is over; a line says so where LOST was told before, as an assumption."""
        self.count("expiries")
        if was_assumed:
            text = f"session {session_id:#x} of {self.server or 'no server'}: {reason}"
            self.tell(Line(logging.INFO, text, f"expired: {reason}"))

    # --- frames

    def event(self, zxid: int) -> None:
        """Note an event of a watch, and what the transaction number in its header gives away."""
        self.watch_events += 1
        self.on_count()
        has_zxid = zxid > 0
        if has_zxid is not self._has_event_zxids:
            self._has_event_zxids = has_zxid
            self._saw(EVENT_ZXIDS, is_there=has_zxid)

    def late(self, operation: Operation[Any]) -> None:
        """Note that a reply was dropped because nobody waits for it any more; what it was about changed nothing."""
        self._late(operation, logging.DEBUG, "a reply was dropped, its request had ended", "")

    def done_late(self, operation: Operation[Any], answer: object) -> None:
        """Note that an answer was dropped because nobody waits for it any more: of a write, only the log will tell."""
        if operation.is_read:
            self.late(operation)
            return
        path = answer[0] if isinstance(answer, tuple) else answer
        created = path if isinstance(path, str) else ""
        self._late(operation, logging.INFO, "done, though nobody waits for it any more", created)

    def _late(self, operation: Operation[Any], level: int, what: str, path: str) -> None:
        self.count("late_replies")
        name = type(operation).__name__
        text = f"{what}: {name} {path or getattr(operation, 'path', '')}"
        self.tell(Line(level, text.rstrip(), f"late: {name}"))

    def answered(self, operation: Operation[Any]) -> None:
        """Note that the server knows an operation."""
        self._saw(type(operation).__name__, is_there=True)

    def refused(self, operation: Operation[Any], error: Exception) -> None:
        """Note what an error says about the server."""
        if isinstance(error, UnimplementedError):
            self._saw(type(operation).__name__, is_there=False)

    def _saw(self, feature: str, *, is_there: bool) -> None:
        # The latest word counts: the next server may be another release.
        news, past = (self.supported, self.lacking) if is_there else (self.lacking, self.supported)
        news.add(feature)
        past.discard(feature)
