"""A moment until which one of several servers is sought, with what went wrong so far."""

from time import monotonic

from zc.zk.protocol.ensemble import Endpoint


class Deadline:
    """Lets dialling go on until a moment, and remembers the failures."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds
        self.failures: dict[Endpoint, str] = {}

    @property
    def left(self) -> float:
        """The seconds until then."""
        return self._at - monotonic()

    def go_on(self) -> bool:
        return self.left > 0

    def trying(self, server: Endpoint) -> None:
        self.failures.setdefault(server, "no answer so far")

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        self.failures[server] = reason
        return 0.0
