"""Which attempts to reach a server are begun when, so that one that does not answer holds up none of the others.

After the ideas of RFC 8305: the addresses of a server alternate between IPv6 and IPv4, attempts that are not decided
yet are joined by the next one after a moment, and the first that succeeds is the one.

    silence   the next address, or server, is tried a moment later
    refusal   the next address of the same server is tried at once, unless several have refused; when it has no other
              address, the next server follows after the pause that the ensemble asks for, if others are still silent;
              if there are none, the race is over, and who runs it pauses
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.requests import NEVER

STAGGER = 0.25  # seconds, as RFC 8305 recommends
AT_ONCE = 3  # refusals after which addresses are tried a moment apart, too: a name may stand for any number


@dataclass(slots=True, eq=False)
class Attempt:
    """To reach a server by one address; without an address, to find out which it has.

    An address is an endpoint whose host is an IP address.
    """

    server: Endpoint
    address: Endpoint | None
    until: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A server none of whose addresses did, after so many attempts."""

    server: Endpoint
    reason: str
    attempts: int


@dataclass(slots=True)
class _Course:
    """How a server fares: what became of its addresses."""

    reasons: list[tuple[Endpoint | None, str]] = field(default_factory=list)
    has_timed_out: bool = False


class Race:
    """The attempts of one try to reach some server of several, each of which has `timeout` seconds."""

    def __init__(self, servers: Sequence[Endpoint], timeout: float, now: float) -> None:
        self.running: list[Attempt] = []
        self.is_over = not servers
        self._timeout = timeout
        self._line = deque((server, _own_address(server)) for server in servers)
        self._again: deque[Endpoint] = deque()  # they refused, while others are silent
        self._courses: dict[Endpoint, _Course] = {}
        self._refusals = 0
        self._next_at = now

    def start(self, now: float) -> Attempt | None:
        """Return an attempt that is to be begun now, if there is one."""
        if now < self._next_at:
            return None
        if self._line:
            server, address = self._line.popleft()
        elif self._again and self.running:
            server = self._again.popleft()
            address = _own_address(server)
            del self._courses[server]
        else:
            return None
        self._courses.setdefault(server, _Course())
        attempt = Attempt(server, address, now + self._timeout)
        self.running.append(attempt)
        self._next_at = now + STAGGER
        return attempt

    def deadline(self) -> float:
        """When the next attempt is due, or one that runs has had its time."""
        next_at = self._next_at if self._line or (self._again and self.running) else NEVER
        return min([next_at, *(attempt.until for attempt in self.running)])

    def resolved(self, attempt: Attempt, addresses: Sequence[Endpoint], now: float) -> None:
        """Note the addresses that a server has, at least one; the first is tried at once."""
        self.running.remove(attempt)
        line = [(attempt.server, address) for address in interleaved(addresses)]
        self._line.extendleft(reversed(line))
        self._next_at = now

    def failed(self, attempt: Attempt, reason: str, now: float) -> Unreachable | None:
        """Note that an attempt has failed; return what to report when it was the last for its server."""
        self.running.remove(attempt)
        course = self._courses[attempt.server]
        course.reasons.append((attempt.address, reason))
        if now >= attempt.until:
            course.has_timed_out = True
        else:
            self._refusals += 1
        if any(each.server == attempt.server for each in self.running):
            return None
        if any(server == attempt.server for server, _ in self._line):
            if self._line[0][0] == attempt.server and self._refusals < AT_ONCE:
                self._next_at = now
            return None
        if not course.has_timed_out:
            self._again.append(attempt.server)
        begun = any(server in self._courses for server, _ in self._line)
        self.is_over = not self.running and not begun
        return Unreachable(attempt.server, _summary(course.reasons), len(course.reasons))

    def hold_off(self, pause: float, now: float) -> None:
        """Leave servers alone for so many seconds, after one was found unreachable; silence shortens that."""
        self._next_at = min(self._next_at, now + pause) if self._line else now + pause


def _own_address(server: Endpoint) -> Endpoint | None:
    return server if server.is_address else None


def _summary(reasons: Sequence[tuple[Endpoint | None, str]]) -> str:
    if len(reasons) == 1:
        return reasons[0][1]
    return ", ".join(
        f"{reason} at {address.host if address else '?'}" for address, reason in reasons
    )


def interleaved(addresses: Sequence[Endpoint]) -> list[Endpoint]:
    """Return addresses, each once, with IPv6 and IPv4 by turns; the first remains the first."""
    first = [each for each in addresses if (":" in each.host) == (":" in addresses[0].host)]
    others = [each for each in addresses if each not in first]
    by_turns = chain.from_iterable(zip_longest(first, others))
    return list(dict.fromkeys(each for each in by_turns if each is not None))
