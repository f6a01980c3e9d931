"""A session that counts and times its requests, for clients that were given something to tell it to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zc.zk.codes import State
from zc.zk.protocol.live import Live
from zc.zk.protocol.requests import Request
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase

_EVERY = 0.2  # seconds between two reports
_MOST_DURATIONS = 10_000  # in one report: what is beyond is counted, and not timed


@dataclass(slots=True)
class Report:
    """What happened since the last report; the keys are a name and the values of its labels.

    `levels` are how things stand, not how they changed.
    """

    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    durations: dict[str, list[float]] = field(default_factory=dict)  # by operation
    levels: dict[str, int] = field(default_factory=dict)


class MeasuredSession(Session):
    """See the module. `on_due` is called under the driver's lock when there is something to report."""

    on_due: Callable[[], None] | None = None

    def __init__(self, *arguments: Any) -> None:  # Any: those of a session
        super().__init__(*arguments)
        self._report = Report()
        self._reported: Counter[tuple[str, ...]] = Counter()  # of the chronicle,
        self._reported_events = 0  # the same
        self._timed = 0
        self._is_due = False
        self.chronicle.on_count = self.remember_to_report

    # --- taking measurements

    def submit(self, request: Request, now: float) -> None:
        self.now = now
        if not self.takes_requests:
            self.remember_to_report()  # it makes the queue longer
        super().submit(_Measured(self, request, now), now)

    def send_reading(self, live: Live) -> None:
        if self._open_way is not None:
            self._open_way.send(_Measured(self, live.reading(), self.now))

    def receive(self, data: bytes, now: float) -> None:
        self._report.counts["bytes_received",] += len(data)
        super().receive(data, now)

    def data_to_send(self, now: float) -> bytes:
        data = super().data_to_send(now)
        if data:
            self._report.counts["bytes_sent",] += len(data)
        return data

    def ended(self, operation: str, outcome: str, begun: float) -> None:
        """Note the outcome of a request."""
        report = self._report
        report.counts["requests", operation, outcome] += 1
        if self._timed < _MOST_DURATIONS:
            self._timed += 1
            report.durations.setdefault(operation, []).append(self.now - begun)
        if not self._is_due:
            self.remember_to_report()

    # --- reporting

    def remember_to_report(self) -> None:
        """Call `on_due` in a moment, for all that comes together until then."""
        if not self._is_due:
            self._is_due = True
            self.timers.add(self.now + _EVERY, self._due)

    def _due(self) -> None:
        if self.on_due is not None:
            self.on_due()

    def finish(self, *arguments: Any, **options: Any) -> None:  # Any: those of a session
        if self.phase is Phase.STOPPED:
            return
        super().finish(*arguments, **options)
        self._due()  # nobody lets time pass for a session that has stopped

    def take_report(self) -> Report:
        """Return what there is to report, which is then taken for reported."""
        report, self._report = self._report, Report()
        self._timed = 0
        self._is_due = False
        report.counts.update(self.chronicle.counts - self._reported)
        self._reported = self.chronicle.counts.copy()
        events = self.chronicle.watch_events
        if events > self._reported_events:
            report.counts["watch_events",] = events - self._reported_events
            self._reported_events = events
        report.levels = self._levels()
        return report

    def _levels(self) -> dict[str, int]:
        levels = {
            "connected": int(self.state is State.CONNECTED),
            "waiting": self.waiting,
            "in_flight": self.in_flight,
            "watches": len(self.trail.watches),
            "live_objects": self.readings.live_objects,
        }
        # Watches and live objects of a client that was closed are kept for when it is started again.
        return levels if self.phase is not Phase.STOPPED else dict.fromkeys(levels, 0)


class _Measured(Request):
    """Stands for another request on its way, and notes when and how that ended."""

    __slots__ = ("_asked", "_begun", "_session")

    def __init__(self, session: MeasuredSession, asked: Request, now: float) -> None:
        super().__init__(asked.operation, asked.body, asked.deadline, asked.fail_fast)
        self._session = session
        self._asked = asked
        self._begun = now

    @property
    def is_repeatable(self) -> bool:
        return self._asked.is_repeatable

    def resolve(self, answer: Any) -> None:  # Any: the answer's type is the operation's
        self.ended = True
        self._session.ended(type(self.operation).__name__, "ok", self._begun)
        if not self._asked.ended:
            self._asked.resolve(answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._session.ended(type(self.operation).__name__, type(error).__name__, self._begun)
        if not self._asked.ended:
            self._asked.fail(error)
