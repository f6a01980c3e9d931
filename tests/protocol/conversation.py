"""A session that is driven by adding numbers to a clock, and the server's side of what it says.

The frames of the server are made by the operations themselves, in the direction that a server uses.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from tests import wire
from zc.zk.codes import EVENT_NUMBERS, EventType, State
from zc.zk.jute import Reader, Writer
from zc.zk.operations import OPERATIONS, Operation, Ping, SetWatches
from zc.zk.protocol.ensemble import Endpoint, Ensemble, parse
from zc.zk.protocol.frames import FrameReader
from zc.zk.protocol.requests import NEVER, Request, encode
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase, Settings, StateChange
from zc.zk.records import REQUEST_HEADER, ConnectRequest, Stat

SESSION_ID = 0x51
PASSWORD = b"0123456789abcdef"
T = 9.0  # the negotiated time-out of most conversations, in seconds
_LONGEST_REQUEST = 2**21


def stat(mzxid: int = 1, version: int = 0, owner: int = 0) -> Stat:
    """Give a plausible status."""
    return Stat(1, mzxid, 0, 0, version, 0, 0, owner, 0, 0, 1)


class Asked(Request):
    """A request that remembers what became of it."""

    __slots__ = ("answers", "errors")

    def __init__(
        self,
        operation: Operation[Any],
        root: str = "",
        deadline: float = NEVER,
        *,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(operation, encode(operation, root), deadline, fail_fast)
        self.answers: list[Any] = []  # Any: the answer's type is the operation's
        self.errors: list[Exception] = []

    def resolve(self, answer: object) -> None:
        assert not self.ended
        super().resolve(answer)
        self.answers.append(answer)

    def fail(self, error: Exception) -> None:
        assert not self.ended
        super().fail(error)
        self.errors.append(error)

    @property
    def error(self) -> Exception:
        """The error that it ended in."""
        (error,) = self.errors
        return error

    @property
    def answer(self) -> Any:  # Any: the same
        """The answer that it was given."""
        (answer,) = self.answers
        return answer


class Sent:
    """A request as the server has it."""

    def __init__(self, xid: int, operation: Operation[Any]) -> None:
        self.xid = xid
        self.operation = operation


class Conversation:
    """A client session, its clock, and a server that says what the test has it say."""

    def __init__(
        self,
        hosts: str = "a:1",
        *,
        root: str = "",
        settings: Settings | None = None,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.now = 1000.0
        self.zxid = 0
        self.changes: list[StateChange] = []
        self.times: list[float] = []  # of the changes
        self.hellos: list[ConnectRequest] = []
        self.tried: Endpoint = parse(hosts)[0][0]
        self.unanswered: deque[Sent] = deque()
        self.session = Session(
            Ensemble(parse(hosts)[0], chance),
            settings or Settings(timeout=T, connect_timeout=3.0),
            self._note,
            root,
        )
        self._frames = FrameReader(_LONGEST_REQUEST)
        self._is_greeted = False

    def _note(self, change: StateChange) -> None:
        self.changes.append(change)
        self.times.append(self.now)

    @property
    def states(self) -> list[State]:
        """The states that the listener was told, in order."""
        return [change.state for change in self.changes]

    # What callers do

    def ask(self, operation: Operation[Any], within: float = NEVER) -> Asked:
        """Submit an operation, and have it sent if there is a server."""
        asked = Asked(operation, self.session.trail.root, self.now + within)
        self.session.submit(asked, self.now)
        self.collect()
        return asked

    # What the driver does

    def open(self) -> "Conversation":
        """Begin to look for a server."""
        self.session.open(self.now)
        return self

    def dial(self) -> Endpoint:
        """Let time pass until the session wants to connect, and say to which server."""
        while not (servers := self.session.dial(self.now)):
            assert self.session.phase is Phase.WAITING
            self.now = max(self.now, self.session.deadline())
            self.session.tick(self.now)
        self.tried = servers[0]
        return self.tried

    def connect(self) -> ConnectRequest:
        """Let a connection be made, and give what the session asked for."""
        server = self.dial()
        self.unanswered.clear()
        self._frames = FrameReader(_LONGEST_REQUEST)
        self._is_greeted = False
        self.session.connected(self.now, server)
        self.collect()
        return self.hellos[-1]

    def collect(self) -> None:
        """Take what the session has to send."""
        for buffer, begin, end in self._frames.feed(self.session.data_to_send(self.now)):
            source = Reader(buffer, begin, end)
            if not self._is_greeted:
                self._is_greeted = True
                self.hellos.append(ConnectRequest.read(source))
                continue
            xid, opcode = source.unpack(REQUEST_HEADER)
            operation = OPERATIONS[opcode].read_request(source)
            source.finish()
            self.unanswered.append(Sent(xid, operation))

    def wait(self, seconds: float) -> None:
        """Let time pass, ticking whenever the session asked for it; stops where it wants to hang up."""
        end = self.now + seconds
        while self.session.deadline() <= end and self.session.fault is None:
            assert self.session.phase is not Phase.WAITING, "nobody dials"
            self.now = max(self.now, self.session.deadline())
            self.session.tick(self.now)
            self.collect()
        if self.session.fault is None:
            self.now = end

    def wait_offline(self, seconds: float) -> None:
        """Let time pass in which every attempt to connect is refused."""
        end = self.now + seconds
        while self.session.deadline() <= end:
            self.now = max(self.now, self.session.deadline())
            self.session.tick(self.now)
            if servers := self.session.dial(self.now):
                self.session.unreachable(servers[0], "connection refused", self.now)
                self.session.disconnected("connection refused", self.now)
        self.now = end

    def drop(self, reason: str = "the server hung up") -> None:
        """Lose the connection, or fail to reach the server."""
        if self.session.phase is Phase.DIALLING:
            self.session.unreachable(self.tried, reason, self.now)
        self.session.disconnected(self.session.fault or reason, self.now)

    # What the server does

    def feed(self, data: bytes) -> None:
        """Let bytes arrive, and have the session say what it wants to in return."""
        self.session.receive(data, self.now)
        self.collect()

    def greet(
        self,
        session_id: int = SESSION_ID,
        timeout: float = T,
        password: bytes = PASSWORD,
        *,
        read_only: bool = False,
    ) -> None:
        """Accept the session."""
        self.feed(wire.connect_response(session_id, password, timeout, read_only=read_only))

    def expire(self) -> None:
        """Say that the session has expired, and hang up."""
        self.feed(wire.session_refused())
        self.drop()

    def reply(self, answer: object = None, zxid: int | None = None) -> None:
        """Answer the oldest request."""
        sent = self.unanswered.popleft()
        out = Writer()
        sent.operation.write_reply(answer, out)
        self.zxid = self.zxid + 1 if zxid is None else zxid
        self.feed(wire.reply(sent.xid, self.zxid, body=out.getvalue()))

    def refuse(self, code: int) -> None:
        """Answer the oldest request by an error number."""
        self.feed(wire.reply(self.unanswered.popleft().xid, self.zxid, err=code))

    def event(self, kind: EventType, path: str) -> None:
        """Tell of a change."""
        self.feed(wire.event(EVENT_NUMBERS[kind], path))

    @property
    def asked(self) -> list[Operation[Any]]:
        """What waits to be answered."""
        return [sent.operation for sent in self.unanswered]

    # All together

    def go_online(self, session_id: int = SESSION_ID) -> "Conversation":
        """Be connected to a server that has all that it needs."""
        self.open()
        self.come_back(session_id)
        return self

    def come_back(self, session_id: int = SESSION_ID) -> None:
        """Let the session find a server that accepts it, and arm everything again."""
        self.connect()
        self.greet(session_id)
        while self.unanswered and isinstance(self.unanswered[0].operation, SetWatches):
            self.reply()

    def answer_pings(self) -> None:
        """Answer what was asked last, which must be pings."""
        while self.unanswered:
            assert isinstance(self.unanswered[0].operation, Ping)
            self.reply()
