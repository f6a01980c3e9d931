"""Remember what the tested client told, and when by the monotonic clock."""

from time import monotonic
from typing import Generic, TypeVar

from tests.waiting import wait_until
from zc.zk import Children, Client, Properties, State

T = TypeVar("T")
Value = list[str] | dict[str, object]
LIVE = (Children, Properties)


class Told(Generic[T]):
    """What was told, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, T]] = []

    def note(self, value: T) -> None:
        """Remember that `value` was told now."""
        self.calls.append((monotonic(), value))

    @property
    def values(self) -> list[T]:
        return [value for _, value in self.calls]

    @property
    def last(self) -> T | None:
        return self.calls[-1][1] if self.calls else None

    def when_last(self, value: T) -> float:
        """Give when `value` was told for the last time."""
        return max(when for when, each in self.calls.copy() if each == value)


class States(Told[State]):
    """The states that a client's listeners are told, from now on."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        client.add_listener(self.note)

    def wait_for(self, *sequence: State, bound: float) -> float:
        """Wait until the states told end in `sequence`; give when the last of them was told."""
        wait_until(
            lambda: tuple(self.values[-len(sequence) :]) == sequence,
            bound,
            f"states that end in {sequence}, after {self.values}",
        )
        return self.when_last(sequence[-1])


class View(Told[Value | None]):
    """What a live object's callback is shown: sorted names, or properties; None for a deleted node."""

    def __init__(self, live: Children | Properties) -> None:
        super().__init__()
        self.live = live
        live(self.show)

    def show(self, live: Children | Properties | None = None) -> None:
        self.note(None if live is None else value_of(live))

    def shows(self, value: Value | None) -> bool:
        """Whether the object, and the last call of its callback, show this value."""
        now = None if self.live.deleted else value_of(self.live)
        return now == value == self.last

    def wait_for(self, value: Value | None, bound: float) -> float:
        """Wait until this is shown; give when the callback was told."""
        wait_until(
            lambda: self.shows(value), bound, f"{self.live} shows {value}, after {self.values[-3:]}"
        )
        return self.when_last(value)


def value_of(live: Children | Properties) -> Value:
    """Give what a live object shows now."""
    return sorted(live) if isinstance(live, Children) else dict(live)
