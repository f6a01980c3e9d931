"""Frames to the client's core: whatever a server sends is an answer, or ends the connection with a reason."""

from collections import deque
from collections.abc import Callable
from typing import Any

from tests import wire
from tests.fuzz.answers import answer
from tests.fuzz.operations import operation
from tests.fuzz.tape import Tape, pieces
from tests.protocol.conversation import Asked
from zc.zk.codes import EVENT_NUMBERS, ErrorCode, Xid
from zc.zk.errors import AuthFailedError, ZooKeeperError
from zc.zk.jute import Reader, Writer
from zc.zk.operations import (
    OPERATIONS,
    Check,
    CloseSession,
    Operation,
    Ping,
    Sasl,
    SetWatches,
    SetWatches2,
)
from zc.zk.protocol.ensemble import Ensemble, parse
from zc.zk.protocol.frames import FrameReader
from zc.zk.protocol.live import Live, LiveChildren, LiveData
from zc.zk.protocol.requests import NEVER
from zc.zk.protocol.sasl import DigestMD5
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase, Settings, StateChange
from zc.zk.records import REQUEST_HEADER, ConnectRequest

ROOTS = ("", "/a")
HOSTS = ("a:1,b:1", "b:1", "c:1")
XIDS = (*Xid, 0, 1, 2, 7)
CODES = (0, *ErrorCode, -4711, 17)
LONGEST = 2048
LOGIN = DigestMD5("alice", "secret")
MOST_MOVES = 60
_FOR_THE_CORE_ALONE = (CloseSession, Ping, Sasl, SetWatches, SetWatches2, Check)


class Scene:
    """A session, what it was asked for, and a server that says what it likes."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.now = 1000.0
        self.asked: list[Asked] = []
        self.changes: list[StateChange] = []
        self.settings = Settings(
            timeout=9.0,
            longest_frame=LONGEST,
            read_only=bool(tape.below(2)),
            mechanism="DIGEST-MD5" if tape.below(4) == 3 else "",
        )
        self.session = Session(
            Ensemble(parse(HOSTS[0])[0], lambda: 0.5),
            self.settings,
            self.changes.append,
            tape.choose(ROOTS),
        )
        self.lives: list[Live] = []
        self.exchange = LOGIN.start("a", "nonce")
        self.unanswered: deque[tuple[int, Operation[Any]]] = deque()  # Any: replies of every type
        self._frames = FrameReader(2**21)
        self._is_greeted = False
        self.session.open(self.now)

    # What can happen

    def play(self) -> None:
        """Do what the tape says, and look after each step whether all is well."""
        for _ in range(MOST_MOVES):
            if self.tape.is_over:
                break
            self.tape.choose(MOVES)(self)
            self._settle()
        self.session.close(self.now)
        self.session.finish("closed")
        assert all(each.ended for each in self.asked)
        for each in self.asked:
            assert all(isinstance(error, ZooKeeperError) for error in each.errors)
            assert all(_is_one_line(str(error)) for error in each.errors)

    def ask(self) -> None:
        """Ask for something."""
        wanted = operation(self.tape)
        if isinstance(wanted, _FOR_THE_CORE_ALONE):
            return
        within = self.tape.choose((NEVER, 5.0))
        asked = Asked(wanted, self.session.trail.root, self.now + within)
        self.asked.append(asked)
        self.session.submit(asked, self.now)

    def keep(self) -> None:
        """Have a node kept current, or one of those no longer."""
        if len(self.lives) > 3:
            self.lives.pop(self.tape.below(len(self.lives))).drop()
        live = self.tape.choose((LiveData, LiveChildren))(self.session, self.tape.path())
        live.refresh()
        self.lives.append(live)

    def move(self) -> None:
        """Take other servers."""
        self.session.move(parse(self.tape.choose(HOSTS))[0], self.now)

    def look(self) -> None:
        """Look for a server that takes writes, if one is wanted."""
        session = self.session
        if (server := session.look(self.now)) is not None:
            session.looked(server, self.now, is_writable=bool(self.tape.below(2)))

    def close(self) -> None:
        """Close the session; it is opened again as soon as that is over."""
        self.session.close(self.now)

    def greet(self) -> None:
        """Let a server accept the session, or say something like it."""
        self.reach()
        tape = self.tape
        frame = wire.connect_response(
            0x51 if tape.below(4) else tape.number(8),
            tape.take(16),
            tape.choose((0.4, 0.0, -1.0)) if tape.is_odd else 9.0,
            read_only=tape.is_odd,
        )
        if tape.is_odd:
            at = tape.below(len(frame))
            frame = frame[:at] + tape.take(4) + frame[at:]
        self._feed(frame)

    def reach(self) -> None:
        """Let a connection be made, if one is wanted."""
        session = self.session
        if session.phase is Phase.WAITING:
            self.now = max(self.now, min(session.deadline(), self.now + 60))
            session.tick(self.now)
            if servers := session.dial(self.now):
                session.connected(self.now, servers[0])
                self.unanswered.clear()
                self._frames = FrameReader(2**21)
                self._is_greeted = False

    def serve(self) -> None:
        """Answer some of what was asked as a server does."""
        for _ in range(min(len(self.unanswered), 1 + self.tape.below(4))):
            xid, asked = self.unanswered.popleft()
            code, out = 0, Writer(self.session.trail.root)
            if self.tape.is_odd:
                code = self.tape.choose(CODES)
            else:
                asked.write_reply(answer(asked, self.tape), out)
            body = out.getvalue()
            if self.tape.is_odd:
                body = body[: self.tape.below(64)] + self.tape.blob()
            self._feed(wire.reply(xid, self.tape.below(200), code, body))

    def answer(self) -> None:
        """Answer what is asked next, with any body."""
        connection = self.session.connection
        xid = connection.in_flight[0].xid if connection and connection.in_flight else 1
        self._reply(xid)

    def answer_marked(self) -> None:
        """Answer a ping, an identity or watches, or whatever was not asked for."""
        self._reply(self.tape.choose(XIDS))

    def _reply(self, xid: int) -> None:
        tape = self.tape
        code = tape.choose(CODES) if tape.below(4) == 3 else 0
        body = tape.fields() if tape.below(3) else b""
        self._feed(wire.reply(xid, tape.number(8), code, body))

    def tell(self) -> None:
        """Tell of an event."""
        number = self.tape.choose((*EVENT_NUMBERS.values(), 77))
        self._feed(wire.event(number, self.tape.path()))

    def babble(self) -> None:
        """Send bytes that are nothing."""
        self._feed(self.tape.blob())

    def cut(self) -> None:
        """Let the connection be lost, or not be made."""
        session = self.session
        if session.phase is Phase.WAITING and (servers := session.dial(self.now)):
            session.unreachable(servers[0], "connection refused", self.now)
        session.disconnected("the server hung up", self.now)

    def wait(self) -> None:
        """Let time pass."""
        until = self.now + self.tape.choose((0.1, 4.0, 12.0))
        for _ in range(20):
            if self.session.deadline() > until or self.session.fault is not None:
                break
            self.now = max(self.now, self.session.deadline())
            self.session.tick(self.now)
        self.now = until
        self.session.tick(self.now)

    def prove(self) -> None:
        """Go on with a login, if one is under way."""
        authentication = self.session.authentication
        challenge = authentication.challenge
        if challenge is None:
            return
        if challenge.token == b"":
            self.exchange = LOGIN.start("a", "nonce")
        try:
            authentication.answer(challenge, self.exchange.step(challenge.token))
        except AuthFailedError as error:
            authentication.refuse(challenge, str(error))
            assert self.session.fault

    def _feed(self, data: bytes) -> None:
        for piece in pieces(data, self.tape):
            if self.session.fault is not None:
                return  # whoever has the socket hangs up
            self.session.receive(piece, self.now)

    # What must be true

    def _settle(self) -> None:
        session = self.session
        self._collect(session.data_to_send(self.now))
        if session.fault is not None:
            assert _is_one_line(session.fault)
            session.disconnected(session.fault, self.now)
        if session.phase is Phase.STOPPED:
            session.open(self.now)
        assert len(session.ensemble.failures) <= 3

    def _collect(self, data: bytes) -> None:
        for buffer, begin, end in self._frames.feed(data):
            source = Reader(buffer, begin, end, self.session.trail.root)
            if not self._is_greeted:
                self._is_greeted = True
                ConnectRequest.read(source)
                continue
            xid, opcode = source.unpack(REQUEST_HEADER)
            self.unanswered.append((xid, OPERATIONS[opcode].read_request(source)))
            source.finish()


def _is_one_line(text: str) -> bool:
    return bool(text) and "\n" not in text and len(text) < 2000


MOVES: tuple[Callable[[Scene], None], ...] = (
    *(Scene.ask,) * 5,
    *(Scene.serve,) * 5,
    Scene.greet,
    Scene.greet,
    Scene.answer,
    Scene.answer_marked,
    Scene.tell,
    Scene.babble,
    Scene.reach,
    Scene.cut,
    Scene.wait,
    Scene.prove,
    Scene.keep,
    Scene.keep,
    Scene.move,
    Scene.look,
    Scene.close,
)


def play(data: bytes) -> None:
    """Let a client live through the story that `data` tells; raises whatever is wrong."""
    Scene(Tape(data)).play()
