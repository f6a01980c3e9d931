"""The live nodes that are to be read again, and how many are being read."""

from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zc.zk.protocol.live import Live
    from zc.zk.protocol.session import Session

MOST_AT_ONCE = (
    500  # what callers ask for comes in between, however many nodes a new session makes stale
)


class Readings:
    """A line of stale live nodes; while a server takes requests, a limited number of them is in flight."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._stale: deque[Live] = deque()
        self._in_flight = 0
        self.live_objects = 0  # that have a state, and are not dropped
        self._paths: Counter[str] = Counter()  # of all that is stale or being read

    def enqueue(self, live: "Live") -> None:
        """Read a live node as soon as its turn comes."""
        self._stale.append(live)
        self._paths[live.path] += 1
        self.go_on()

    def ended(self, live: "Live") -> None:
        """Note that a reading has had its outcome."""
        self._in_flight -= 1
        self._leave(live)
        self.go_on()

    def concern(self, path: str) -> bool:
        """Whether a live node of that path is not current."""
        return path in self._paths

    def _leave(self, live: "Live") -> None:
        self._paths[live.path] -= 1
        if not self._paths[live.path]:
            del self._paths[live.path]

    def closed(self) -> None:
        """Note that the client was closed: nobody shall wait for a first state any more."""
        for live in list(self._stale):
            live.closed()

    def go_on(self) -> None:
        """Send what may be sent."""
        while self._stale and self._in_flight < MOST_AT_ONCE and self._session.takes_requests:
            live = self._stale.popleft()
            if live.is_dropped:
                self._leave(live)
            else:
                self._in_flight += 1
                self._session.send_reading(live)
