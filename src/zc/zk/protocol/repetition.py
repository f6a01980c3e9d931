"""Which of many like lines are worth reading: the first few, then one summary at intervals that grow."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from zc.zk.protocol.requests import NEVER

_FEW = 3  # lines that are told one by one
_FIRST_INTERVAL = 10.0  # seconds
_LONGEST_INTERVAL = 600.0
_QUIET = 60.0
_MOST_TOPICS = 1000
_FEW_CHANGES = 10  # CONNECTED, and those of three outages: SUSPENDED, LOST, CONNECTED
_FIRST_PAUSE = 1.0  # seconds
_LASTING = 10.0  # seconds


class Line(NamedTuple):
    """One line for the log; lines of one topic are repetitions of each other, one without topic is none.

    After one that `is_last` nothing is to be said of what was before it.
    """

    level: int
    text: str
    topic: str
    error: Exception | None = None
    is_last: bool = False


@dataclass(slots=True)
class _Topic:
    line: Line
    since: float  # when the interval began
    latest: float
    told: int = 0  # lines told one by one
    left_out: int = 0  # in this interval
    interval: float = _FIRST_INTERVAL


class Repetitions:
    """Tells what to say of lines that repeat themselves."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}

    def admit(self, line: Line, now: float) -> str | None:
        """Return what to say: the line, the line as a summary of an interval, or None for nothing.

        A topic that was not heard of for as long as its interval, and a minute, begins anew.
        """
        if not line.topic:
            return line.text
        topic = self._topics.get(line.topic)
        if topic is None or self._is_over(topic, now):
            self._forget_one()
            left_out = 0 if topic is None else topic.left_out
            summary = line.text if topic is None else _summary(line, left_out, now - topic.since)
            self._topics[line.topic] = _Topic(line, now, now, 1)
            return summary
        topic.line, topic.latest = line, now
        if topic.told < _FEW:
            topic.told += 1
            topic.since = now
            return line.text
        topic.left_out += 1
        if now - topic.since < topic.interval:
            return None
        summary = _summary(line, topic.left_out, now - topic.since)
        topic.since, topic.left_out = now, 0
        topic.interval = min(2 * topic.interval, _LONGEST_INTERVAL)
        return summary

    def left_out(self, now: float) -> Iterator[tuple[Line, str]]:
        """Yield the latest line of each topic of which some were left out, with their summary; they count no more."""
        for topic in self._topics.values():
            if topic.left_out:
                yield topic.line, _summary(topic.line, topic.left_out, now - topic.since)
                topic.left_out = 0

    def _is_over(self, topic: _Topic, now: float) -> bool:
        return now - topic.latest > max(topic.interval, _QUIET)

    def _forget_one(self) -> None:
        if len(self._topics) >= _MOST_TOPICS:
            del self._topics[next(iter(self._topics))]


def _summary(line: Line, count: int, seconds: float) -> str:
    if not count:
        return line.text
    times = "once" if count == 1 else f"{count} times"
    return f"{line.text} (repeated {times} in {seconds:.0f} s)"


class Changes:
    """Tells which changes of state to say: the first few, and then the latest one, at intervals that grow.

    Whoever reads must never take a state for the present one that has passed: one that lasts is always said.
    """

    def __init__(self) -> None:
        self.due_at = NEVER  # when the one that is held back is to be said
        self._line: Line | None = None
        self._told = 0  # lines told one by one
        self._count = 0  # changes since the latest that was said
        self._since = 0.0  # when that was
        self._latest = -NEVER
        self._interval = _FIRST_PAUSE

    def admit(self, line: Line, now: float) -> Line | None:
        """Return the line to say, or None where this one is held back.

        After as long as the interval, and a minute, without any, they are told one by one again.
        """
        if now - self._latest > max(self._interval, _QUIET):
            self._told, self._interval = 0, _FIRST_PAUSE
        self._line, self._latest = line, now
        self._count += 1
        if self._told < _FEW_CHANGES or line.is_last:
            self._told += 1
            return self._say(line, now)
        self.due_at = min(now + _LASTING, self._since + self._interval)
        return self.due(now)

    def due(self, now: float) -> Line | None:
        """Return the line that was held back, if it is time to say it."""
        if self._line is None or now < self.due_at:
            return None
        self._interval = min(2 * self._interval, _LONGEST_INTERVAL)
        return self._say(self._line, now)

    def _say(self, line: Line, now: float) -> Line:
        others, seconds = self._count - 1, now - self._since
        self._count, self._since, self.due_at = 0, now, NEVER
        if not others:
            return line
        changes = f"{others} other change{'s' * (others > 1)}"
        return line._replace(text=f"{line.text} (and {changes} in {seconds:.0f} s)")
