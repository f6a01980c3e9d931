"""The server without I/O, clock or dice: it is told bytes and the time, and gives bytes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from zc.zk.server.latency import Latency
from zc.zk.server.link import Link
from zc.zk.server.sessions import Session
from zc.zk.server.settings import Settings
from zc.zk.server.status import Connection, Place, Status
from zc.zk.server.store import Store
from zc.zk.server.sweep import Sweep
from zc.zk.server.words import answer, is_allowed

_PATCH_LEVEL = 3  # of the Apache versions that this server behaves like


class Core:
    """A stand-alone server.

    Whoever has sockets calls `connect` for each that is accepted, hands on what arrives with
    `Link.receive`, calls `tick` by `deadline`, and after each of these takes care of the links that
    `take_ready` returns: sends their
    `Link.data_to_send`, then ends those that are closing. `now` is in seconds of a clock that never
    goes back.
    """

    def __init__(
        self,
        settings: Settings,
        now: float,
        wall_offset: float,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.store = Store(settings, now, wall_offset, random_bytes)
        self.links: dict[Link, None] = {}
        self._hosts: Counter[str] = Counter()  # how many of them each has
        self._unattached: dict[Link, float] = {}  # and when each is given up, the next one first
        self._ready: dict[Link, None] = {}
        self._sweep = Sweep(self.store, now)
        self._received = self._sent = 0  # by connections that are gone
        self.latency = Latency()
        self.place = Place()
        self._started = now

    # What the network tells

    def connect(self, peer: tuple[str, int], now: float) -> Link:
        """Take a new connection from the address `peer`; one too many is closing from the start."""
        link = self.new_link(peer, now)
        if self._is_full(peer[0]):
            link.close()
        else:
            self._unattached[link] = now + self.settings.unconnected_timeout
        self.links[link] = None
        self._hosts[peer[0]] += 1
        return link

    def new_link(self, peer: tuple[str, int], now: float) -> Link:
        """Return a connection of the kind that this server has."""
        return Link(self.store, self, peer, now)

    def _is_full(self, host: str) -> bool:
        most = self.settings.most_connections_per_host
        if most and self._hosts[host] >= most:
            return True
        return len(self.links) >= self.settings.most_connections

    def disconnect(self, link: Link) -> None:
        """Forget a connection that is no more."""
        link.close()
        if link in self.links:
            del self.links[link]
            host = link.peer[0]
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
            self._received += link.figures.received
            self._sent += link.figures.sent
        self._unattached.pop(link, None)
        self._ready.pop(link, None)

    def take_ready(self) -> Collection[Link]:
        """Return the links that have something to send or want to end, each once."""
        ready = self._ready
        if ready:
            self._ready = {}
        return ready

    def told(self, link: Link, now: float) -> None:
        """Take note that the answers on a connection are on their way, for the figures."""
        link.figures.measure(now, self.latency)

    def deadline(self) -> float | None:
        """Return when `tick` has something to do, or None for never."""
        times = (
            self.store.served_sessions.deadline(),
            next(iter(self._unattached.values()), None),
            None if self.store.is_read_only else self._sweep.deadline(),
        )
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """End what has had its time: sessions, connections that never asked for one, nodes."""
        store = self.store
        for session in store.served_sessions.due(now):
            if store.is_read_only:
                store.end_local_session(session.id)
            else:
                store.end_session(session.id, now)
        for link in self._overdue(now):
            link.close()
            self._unattached.pop(link, None)
        if not store.is_read_only:
            self._sweep.run(now)

    def _overdue(self, now: float) -> list[Link]:
        overdue = []
        for link, give_up in self._unattached.items():
            if give_up > now:
                break
            overdue.append(link)
        return overdue

    # What an administrator asks

    @property
    def sessions(self) -> Iterator[Session]:
        """The sessions that are alive, those that wait while the server reads only included."""
        yield from self.store.sessions
        if self.store.is_read_only:
            yield from self.store.served_sessions

    def expire(self, session_id: int, now: float) -> bool:
        """End a session now, as if its time had run out; say whether it was alive."""
        store = self.store
        if store.is_read_only and store.served_sessions.find(session_id) is not None:
            store.end_local_session(session_id)
            return True
        if store.sessions.find(session_id) is None:
            return False
        store.end_session(session_id, now)
        return True

    def switch(self, is_read_only: bool, now: float) -> None:
        """Become as a server that lost its ensemble, or again as one that has it.

        Every connection ends. Meanwhile no global session ends, and when there are writes again
        each has its whole time anew.
        """
        if is_read_only != self.store.is_read_only:
            self.store.switch(is_read_only, now)
            for link in tuple(self.links):
                link.close()

    def status(self, asking: Link | None = None, now: float | None = None) -> Status:
        """Return what the server says of itself."""
        version = ".".join(map(str, (*self.settings.version, _PATCH_LEVEL)))
        return Status(
            version=f"{version}-zc.zk, built on Python",
            store=self.store,
            place=self.place,
            now=self._started if now is None else now,
            started=self._started,
            received=self._received + sum(link.figures.received for link in self.links),
            sent=self._sent + sum(link.figures.sent for link in self.links),
            latency=self.latency,
            connections_count=len(self.links),
            connections=lambda: [self._describe(link, asking) for link in self.links],
        )

    def _describe(self, link: Link, asking: Link | None) -> Connection:
        figures, session = link.figures, link.session if link.is_attached else None
        return Connection(
            *link.peer,
            link is asking,
            figures.received,
            figures.sent,
            session_id=link.session_id,
            timeout=session.timeout if session else 0,
            ends_at=(
                self.store.served_sessions.end_of(session)
                if session
                else link.since + self.settings.unconnected_timeout
            ),
            since=link.since,
            answered_at=figures.asked_at,
            opcode=figures.opcode,
            xid=figures.xid,
            zxid=figures.zxid,
            latency=figures.latency,
        )

    def _forget_figures(self) -> None:
        """Let the server's figures begin anew, those of its connections not."""
        self._received = -sum(link.figures.received for link in self.links)
        self._sent = -sum(link.figures.sent for link in self.links)
        self.latency.reset()

    def _forget_figures_of_connections(self) -> None:
        for link in self.links:
            self._received += link.figures.received
            self._sent += link.figures.sent
            link.figures.reset()

    # What links tell

    def ready(self, link: Link) -> None:
        """Take note that a connection has something to send, or wants to end."""
        self._ready[link] = None

    def attached(self, link: Link) -> None:
        """Take note that a connection has its session."""
        self._unattached.pop(link, None)

    def word(self, word: bytes, link: Link, now: float) -> bytes:
        """Return the answer to a four-letter word."""
        if is_allowed(word, self.settings.words):
            if word == b"srst":
                self._forget_figures()
            elif word == b"crst":
                self._forget_figures_of_connections()
        return answer(word, self.status(link, now), self.settings.words)
