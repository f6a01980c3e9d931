"""What a client counts and measures, and the hook by which it tells.

Give a `Client` an object with the three methods of `Metrics`: it is called from a thread of the client's own, a few
times a second, and never holds the client up. `zc.zk.metrics.prometheus` and `zc.zk.metrics.opentelemetry` have ready
ones. One object may serve many clients: numbers add up.
"""

from typing import NamedTuple, Protocol


class Metrics(Protocol):
    """Takes what clients count and measure; an error that it raises is logged once, and costs that measurement."""

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        """Add a number to a counter."""

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        """Take durations, in the order of their ends."""

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        """Add a number, perhaps a negative one, to a level."""


class Measure(NamedTuple):
    """What a name means, and the names of its labels."""

    help: str
    labels: tuple[str, ...] = ()


COUNTERS = {
    "requests": Measure("Requests that had their outcome", ("operation", "outcome")),
    "bytes_sent": Measure("Bytes given to the network"),
    "bytes_received": Measure("Bytes taken from the network"),
    "connection_attempts": Measure("Attempts to connect to a server", ("server", "outcome")),
    "failed_attempts": Measure("Attempts to connect that failed"),
    "connects": Measure("Connections that a server accepted"),
    "reconnects": Measure("Connections after the first"),
    "expiries": Measure("Sessions that ended against our will"),
    "restores": Measure("Registrations that were made again"),
    "retries": Measure("Reads that were asked again after a lost connection"),
    "unknown_outcomes": Measure("Writes that were cut off by a lost connection"),
    "watch_events": Measure("Events of watches"),
    "late_replies": Measure("Replies that nobody waited for any more"),
    "callback_failures": Measure("Callbacks that raised an error"),
}
DURATIONS = {"request_seconds": Measure("Time from a request to its outcome", ("operation",))}
LEVELS = {
    "connected": Measure("Clients that a server answers"),
    "waiting": Measure("Requests that wait for a server"),
    "in_flight": Measure("Requests that wait for their replies"),
    "watches": Measure("Watches that servers hold"),
    "live_objects": Measure("Nodes that are kept current"),
}
