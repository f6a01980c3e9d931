"""Which of many like lines are worth reading: the first few, then one summary at intervals that grow."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_FEW = 3  # lines that are told one by one
_FIRST_INTERVAL = 10.0  # seconds
_LONGEST_INTERVAL = 600.0
_MOST_TOPICS = 1000


class Line(NamedTuple):
    """One line for the log; lines of one topic are repetitions of each other."""

    level: int
    text: str
    topic: str
    error: Exception | None = None


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
        return now - topic.latest > max(topic.interval, 60.0)

    def _forget_one(self) -> None:
        if len(self._topics) >= _MOST_TOPICS:
            del self._topics[next(iter(self._topics))]


def _summary(line: Line, count: int, seconds: float) -> str:
    return f"{line.text} (repeated {count} times in {seconds:.0f} s)" if count else line.text
