import struct
from collections.abc import Callable

import pytest

from tests import wire
from tests.protocol.conversation import Asked, stat
from zc.zk.codes import EventType
from zc.zk.errors import (
    BadVersionError,
    NoNodeError,
    ProtocolError,
    ResponseTooLargeError,
    UnknownError,
    ZooKeeperError,
)
from zc.zk.jute import Writer
from zc.zk.operations import (
    Auth,
    Create,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Ping,
    SetData,
    SetWatches,
    Sync,
    Watch,
)
from zc.zk.protocol.connection import Connection, Trail
from zc.zk.protocol.watches import WatchTables
from zc.zk.records import ConnectRequest, ConnectResponse, WatchedEvent

T = 9.0
LIMIT = 4096
START = 100.0
DATA = wire.data_body(b"data")


class Told(Watch):
    def __init__(self) -> None:
        self.events: list[tuple[EventType, str | None]] = []

    def fire(self, event: WatchedEvent) -> None:
        self.events.append((event.type, event.path))


class Peer:
    """A connection that was just greeted, and what came of it."""

    def __init__(self, *, greeted: bool = True) -> None:
        self.trail = Trail(WatchTables())
        self.greetings: list[ConnectResponse] = []
        self.connection = Connection(
            self.trail,
            ConnectRequest(0, 9000, 0, bytes(16)),
            self.greetings.append,
            LIMIT,
            START,
        )
        self.hello = self.connection.data_to_send(START)
        if greeted:
            self.receive(wire.connect_response(timeout=T))

    def receive(self, data: bytes, now: float = START) -> None:
        self.connection.receive(data, now)

    def receive_in_pieces(self, data: bytes, size: int) -> None:
        for at in range(0, len(data), size):
            self.receive(data[at : at + size])

    def ask(self, asked: Asked, now: float = START) -> Asked:
        self.connection.send(asked)
        self.connection.data_to_send(now)
        return asked


def error_of(peer: Peer, data: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        peer.receive(data)
    return str(caught.value)


# The greeting


def test_the_first_thing_said_is_the_connect_request() -> None:
    assert Peer().hello == wire.connect_request(timeout=T)


@pytest.mark.parametrize("size", [1, 3, 41])
def test_the_greeting_may_come_in_pieces(size: int) -> None:
    peer = Peer(greeted=False)
    data = wire.connect_response(7, b"p" * 16, timeout=6.0)

    peer.receive_in_pieces(data, size)

    assert peer.greetings == [ConnectResponse(6000, 7, b"p" * 16, False)]
    assert peer.connection.timeout == 6.0


def test_a_greeting_of_an_old_server_is_accepted() -> None:
    peer = Peer(greeted=False)

    peer.receive(wire.frame(wire.connect_response(7)[4:-1]))

    assert peer.greetings[0].session_id == 7


@pytest.mark.parametrize("length", [0, 4, 20, 35])
def test_a_greeting_that_is_too_short_is_no_session(length: int) -> None:
    error = error_of(Peer(greeted=False), wire.frame(bytes(length)))

    assert error == f"the server refused to open a session ({length} bytes)"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28" + bytes(9),
        struct.pack(">i", -1),
        wire.frame(bytes(257)),
        wire.frame(bytes(64)),
        wire.frame(wire.connect_response()[4:] + b"\0"),
    ],
)
def test_whatever_is_no_greeting_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Peer(greeted=False).receive(data)


# Requests and replies


def test_requests_are_counted_from_one() -> None:
    peer = Peer()

    asked = [peer.ask(Asked(Sync("/"))) for _ in range(3)]

    assert [each.xid for each in asked] == [1, 2, 3]


def test_pings_identities_and_watches_are_marked_and_not_counted() -> None:
    peer = Peer()

    marked = [
        peer.ask(Asked(each)) for each in (Ping(), Auth("digest", b"a:b"), SetWatches(0, ("/a",)))
    ]
    counted = peer.ask(Asked(Sync("/")))

    assert [each.xid for each in marked] == [-2, -4, -8]
    assert counted.xid == 1


def test_after_the_largest_number_comes_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zc.zk.protocol.connection._LARGEST_XID", 3)
    peer = Peer()

    asked = [peer.ask(Asked(Sync("/"))) for _ in range(5)]
    peer.receive(b"".join(wire.reply(each.xid, body=wire.string("/")) for each in asked))

    assert [each.xid for each in asked] == [1, 2, 3, 1, 2]
    assert [each.answer for each in asked] == ["/"] * 5


def test_the_largest_number_is_that_of_the_protocol() -> None:
    from zc.zk.protocol import connection  # noqa: PLC0415 (read by name, as it is private)

    assert vars(connection)["_LARGEST_XID"] == 2**31 - 1


def test_what_is_sent_together_travels_in_one_write() -> None:
    peer = Peer()
    first, second = Asked(Sync("/a")), Asked(Delete("/b"))
    peer.connection.send(first)
    peer.connection.send(second)

    data = peer.connection.data_to_send(START)

    assert data == first.frame() + second.frame()
    assert peer.connection.data_to_send(START) == b""


def test_each_reply_reaches_who_asked() -> None:
    peer = Peer()
    asked = [peer.ask(Asked(GetData(f"/{number}"))) for number in range(3)]

    for number, each in enumerate(asked):
        peer.receive(wire.reply(each.xid, body=wire.data_body(str(number).encode())))

    assert [each.answer for each in asked] == [
        (str(number).encode(), stat_of(str(number).encode())) for number in range(3)
    ]


def test_a_root_that_is_missing_is_named_as_the_server_knows_it() -> None:
    peer = Peer()
    peer.trail.root = "/app"
    listing, making = peer.ask(Asked(GetData("/"))), peer.ask(Asked(Create("/a", b"", ())))

    peer.receive(wire.reply(1, err=NoNodeError.code) + wire.reply(2, err=NoNodeError.code))

    missing = "no such node: /, for the chroot /app is missing"
    assert str(listing.error) == missing
    assert str(making.error) == f"{missing} (the parent of /a)"


def stat_of(data: bytes) -> object:
    return stat()._replace(ctime=1000, mtime=1000, dataLength=len(data))


def test_an_error_number_reaches_who_asked_and_nobody_else() -> None:
    peer = Peer()
    failing, other = peer.ask(Asked(GetData("/a"))), peer.ask(Asked(Sync("/b")))

    peer.receive(wire.reply(1, err=NoNodeError.code) + wire.reply(2, body=wire.string("/b")))

    assert isinstance(failing.error, NoNodeError)
    assert str(failing.error) == "no such node: /a"
    assert other.answer == "/b"


@pytest.mark.parametrize("code", [-99, 1, 77, 2**31 - 1, -(2**31)])
def test_an_unknown_error_number_concerns_that_request_alone(code: int) -> None:
    peer = Peer()
    failing, other = peer.ask(Asked(Delete("/a"))), peer.ask(Asked(Sync("/b")))

    peer.receive(wire.reply(1, err=code) + wire.reply(2, body=wire.string("/b")))

    assert isinstance(failing.error, UnknownError)
    assert failing.error.number == code
    assert other.answer == "/b"


def test_a_reply_whose_telling_was_interrupted_counts_as_none() -> None:
    class Interrupted(Asked):
        def resolve(self, answer: object) -> None:
            raise KeyboardInterrupt

    peer = Peer()
    asked, other = peer.ask(Interrupted(Sync("/a"))), peer.ask(Asked(Sync("/b")))

    with pytest.raises(KeyboardInterrupt):
        peer.receive(wire.reply(1, body=wire.string("/a")))

    assert peer.connection.unanswered() == ([asked, other], [])


def test_a_reply_to_a_request_that_ended_meanwhile_is_dropped() -> None:
    peer = Peer()
    asked = peer.ask(Asked(GetData("/a", Told())))
    asked.fail(ZooKeeperError())

    peer.receive(wire.reply(1, body=DATA))

    assert asked.answers == []
    assert len(peer.trail.watches) == 0


def test_marked_replies_may_overtake_counted_ones() -> None:
    peer = Peer()
    sync, auth, ping = (peer.ask(Asked(each)) for each in (Sync("/"), Auth("x", b""), Ping()))

    peer.receive(wire.reply(-4, 0) + wire.reply(-2) + wire.reply(1, body=wire.string("/")))

    assert [each.answer for each in (sync, auth, ping)] == ["/", None, None]


@pytest.mark.parametrize("xid", [0, 2, 3, -3, -5, 2**31 - 1, -(2**31), -2, -4, -8])
def test_a_reply_that_nobody_asked_for_breaks_the_protocol(xid: int) -> None:
    peer = Peer()
    asked = peer.ask(Asked(Sync("/")))

    with pytest.raises(ProtocolError, match=f"^a reply to request {xid}, where "):
        peer.receive(wire.reply(xid, body=wire.string("/")))

    assert not asked.ended


def test_a_reply_before_anything_was_asked_breaks_the_protocol() -> None:
    error = error_of(Peer(), wire.reply(1))

    assert error == "a reply to request 1, where none is due"


def test_a_reply_out_of_turn_breaks_the_protocol() -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")))
    peer.ask(Asked(Sync("/")))

    assert error_of(peer, wire.reply(2)) == "a reply to request 2, where 1 is next"


def test_a_second_reply_to_the_same_request_breaks_the_protocol() -> None:
    peer = Peer()
    asked = peer.ask(Asked(Sync("/")))

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=wire.string("/")) * 2)

    assert asked.answers == ["/"]


@pytest.mark.parametrize("length", range(16))
def test_a_reply_shorter_than_its_header_breaks_the_protocol(length: int) -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")))

    assert error_of(peer, wire.frame(bytes(length))) == f"a reply of {length} bytes"


@pytest.mark.parametrize("length", range(len(DATA)))
def test_a_reply_cut_short_fails_its_request_and_breaks_the_protocol(length: int) -> None:
    peer = Peer()
    asked = peer.ask(Asked(GetData("/a")))

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=DATA[:length]))

    assert isinstance(asked.error, ProtocolError)


def test_a_reply_that_goes_on_fails_its_request_and_breaks_the_protocol() -> None:
    peer = Peer()
    asked = peer.ask(Asked(GetData("/a")))

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=DATA + b"\0"))

    assert isinstance(asked.error, ProtocolError)


@pytest.mark.parametrize(
    ("asked", "maybe_applied"), [(SetData("/a", b""), True), (GetData("/a"), False)]
)
def test_a_write_whose_reply_cannot_be_read_may_have_been_applied(
    asked: GetData | SetData, maybe_applied: bool
) -> None:
    peer = Peer()
    request = peer.ask(Asked(asked))

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=b"?"))

    assert isinstance(request.error, ZooKeeperError)
    assert request.error.maybe_applied is maybe_applied


# Too much


def test_an_answer_beyond_the_limit_fails_its_request_for_good() -> None:
    peer = Peer()
    asked, other = peer.ask(Asked(GetChildren("/a"))), peer.ask(Asked(Sync("/")))

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=bytes(LIMIT)))

    assert isinstance(asked.error, ResponseTooLargeError)
    assert str(asked.error) == "a frame of 4112 bytes, where up to 4096 are accepted: /a"
    assert not other.ended


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11])
def test_an_answer_beyond_the_limit_is_known_wherever_the_stream_is_cut(size: int) -> None:
    peer = Peer()
    asked = peer.ask(Asked(GetChildren("/a")))
    data = wire.reply(1, body=bytes(LIMIT))[:24]

    with pytest.raises(ProtocolError):
        peer.receive_in_pieces(data, size)

    assert isinstance(asked.error, ResponseTooLargeError)


def test_a_request_whose_time_ran_out_fails_but_once() -> None:
    peer = Peer()
    asked = peer.ask(Asked(GetChildren("/a")))
    asked.fail(ZooKeeperError())

    with pytest.raises(ProtocolError):
        peer.receive(wire.reply(1, body=bytes(LIMIT)))

    assert len(asked.errors) == 1


@pytest.mark.parametrize("length", [-1, -(2**31)])
def test_a_negative_length_concerns_no_request(length: int) -> None:
    peer = Peer()
    asked = peer.ask(Asked(Sync("/")))

    with pytest.raises(ProtocolError):
        peer.receive(struct.pack(">ii", length, 1))

    assert not asked.ended


# Watches


def watching(peer: Peer, ask: Callable[[Watch], Asked]) -> Told:
    watch = Told()
    peer.ask(ask(watch))
    return watch


def test_a_watch_is_armed_by_the_answer() -> None:
    peer = Peer()
    watch = watching(peer, lambda watch: Asked(GetData("/a", watch)))

    armed_before = len(peer.trail.watches)
    peer.receive(wire.reply(1, body=DATA))
    peer.receive(wire.event(wire.EventType.DATA_CHANGED, "/a"))

    assert armed_before == 0
    assert watch.events == [(EventType.CHANGED, "/a")]


def test_a_watch_is_armed_before_an_event_in_the_same_bytes() -> None:
    peer = Peer()
    watch = watching(peer, lambda watch: Asked(GetData("/a", watch)))

    peer.receive(wire.reply(1, body=DATA) + wire.event(wire.EventType.DATA_CHANGED, "/a"))

    assert watch.events == [(EventType.CHANGED, "/a")]


def test_a_refused_read_leaves_no_watch() -> None:
    peer = Peer()
    watching(peer, lambda watch: Asked(GetData("/a", watch)))

    peer.receive(wire.reply(1, err=NoNodeError.code))

    assert len(peer.trail.watches) == 0


def test_exists_watches_a_node_that_is_not_there() -> None:
    peer = Peer()
    watch = watching(peer, lambda watch: Asked(Exists("/a", watch)))

    peer.receive(wire.reply(1, err=NoNodeError.code))

    assert list(peer.trail.watches.rearming(0, "")) == [SetWatches(0, exist=("/a",))]
    peer.receive(wire.event(wire.EventType.CREATED, "/a"))
    assert watch.events == [(EventType.CREATED, "/a")]


def test_exists_watches_the_data_of_a_node_that_is_there() -> None:
    peer = Peer()
    watching(peer, lambda watch: Asked(Exists("/a", watch)))

    peer.receive(wire.reply(1, body=wire.stat_body()))

    assert list(peer.trail.watches.rearming(0, "")) == [SetWatches(0, data=("/a",))]


@pytest.mark.parametrize(
    "data",
    [
        wire.event(5, "/a"),
        wire.event(1, b"\xff"),
        wire.reply(-1, -1, 0, b""),
        wire.reply(-1, -1, 0, struct.pack(">iii", 1, 3, -1)),
        wire.reply(-1, -1, 0, struct.pack(">ii", 1, 3) + wire.string("/a") + b"\0"),
    ],
)
def test_an_event_that_cannot_be_breaks_the_protocol(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Peer().receive(data)


# What was seen


def test_a_reply_advances_what_was_seen() -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")))

    peer.receive(wire.reply(1, zxid=7, body=wire.string("/")))

    assert peer.trail.zxid == 7


def test_a_refusal_advances_what_was_seen() -> None:
    peer = Peer()
    peer.ask(Asked(SetData("/", b"", 3)))

    peer.receive(wire.reply(1, zxid=7, err=BadVersionError.code))

    assert peer.trail.zxid == 7


@pytest.mark.parametrize("zxid", [-1, 0, 4])
def test_what_was_seen_never_goes_back(zxid: int) -> None:
    peer = Peer()
    peer.trail.zxid = 5
    peer.ask(Asked(Sync("/")))

    peer.receive(wire.reply(1, zxid=zxid, body=wire.string("/")))

    assert peer.trail.zxid == 5


@pytest.mark.parametrize("operation", [Ping(), Auth("digest", b"a:b"), SetWatches(0, ("/a",))])
def test_marked_replies_do_not_advance_what_was_seen(operation: Ping | Auth | SetWatches) -> None:
    peer = Peer()
    asked = peer.ask(Asked(operation))

    peer.receive(wire.reply(asked.xid, zxid=7))

    assert asked.answers == [None]
    assert peer.trail.zxid == 0


def test_events_do_not_advance_what_was_seen() -> None:
    peer = Peer()

    peer.receive(wire.event(wire.EventType.CREATED, "/a", zxid=7))

    assert peer.trail.zxid == 0


# Time


def test_before_the_greeting_nothing_is_due() -> None:
    connection = Peer(greeted=False).connection

    assert connection.deadline() == float("inf")
    assert connection.tick(START + 1000) is None
    assert connection.data_to_send(START + 1000) == b""


def test_a_ping_is_due_after_a_third_of_the_time_out() -> None:
    connection = Peer().connection

    early = connection.tick(START + T / 3 - 0.01), connection.data_to_send(START)
    due = connection.deadline()
    connection.tick(START + T / 3)

    assert early == (None, b"")
    assert due == START + T / 3
    assert connection.data_to_send(START + T / 3) == wire.request(-2, wire.Opcode.PING)


def test_a_ping_is_due_a_third_after_whatever_was_sent() -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")), START + 2)

    peer.receive(wire.reply(1, body=wire.string("/")), START + 2)

    assert peer.connection.deadline() == START + 2 + T / 3


def test_a_ping_that_has_not_left_is_followed_by_no_other() -> None:
    peer = Peer()
    peer.connection.data_to_send(START)
    due = peer.connection.deadline()

    for _ in range(3):
        assert peer.connection.tick(due) is None
    assert peer.connection.deadline() > due

    assert len(peer.connection.data_to_send(due)) == 12
    assert peer.connection.deadline() > due


def test_a_ping_is_due_at_the_latest_after_ten_seconds() -> None:
    peer = Peer(greeted=False)

    peer.receive(wire.connect_response(timeout=60))

    assert peer.connection.deadline() == START + 10


def test_a_server_that_is_silent_is_given_up_within_two_thirds_of_the_time_out() -> None:
    connection = Peer().connection
    connection.tick(START + T / 3)
    connection.data_to_send(START + T / 3)

    due = connection.deadline()

    assert START + T / 3 < due <= START + T * 2 / 3
    assert connection.tick(due - 0.01) is None
    assert connection.tick(due) == "no reply for 5.6 s"


@pytest.mark.parametrize("late", [0.0, 0.3])
def test_when_a_server_is_given_up_is_known_before_the_ping_has_left(late: float) -> None:
    connection = Peer().connection
    now = START + T * (1 / 3 + late)
    connection.tick(now)

    due = connection.deadline()

    assert due == pytest.approx(now + T * 0.287, abs=0.01)
    connection.data_to_send(now)
    assert connection.deadline() == due


def test_a_server_that_was_asked_too_late_gets_its_time_to_answer() -> None:
    connection = Peer().connection
    late = START + T * 0.66  # the process was held up

    assert connection.tick(late) is None
    assert connection.data_to_send(late) == wire.request(-2, wire.Opcode.PING)

    due = connection.deadline()
    assert late + T / 4 < due < START + T
    assert connection.tick(due - 0.01) is None
    assert connection.tick(due) is not None


def test_a_server_that_was_asked_too_late_has_no_longer_than_the_session() -> None:
    connection = Peer().connection
    connection.tick(START + T * 0.9)
    connection.data_to_send(START + T * 0.9)

    assert connection.deadline() == START + T
    assert connection.tick(START + T) is not None


def test_an_answer_to_what_was_asked_late_keeps_the_connection() -> None:
    peer = Peer()
    late = START + T * 0.66
    peer.connection.tick(late)
    peer.connection.data_to_send(late)

    peer.receive(wire.reply(-2), late + 0.1)

    assert peer.connection.deadline() == late + T / 3
    assert peer.connection.tick(late + T / 3) is None


@pytest.mark.parametrize(
    "noise",
    [
        wire.event(wire.EventType.CREATED, "/a"),
        wire.frame(bytes(100))[:20],
        b"",
    ],
)
def test_only_complete_replies_prove_that_a_server_is_alive(noise: bytes) -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")), START)

    peer.receive(noise, START + 5)

    assert peer.connection.tick(START + T * 2 / 3) is not None


def test_bytes_that_drip_in_do_not_prove_that_a_server_is_alive() -> None:
    peer = Peer()
    peer.ask(Asked(GetData("/")), START)

    for second in range(6):
        peer.receive(wire.reply(1, body=DATA)[second : second + 1], START + second)

    assert peer.connection.tick(START + T * 2 / 3) is not None


@pytest.mark.parametrize("operation", [Sync("/"), Ping()])
def test_a_reply_of_any_kind_proves_that_a_server_is_alive(operation: Sync | Ping) -> None:
    peer = Peer()
    asked = peer.ask(Asked(operation), START)
    out = Writer()
    operation.write_reply("/", out)  # type: ignore[arg-type]  # a ping ignores it

    peer.receive(wire.reply(asked.xid, body=out.getvalue()), START + 5)

    assert peer.connection.tick(START + T * 2 / 3) is None


def test_nothing_was_acknowledged_before_the_greeting() -> None:
    assert Peer(greeted=False).connection.acknowledged_at == float("-inf")


def test_the_greeting_acknowledges_what_was_said_first() -> None:
    peer = Peer(greeted=False)

    peer.receive(wire.connect_response(timeout=T), START + 2)

    assert peer.connection.acknowledged_at == START


def test_a_reply_acknowledges_the_time_at_which_its_request_was_sent() -> None:
    peer = Peer()
    peer.ask(Asked(Sync("/")), START + 1)
    peer.ask(Asked(Sync("/")), START + 2)
    peer.ask(Asked(Sync("/")), START + 3)

    seen = []
    for xid in (1, 2, 3):
        peer.receive(wire.reply(xid, body=wire.string("/")), START + 10)
        seen.append(peer.connection.acknowledged_at)

    assert seen == [START + 1, START + 2, START + 3]


def test_what_is_acknowledged_is_never_later_than_the_sending() -> None:
    peer = Peer()
    sent_at = [START + number * 0.017 for number in range(200)]
    for when in sent_at:
        peer.ask(Asked(Sync("/")), when)

    for number, when in enumerate(sent_at, 1):
        peer.receive(wire.reply(number, body=wire.string("/")), START + 50)

        assert when - 0.06 <= peer.connection.acknowledged_at <= when


# The end


def test_what_left_and_what_did_not_are_told_apart() -> None:
    peer = Peer()
    answered, sent = peer.ask(Asked(Sync("/"))), peer.ask(Asked(Create("/a")))
    peer.ask(Asked(Ping()))
    unsent = Asked(Delete("/a"))
    peer.connection.send(unsent)

    peer.receive(wire.reply(1, body=wire.string("/")))

    assert answered.ended
    assert peer.connection.unanswered() == ([sent], [unsent])


def test_a_request_may_linger_while_many_replies_are_due_and_few_wait_with_it() -> None:
    peer = Peer()
    with_none = peer.connection.may_linger
    for _ in range(32):
        peer.ask(Asked(Sync("/")))
    with_many = peer.connection.may_linger
    for _ in range(128):
        peer.connection.send(Asked(Sync("/")))

    assert (with_none, with_many, peer.connection.may_linger) == (False, True, False)


# In pieces


def outcomes(pieces: list[bytes]) -> list[object]:
    """What becomes of one request of each kind, and of the watches, when a stream comes in pieces."""
    peer = Peer()
    watch = watching(peer, lambda watch: Asked(GetData("/a", watch)))
    asked = [peer.ask(Asked(each)) for each in (GetChildren("/a"), Delete("/b"), Sync("/c"))]
    error: str | None = None
    try:
        for piece in pieces:
            peer.receive(piece)
    except ProtocolError as caught:
        error = str(caught)
    results = [[*each.answers, *map(repr, each.errors)] for each in asked]
    return [results, watch.events, peer.trail.zxid, error]


STREAM = (
    wire.reply(1, 5, body=DATA)
    + wire.event(wire.EventType.DATA_CHANGED, "/a")
    + wire.reply(2, 6, body=wire.strings(["x", "y"]))
    + wire.reply(3, 7, err=-101)
    + wire.reply(4, 8, body=wire.string("/c"))
)


@pytest.mark.parametrize("end", [b"", wire.reply(4), wire.frame(b"?"), b"\xff" * 8])
def test_one_byte_at_a_time_is_the_same_as_at_once(end: bytes) -> None:
    stream = STREAM + end

    at_once = outcomes([stream])
    byte_by_byte = outcomes([stream[at : at + 1] for at in range(len(stream))])

    assert byte_by_byte == at_once


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_a_cut_anywhere_changes_nothing(cut: int) -> None:
    assert outcomes([STREAM[:cut], STREAM[cut:]]) == outcomes([STREAM])
