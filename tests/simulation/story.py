"""What happened, line by line, with times; and how often what happened."""

from collections import Counter
from typing import Any

from tests.simulation.clock import START, Clock
from zc.zk.operations import Operation
from zc.zk.operations.batches import Multi, MultiRead
from zc.zk.records import WatchedEvent


class Violation(AssertionError):  # noqa: N818 (it says what it is)
    """A promise was broken."""


class Story:
    """Lines are made when they are read: most stories end well, and are never read."""

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._lines: list[tuple[float, str, str, tuple[Any, ...]]] = []

    def tell(self, who: str, what: str, *about: Any) -> None:  # Any: whatever `shown` shows
        """Note that something happened; what it was about must not change any more."""
        self._lines.append((self._clock.now, who, what, about))

    def count(self, what: str) -> None:
        """Count something that happened."""
        self.counts[what] += 1

    def fault(self, what: str, where: str, *about: Any) -> None:  # Any: the same
        """Note, and count, something that went wrong as it should."""
        self.counts[what] += 1
        self._lines.append((self._clock.now, where, f"FAULT {what}", about))

    def check(self, holds: object, promise: str, *about: Any) -> None:  # Any: the same
        """Raise `Violation` unless something holds."""
        if not holds:
            self.tell("checker", f"VIOLATION {promise}", *about)
            raise Violation(" ".join([promise, *map(shown, about)]))

    @property
    def text(self) -> str:
        """The whole story."""
        return "\n".join(
            f"{when - START:10.4f}  {who:10} {what} {' '.join(map(shown, about))}".rstrip()
            for when, who, what, about in self._lines
        )


def shown(thing: Any) -> str:  # Any: anything
    """Show a value in a way that is the same in every process."""
    match thing:
        case Multi() | MultiRead():
            text = f"{type(thing).__name__}({', '.join(map(shown, thing.operations))})"
        case Operation():
            text = _operation(thing)
        case WatchedEvent():
            text = f"{thing.type} {thing.path} zxid={thing.zxid}"
        case Exception():
            unknown = " (unknown)" if getattr(thing, "maybe_applied", False) else ""
            text = f"{type(thing).__name__}: {thing}{unknown}"
        case set() | frozenset():
            text = f"{{{', '.join(sorted(map(shown, thing)))}}}"
        case list():
            # Of names, which come in no order, the server's is that of its hashes.
            is_names = all(isinstance(each, str) for each in thing)
            text = f"[{', '.join(sorted(thing) if is_names else map(shown, thing))}]"
        case tuple() if type(thing) is tuple:
            text = f"({', '.join(map(shown, thing))})"
        case float():
            text = f"{thing:.4f}"
        case _:
            text = str(thing)
    return text


def _operation(operation: Operation[Any]) -> str:
    data = getattr(operation, "data", None)
    more = f", {data!r}" if data else ""
    version = getattr(operation, "version", -1)
    if version != -1:
        more += f", version {version}"
    if getattr(operation, "watch", None) is not None:
        more += ", watch"
    return f"{type(operation).__name__}({getattr(operation, 'path', '')}{more})"
