"""Plans: logic of more than one step, as generators that yield what they need and are sent what came of it.

    data, stat = yield from GetData(path)

A plan holds no lock and reads no clock; errors and cancellation are thrown into it, so `try` and `finally` clean up.
The same plan is run by every driver.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from zc.zk.codes import EventType, KeeperState
from zc.zk.operations import Operation, Step, Watch
from zc.zk.records import WatchedEvent

R = TypeVar("R")
Plan = Generator[Step[Any], Any, R]  # Any: a plan is sent answers of every type


class Change(Watch):
    """A watch that a plan can wait for. A new session ends the wait too, by an event of type NONE."""

    __slots__ = ("event", "told")

    def __init__(self) -> None:
        self.event: WatchedEvent | None = None
        self.told: Callable[[], None] | None = None  # the driver's, called under its lock

    def fire(self, event: WatchedEvent) -> None:
        told, self.told = self.told, None
        if self.event is None:
            self.event = event
            if told is not None:
                told()

    @property
    def is_spent(self) -> bool:
        return self.event is not None

    def restart(self) -> bool:
        self.fire(WatchedEvent(EventType.NONE, KeeperState.EXPIRED_SESSION, None))
        return False


@dataclass(frozen=True, slots=True)
class Wait(Step[bool]):
    """Wait for a change; false when so many seconds ran out first, or without a bound those of the whole call."""

    change: Change
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pause(Step[None]):
    """Let some seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Together(Step[list[Any]]):  # Any: answers of every type, and errors
    """Ask for many things in one write; the answers come in their order, errors among them as values."""

    operations: Sequence[Operation[Any]]


@dataclass(frozen=True, slots=True)
class Ids:
    """Session ids: the one we have now (0 for none), those we had before, and the negotiated time-out in seconds."""

    current: int
    earlier: frozenset[int]
    timeout: float


@dataclass(frozen=True, slots=True)
class Whoami(Step[Ids]):
    """Ask which session this is."""
