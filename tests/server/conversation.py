"""A server core and its clients in memory, with a clock that stands still until it is told."""

from typing import Any

from tests.server.wireclient import Reply, connect_frame, request_frame, split_frames
from zc.zk.codes import Xid
from zc.zk.jute import Reader
from zc.zk.operations import Exists, Operation
from zc.zk.records import ConnectResponse, Stat
from zc.zk.server.core import Core
from zc.zk.server.link import Link
from zc.zk.server.settings import Settings

PASSWORD = bytes(range(16))


class World:
    """One server at the time `now`; the wall clock shows `wall` seconds more."""

    def __init__(self, settings: Settings | None = None, wall: float = 1_000_000_000.0) -> None:
        self.now = 100.0
        self.settings = settings or Settings(tick_time=1.0, first_zxid=0)
        self.core = Core(self.settings, self.now, wall, lambda count: PASSWORD[:count])

    @property
    def zxid(self) -> int:
        return self.core.store.zxid

    def arrive(self, host: str = "127.0.0.1") -> "Peer":
        """Give a connection that has said nothing yet."""
        return Peer(self, self.core.connect((host, 4711), self.now))

    def connect(
        self, timeout: int = 10_000, session_id: int = 0, host: str = "127.0.0.1"
    ) -> "Peer":
        """Give a connection that has a session."""
        peer = self.arrive(host)
        peer.connect(connect_frame(session_id, PASSWORD, timeout))
        return peer

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.core.tick(self.now)


class Peer:
    """The far end of one link; `events` keeps the events that came between replies."""

    def __init__(self, world: World, link: Link) -> None:
        self.world = world
        self.link = link
        self.events: list[Reply] = []
        self.response: ConnectResponse | None = None
        self._last_xid = 0

    @property
    def session_id(self) -> int:
        assert self.response is not None
        return self.response.session_id

    def connect(self, frame: bytes) -> ConnectResponse:
        """Send a connect request and give the response."""
        (answer,) = split_frames(self.write(frame))
        self.response = ConnectResponse.read(Reader(answer))
        return self.response

    def write(self, data: bytes) -> bytes:
        """Send bytes and give those that come back."""
        self.link.receive(data, self.world.now)
        return self.link.data_to_send()

    def read(self) -> list[Reply]:
        """Give what the server has written since it was last looked at, events apart."""
        return self._sort(self.link.data_to_send())

    def send(self, frame: bytes) -> Reply:
        """Send a frame and give the one reply to it."""
        (reply,) = self._sort(self.write(frame))
        return reply

    def call(self, operation: Operation[Any]) -> Reply:
        """Send a request and give the reply."""
        self._last_xid += 1
        return self.send(request_frame(self._last_xid, operation))

    def ask(self, operation: Operation[Any]) -> Any:
        """Send a request that must succeed, and give its answer."""
        reply = self.call(operation)
        assert reply.error == 0
        return operation.read(Reader(reply.body))

    def take_events(self) -> list[tuple[int, str]]:
        """Give the type and path of the events that came, which are then forgotten."""
        self.read()
        events, self.events = self.events, []
        return [event.event for event in events]

    def _sort(self, data: bytes) -> list[Reply]:
        replies = [Reply.parse(frame) for frame in split_frames(data)]
        self.events += [reply for reply in replies if reply.xid == Xid.EVENT]
        return [reply for reply in replies if reply.xid != Xid.EVENT]


def stat_of(peer: Peer, path: str) -> Stat:
    """Give the status of a node that exists."""
    answer = peer.ask(Exists(path))
    assert isinstance(answer, Stat)
    return answer
