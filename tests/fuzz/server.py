"""Frames to the server's core: whatever comes, it goes on, stays within its bounds, and serves the others."""

from collections.abc import Callable

from tests.fuzz.operations import operation
from tests.fuzz.soundness import check_store, remembered, state
from tests.fuzz.tape import Tape, pieces
from tests.server.wireclient import Reply, connect_frame, raw_request, request_frame, split_frames
from zc.zk.codes import OpCode
from zc.zk.operations import Ping
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, Transaction
from zc.zk.server.core import Core
from zc.zk.server.link import Link
from zc.zk.server.settings import Settings
from zc.zk.server.words import WORDS

OPCODES = (*sorted(OpCode), -1, 10, 99, 2**31 - 1)
HOSTS = ("127.0.0.1", "10.0.0.7", "::1")
VERSIONS = ((3, 9), (3, 8))
PLANTED = ("/a", "/b", "/a/a", "/a/b", "/zookeeper/quota/a")
MOST_LINKS = 5
MOST_MOVES = 60
LARGEST_REPLY = 100_000  # bytes: by so much one answer may exceed where a link pauses
SETTINGS = {
    version: Settings(
        tick_time=1.0,
        first_zxid=0,
        version=version,
        enforce_quotas=True,
        sasl_users={"alice": "secret"},
        sweep_interval=5.0,
        words=("*",),
        most_connections=MOST_LINKS + 1,
        most_request_bytes=2048,
        most_nodes=40,
        most_data_bytes=20_000,
        most_watched_bytes=1000,
        most_identity_bytes=1000,
        unsent_bytes_to_pause=4096,
        unsent_bytes_to_drop=65_536,
    )
    for version in VERSIONS
}


class Scene:
    """A server's core, its connections, and a witness who does nothing but ping."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.now = 100.0
        self.settings = SETTINGS[tape.choose(VERSIONS)]
        self._passwords = 0
        self.core = Core(self.settings, self.now, 1_000_000.0, self._random_bytes)
        if tape.below(4):
            self._plant()
        self.remembered = remembered(self.core.store)
        self.written: list[Transaction] = []
        self.core.store.journal = self.written.append
        self.links: list[Link] = []
        self.witness = self._greet_witness()
        self.heard: list[bytes] = []

    def _random_bytes(self, count: int) -> bytes:
        self._passwords += 1
        return self._passwords.to_bytes(count)

    def _plant(self) -> None:
        """Let there be nodes, one branch with a quota."""
        for path in PLANTED:
            draft = self.core.store.begin(self.now)
            draft.make(CreateNode(path, b"", OPEN))
            draft.commit()

    def _greet_witness(self) -> Link:
        link = self.core.connect(("127.0.0.1", 1), self.now)
        link.receive(connect_frame(timeout=2**31 - 1), self.now)
        assert len(split_frames(link.data_to_send())) == 1
        return link

    # What can happen

    def play(self) -> None:
        """Do what the tape says, and look after each step whether all is well."""
        for _ in range(MOST_MOVES):
            if self.tape.is_over:
                break
            self.tape.choose(MOVES)(self)
            self._settle()
            self._check()
        for link in self.links:
            self.core.disconnect(link)
        check_store(self.core.store, {self.witness})
        assert state(self.remembered(self.written)) == state(self.core.store)

    def arrive(self) -> None:
        """Let somebody connect, who says nothing yet."""
        if len(self.links) == MOST_LINKS:
            self.leave()
        host = self.tape.choose(HOSTS)
        self.links.append(self.core.connect((host, 4711), self.now))

    def greet(self) -> None:
        """Let somebody connect and ask for a session, perhaps for one that is there."""
        self.arrive()
        session_id, password = 0, bytes(16)
        others = [each for each in self.core.sessions if each is not self.witness.session]
        if others and self.tape.below(4) == 3:
            session = self.tape.choose(others)
            session_id = session.id
            password = session.password if self.tape.below(3) else self.tape.take(16)
        zxid = self.tape.number(8) if self.tape.is_odd else 0
        read_only = self.tape.choose((False, True, None)) if self.tape.is_odd else False
        timeout = self.tape.number() if self.tape.is_odd else 10_000
        frame = connect_frame(session_id, password, timeout, zxid, read_only)
        self._write(self.links[-1], frame)

    def leave(self) -> None:
        """Let a connection be lost."""
        if self.links:
            self.core.disconnect(self.links.pop(self.tape.below(len(self.links))))

    def ask(self) -> None:
        """Let somebody ask for what a client may ask."""
        self._write(self._somebody(), request_frame(self.tape.number(), operation(self.tape)))

    def ask_nonsense(self) -> None:
        """Let somebody send a frame that is whole, with any body."""
        tape = self.tape
        body = tape.fields() if tape.below(2) else tape.blob()
        frame = raw_request(tape.number(), tape.choose(OPCODES), body)
        self._write(self._somebody(), frame)

    def ask_garbled(self) -> None:
        """Let somebody send what was a request, with a part of it replaced."""
        frame = request_frame(self.tape.number(), operation(self.tape))
        at, put = int.from_bytes(self.tape.take(2)) % len(frame), self.tape.take(4)
        self._write(self._somebody(), frame[:at] + put + frame[at + len(put) :])

    def babble(self) -> None:
        """Let somebody send bytes that are nothing."""
        self._write(self._somebody(), self.tape.blob())

    def ask_word(self) -> None:
        """Let a newcomer ask by a four-letter word."""
        self.arrive()
        self._write(self.links[-1], self.tape.choose(sorted(WORDS)))

    def wait(self) -> None:
        """Let time pass; the witness is heard of meanwhile."""
        self.now += self.tape.choose((0.5, 3.0, 12.0, 50.0))
        self.core.tick(self.now)

    def switch(self) -> None:
        """Let the server lose or find its ensemble, and the witness come again."""
        for is_read_only in (True, False):
            self.core.switch(is_read_only, self.now)
            self._settle()
            if is_read_only:
                self.greet()
        self.core.disconnect(self.witness)
        self.witness = self._greet_witness()

    def _somebody(self) -> Link:
        if not self.links:
            self.greet()
        attached = [link for link in self.links if link.is_attached]
        return self.tape.choose(attached if attached and not self.tape.is_odd else self.links)

    def _write(self, link: Link, data: bytes) -> None:
        for piece in pieces(data, self.tape):
            link.receive(piece, self.now)

    # What must be true

    def _settle(self) -> None:
        """Do what a network does with the links that are ready; some peers do not read."""
        for link in self.core.take_ready():
            self.core.told(link, self.now)
            if link is self.witness:
                continue
            if self.tape.below(4) == 3 and not link.is_closing:
                self.core.ready(link)
                continue
            data = link.data_to_send()
            if link.session_id:
                split_frames(data)
            while link.has_waiting_requests:
                link.receive(b"", self.now)
                split_frames(link.data_to_send())
            if link.is_closing:
                self.core.disconnect(link)
                if link in self.links:
                    self.links.remove(link)

    def _check(self) -> None:
        settings = self.settings
        for link in self.links:
            assert link.unsent_bytes <= settings.unsent_bytes_to_drop
            assert link.unread_bytes <= settings.most_request_bytes + 4096
            assert len(link.identities) < 10
        for table in (self.core.store.watches.data, self.core.store.watches.child):
            assert len(table) < 10 * (table.watcher_count + 1)
        assert len(self.core.links) <= settings.most_connections
        if self.witness.is_closing:
            self.core.disconnect(self.witness)
            self.witness = self._greet_witness()
        self.witness.receive(request_frame(-2, Ping()), self.now)
        replies = [Reply.parse(frame) for frame in split_frames(self.witness.data_to_send())]
        assert [reply.error for reply in replies] == [0]
        deadline = self.core.deadline()
        assert deadline is None or deadline > self.now - 1000


MOVES: tuple[Callable[[Scene], None], ...] = (
    *(Scene.ask,) * 9,
    Scene.ask_nonsense,
    Scene.ask_garbled,
    Scene.babble,
    Scene.greet,
    Scene.leave,
    Scene.arrive,
    Scene.ask_word,
    Scene.wait,
    Scene.switch,
)


def play(data: bytes) -> None:
    """Let a server live through the story that `data` tells; raises whatever is wrong."""
    Scene(Tape(data)).play()


def compare_pieces(data: bytes) -> None:
    """Send a connection the same bytes at once and in pieces; raises where the answers differ."""
    tape = Tape(data)
    stream = connect_frame()
    while not tape.is_over and len(stream) < 3000:
        if tape.below(4):
            stream += request_frame(tape.number(), operation(tape))
        else:
            stream += raw_request(tape.number(), tape.choose(OPCODES), tape.fields())
    answers = [_answers(parts) for parts in ([stream], pieces(stream, Tape(b"\2")))]
    assert answers[0] == answers[1]


def _answers(parts: list[bytes]) -> tuple[bytes, bool]:
    core = Core(SETTINGS[VERSIONS[0]], 0.0, 1_000_000.0, bytes)
    link = core.connect(("127.0.0.1", 1), 0.0)
    answer = b""
    for part in parts:
        link.receive(part, 0.0)
        answer += link.data_to_send()
        while link.has_waiting_requests:
            link.receive(b"", 0.0)
            answer += link.data_to_send()
    return answer, link.is_closing
