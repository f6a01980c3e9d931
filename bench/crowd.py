"""A crowd of sessions that ping and watch, some of which fall silent: who ends then, and when."""

import resource
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.servers import TICK, Running
from tests import wire
from tests.bareclient import BareClient
from tests.wire import Opcode

MEMBERS, WATCHED = "/members", "/watched"
WATCHES = 10  # by each member
_SILENT = 10  # of so many one falls silent
_PERSISTENT_RECURSIVE = 1
_ADD_WATCH = 106
_EPHEMERAL = 1
_PING = wire.request(wire.Xid.PING, Opcode.PING)
_HEADER = struct.Struct(">iiqi")  # length, xid, zxid, error
_EVENT_TYPE = struct.Struct(">i")
_EVENT_HEAD = _HEADER.size + 12  # before the path: type, state, length
_PATIENCE = 0.01  # seconds
_SPARE_DESCRIPTORS = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a crowd; times in seconds, memory in bytes.

    `missed` fell silent and did not end, `wronged` ended though they pinged. `earliest` and `latest` say how long after
    their time-outs the silent ones ended, counted from when we had sent their last pings.
    """

    size: int
    silent: int
    resident: int
    missed: int
    wronged: int
    earliest: float
    latest: float


@dataclass(slots=True)
class Member:
    """One session: when it last pinged, and when it and its ephemeral node went."""

    number: int
    connection: socket.socket
    spoke_at: float
    rest: bytes = b""
    answers: int = 0
    is_silent: bool = False
    node_gone_at: float | None = None
    has_ended: bool = False
    refusals: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where its ephemeral node is."""
        return member_path(self.number)


def member_path(number: int) -> str:
    """Give the path of a member's ephemeral node."""
    return f"{MEMBERS}/{number:05}"


def watched_path(number: int) -> str:
    """Give the path of a node that is watched."""
    return f"{WATCHED}/{number:06}"


def most_members() -> int:
    """Allow as many open files as the machine does, to the servers too; give how many sessions that allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - _SPARE_DESCRIPTORS


def gather(running: Running, size: int, timeout: float) -> Outcome:
    """Let so many sessions live for two time-outs, then one in ten fall silent; say what became of them."""
    running.create([MEMBERS, WATCHED])
    running.create(map(watched_path, range(size * WATCHES)), b"x")
    crowd = Crowd(running.server.port, timeout)
    try:
        for number in range(size):
            crowd.join(number)
        crowd.live(2 * timeout)
        crowd.check_answers()
        silent = crowd.silence(range(_SILENT // 2, size, _SILENT))
        crowd.live(timeout + 10 * TICK)
        crowd.check_nodes()
        return crowd.outcome(silent, running.most_resident)
    finally:
        crowd.close()


class Crowd:
    """All sessions. The first one also watches whose ephemeral node goes."""

    def __init__(self, port: int, timeout: float) -> None:
        self._port = port
        self._timeout = timeout
        self._members: list[Member] = []
        self._by_descriptor: dict[int, Member] = {}
        self._order: deque[Member] = deque()  # who has not spoken for longest stands first
        self._poll = select.epoll()

    def close(self) -> None:
        """Close all connections."""
        for member in self._members:
            member.connection.close()
        self._poll.close()

    def join(self, number: int) -> None:
        """Begin a session with its ephemeral node and its watches; meanwhile the others ping."""
        connection = BareClient.connect(self._port, timeout=self._timeout).connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(first_requests(number))
        member = Member(number, connection, time.monotonic())
        self._members.append(member)
        self._by_descriptor[connection.fileno()] = member
        self._order.append(member)
        self._poll.register(connection, select.EPOLLIN)
        self._step(0)

    def live(self, duration: float) -> None:
        """Ping three times in each time-out, all but the silent ones, and take note of what comes in."""
        end = time.monotonic() + duration
        while time.monotonic() < end:
            self._step(_PATIENCE)

    def silence(self, numbers: Iterable[int]) -> list[Member]:
        """Let these ping no more; give them."""
        silent = [self._members[number] for number in numbers]
        for member in silent:
            member.is_silent = True
        return silent

    def check_answers(self) -> None:
        """Insist that everything was answered, and nothing refused."""
        for member in self._members:
            assert member.answers >= 1 + WATCHES, f"a member has {member.answers} answers"
            assert not member.refusals, f"a member was refused: {member.refusals}"

    def check_nodes(self) -> None:
        """Insist that exactly those ephemeral nodes are there whose deletions were not told of."""
        client = BareClient.connect(self._port, timeout=self._timeout)
        reply = client.call(Opcode.GET_CHILDREN, wire.path_watch_body(MEMBERS))
        client.end()
        names, _ = wire.parse_strings(reply.body)
        left = {member.path for member in self._members if member.node_gone_at is None}
        assert {f"{MEMBERS}/{name}" for name in names} == left, (
            "the nodes are not those of the living"
        )

    def outcome(self, silent: list[Member], resident: int) -> Outcome:
        """Sum up who ended, and when."""
        ended = [
            (member.node_gone_at, member.spoke_at)
            for member in silent
            if member.has_ended and member.node_gone_at is not None
        ]
        late = [gone_at - spoke_at - self._timeout for gone_at, spoke_at in ended]
        wronged = [
            member
            for member in self._members
            if not member.is_silent and (member.has_ended or member.node_gone_at is not None)
        ]
        return Outcome(
            size=len(self._members),
            silent=len(silent),
            resident=resident,
            missed=len(silent) - len(ended),
            wronged=len(wronged),
            earliest=min(late, default=0.0),
            latest=max(late, default=0.0),
        )

    def _step(self, patience: float) -> None:
        self._ping()
        for descriptor, _ in self._poll.poll(patience):
            self._hear(self._by_descriptor[descriptor])

    def _ping(self) -> None:
        order = self._order
        while order and order[0].spoke_at + self._timeout / 3 <= time.monotonic():
            member = order.popleft()
            if not member.is_silent and not member.has_ended:
                member.spoke_at = time.monotonic()
                member.connection.send(_PING)
                order.append(member)

    def _hear(self, member: Member) -> None:
        try:
            data = member.connection.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            member.has_ended = True
            self._poll.unregister(member.connection)
            return
        data = member.rest + data
        begin = 0
        while begin + 4 <= len(data):
            end = begin + 4 + int.from_bytes(data[begin : begin + 4])
            if end > len(data):
                break
            self._take(member, data[begin:end])
            begin = end
        member.rest = data[begin:]

    def _take(self, member: Member, frame: bytes) -> None:
        _, xid, _, error = _HEADER.unpack_from(frame)
        if xid != wire.Xid.EVENT:
            member.answers += 1
            if error:
                member.refusals.append(error)
        elif _EVENT_TYPE.unpack_from(frame, _HEADER.size)[0] == wire.EventType.DELETED:
            number = int(frame[_EVENT_HEAD:].rpartition(b"/")[2])
            self._members[number].node_gone_at = time.monotonic()


def first_requests(number: int) -> bytes:
    """Give what a member asks for at first."""
    mine = range(number * WATCHES, (number + 1) * WATCHES)
    watched = [wire.path_watch_body(watched_path(each), watch=True) for each in mine]
    requests = [wire.request(xid, Opcode.GET_DATA, body) for xid, body in enumerate(watched, 2)]
    if number == 0:
        mode = struct.pack(">i", _PERSISTENT_RECURSIVE)
        requests.append(wire.request(0, _ADD_WATCH, wire.string(MEMBERS) + mode))
    body = wire.create_body(member_path(number), flags=_EPHEMERAL)
    return b"".join([*requests, wire.request(1, Opcode.CREATE, body)])
