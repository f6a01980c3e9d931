"""Which servers there are, which is tried next, and how long to wait before."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from zc.zk import paths
from zc.zk.codes import DEFAULT_PORT
from zc.zk.errors import ArgumentError, ArgumentTypeError

_FIRST_PAUSE = 0.3  # seconds: all clients of a server that died come back spread over this
_NEXT_PAUSE = 0.1  # seconds
_LONGEST_PAUSE = 1.8  # seconds: with the handshake, a server that is back is found within 2
_EXTRA_PAUSE = 0.25  # seconds for each further address that was tried at once
_MOST_AT_ONCE = 3  # the attempts behind these are as far apart as that
_GOLDEN = (
    0.6180339887498949  # of all steps around a circle the one whose points keep the most distance
)
_MOST_PORT = 65535
_MOST_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address, its name as it was configured."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, so that there is no name to look up."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def parse(hosts: str | Sequence[str]) -> tuple[tuple[Endpoint, ...], str]:
    """Return the servers and the chroot (empty for none) of a connection string, or of a list of `host:port`.

    Raises `ArgumentError` (a ValueError) that names what cannot be.
    """
    if isinstance(hosts, str):
        text = hosts
    elif isinstance(hosts, Sequence) and all(isinstance(item, str) for item in hosts):
        text = ",".join(hosts)
    else:
        msg = f"servers must be given as a string or a list of strings, not {hosts!r}"
        raise ArgumentTypeError(msg)
    if "://" in text:
        msg = f"a connection string has no scheme, host:port[,host:port...][/chroot] is needed: {text!r}"
        raise ArgumentError(msg)
    listed, slash, rest = text.partition("/")
    chroot = paths.validate(slash + rest) if rest else ""
    endpoints = tuple(parse_endpoint(item) for item in map(str.strip, listed.split(",")) if item)
    if not endpoints:
        msg = f"no server is named in {text!r}"
        raise ArgumentError(msg)
    return endpoints, chroot


def parse_endpoint(text: str) -> Endpoint:
    """Return `host`, `host:port`, `[IPv6]:port` or a bare IPv6 address as an endpoint."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (port and not port.startswith(":")):
            raise _not_an_address(text)
        return Endpoint(host, _port(port[1:], text))
    if _is_ipv6(text):
        return Endpoint(text, DEFAULT_PORT)
    host, _, port = text.partition(":")
    if not host or any(character.isspace() for character in host):
        raise _not_an_address(text)
    return Endpoint(host, _port(port, text))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _port(port: str, text: str) -> int:
    if not port:
        return DEFAULT_PORT
    # Of a long row of digits, `int` makes a ValueError of its own.
    if not (port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS):
        raise _not_an_address(text)
    if not 0 < int(port) <= _MOST_PORT:
        raise _not_an_address(text)
    return int(port)


def _not_an_address(text: str) -> ArgumentError:
    return ArgumentError(f"not a server address, host:port is needed: {text!r}")


class EvenJitter:
    """Numbers between 0 and 1 that lie as far apart as they can, however many are asked for, and by how many threads.

    Pauses of such lengths spread the clients of one process better than dice do: of fifty that are thrown, more than
    half may lie in the same third. `first` is thrown, so that processes differ.
    """

    def __init__(self, first: float) -> None:
        self._first = first
        self._numbers = count()

    def __call__(self) -> float:
        return (self._first + next(self._numbers) * _GOLDEN) % 1.0


class Ensemble:
    """The servers in the order of trying: shuffled once, then in turn, with a pause that never grows beyond 2 s.

    `chance` returns a number between 0 and 1; all choice comes from it, except the length of pauses where `jitter` is
    given, which returns such a number, too. Where they are not `shuffled`, the order given is that of trying.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        chance: Callable[[], float],
        *,
        shuffled: bool = True,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._chance = chance
        self._jitter = chance if jitter is None else jitter
        self._shuffled = shuffled
        self._endpoints = self._in_order(endpoints)
        self._next = 0
        self._looked_at = 0  # how far behind the current one
        self._tried = 0  # since the last success
        self._last_attempts = 1
        self.failures: dict[Endpoint, str] = {}

    def _in_order(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        each_once = dict.fromkeys(endpoints)  # where it stands says whose turn is next
        return sorted(each_once, key=lambda _: self._chance() if self._shuffled else 0.0)

    def replace(self, endpoints: Sequence[Endpoint], current: Endpoint | None) -> bool:
        """Take another list of servers; return whether to stay with the current one, whose client we are.

        It may have more clients than its share when the list grew: of `n` servers' clients, `n` of each `m` stay.
        """
        before = len(self._endpoints)
        self._endpoints = self._in_order(endpoints)
        servers = set(self._endpoints)
        self._next = self._looked_at = self._tried = 0
        self.failures.clear()
        stays = current in servers and self._chance() * len(servers) < before
        if stays and current is not None:
            self.prefer(current)
        elif current in servers and current is not None:
            # Last in line: whoever leaves shall not come back at once.
            self._endpoints.remove(current)
            self._endpoints.append(current)
        return stays

    @property
    def order(self) -> tuple[Endpoint, ...]:
        """The servers in the order of trying, the one whose turn it is first."""
        return (*self._endpoints[self._next :], *self._endpoints[: self._next])

    def trying(self, endpoint: Endpoint) -> None:
        """Note that a server is being tried."""
        self.failures.setdefault(endpoint, "no answer so far")

    def failed(self, endpoint: Endpoint, reason: str, attempts: int = 1) -> None:
        """Go on to the server behind this one, remembering why this one did not do, and how many attempts it took."""
        if endpoint in self._endpoints:  # the list may be another one by now
            self.failures[endpoint] = reason
            self._next = (self._endpoints.index(endpoint) + 1) % len(self._endpoints)
        self._tried += 1
        self._last_attempts = attempts

    def another(self) -> Endpoint | None:
        """Return a server that is not the current one, each time the next; None when there is only one."""
        if len(self._endpoints) == 1:
            return None
        self._looked_at = self._looked_at % (len(self._endpoints) - 1) + 1
        return self._endpoints[(self._next + self._looked_at) % len(self._endpoints)]

    def prefer(self, endpoint: Endpoint) -> None:
        """Try this server next, if it is still one of them."""
        if endpoint in self._endpoints:
            self._next = self._endpoints.index(endpoint)

    def succeeded(self, endpoint: Endpoint) -> None:
        """Note that a server accepted us: it is the first to be tried when it goes."""
        self.failures.clear()
        self.prefer(endpoint)
        self._tried = 0

    def pause(self, outage: float) -> float:
        """Return the seconds to wait before the next attempt, `outage` seconds after the connection was lost.

        Full jitter; never more than half of the outage so far, so that a short outage ends as soon as it is over. Where
        a server took several attempts at once, that much longer that they are no more a second than single ones.
        """
        if 1 < self._tried < len(self._endpoints):
            return self._jitter() * _NEXT_PAUSE  # the others may well be there
        jitter = self._jitter() * min(_LONGEST_PAUSE, max(_FIRST_PAUSE, outage / 2))
        extra = _EXTRA_PAUSE * (min(self._last_attempts, _MOST_AT_ONCE) - 1)
        return min(_LONGEST_PAUSE, jitter + extra)
