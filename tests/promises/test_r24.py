"""R24: whatever bytes a server sends, memory stays bounded, the client comes back, and live objects follow."""

import contextlib
import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import wire
from tests.frames import Frame, Kind, Selector, of_kind, reply_to
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.scripted import Peer, ScriptedServer
from tests.waiting import remains, wait_until
from tests.wire import Opcode, Xid
from zc.zk import (
    Client,
    FailedConnect,
    NoNodeError,
    ProtocolError,
    ResponseTooLargeError,
    UnknownError,
    ZooKeeper,
)

USED = 32 * 1024  # kB: half of what the smallest of the excessive lengths announces
RESERVED = 1024 * 1024  # kB: threads reserve much more than they use
GET = reply_to(Opcode.GET_DATA)
NAMES = reply_to(Opcode.GET_CHILDREN)
CREATED = reply_to(Opcode.CREATE)
HEADER = 16

Garble = Callable[[bytes], bytes | list[bytes]]


@dataclass(frozen=True)
class Case:
    """What is done to a reply, and what the call that it answers comes to."""

    replies: Selector
    garble: Garble
    ends_in: type[Exception] | None = None  # None: asked again, and answered
    drops: bool = True


def body(change: Callable[[bytes], bytes]) -> Garble:
    return lambda payload: payload[:HEADER] + change(payload[HEADER:])


def error_code(code: int) -> Garble:
    return lambda payload: payload[:12] + struct.pack(">i", code)


def raw(*data: bytes) -> Garble:
    return lambda payload: list(data)


def and_then(*data: bytes) -> Garble:
    return lambda payload: [wire.frame(payload), *data]


def length(number: int) -> bytes:
    return struct.pack(">i", number)


def event_body(content: bytes) -> bytes:
    return wire.reply(Xid.EVENT, -1, 0, content)


CHANGED = struct.pack(">ii", wire.EventType.DATA_CHANGED, 3)
CASES: dict[str, Case] = {
    # where one frame ends and the next begins
    "negative length": Case(GET, raw(length(-1))),
    "very negative length": Case(GET, raw(length(-(2**31)))),
    "zero length": Case(GET, raw(length(0))),
    "length of 2 GiB": Case(GET, raw(length(2**31 - 1), b"x" * 100)),
    "length of 64 MiB": Case(GET, raw(length(2**26), b"x" * 100)),
    "too long, and ours": Case(
        GET, lambda payload: [length(2**26), payload[:HEADER]], ResponseTooLargeError
    ),
    "too long, and ours, byte by byte": Case(
        GET,
        lambda payload: [bytes([each]) for each in length(2**26) + payload[:HEADER]],
        ResponseTooLargeError,
    ),
    "three bytes of payload": Case(GET, raw(wire.frame(b"abc"))),
    "six bytes of header": Case(GET, lambda payload: payload[:6]),
    "fifteen bytes of header": Case(GET, lambda payload: payload[:15]),
    "HTTP": Case(GET, raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
    # whose reply it is
    "unsolicited reply": Case(GET, and_then(wire.reply(4711)), drops=True),
    "wrong xid": Case(GET, lambda payload: struct.pack(">i", 4711) + payload[4:]),
    "duplicate reply": Case(GET, lambda payload: [wire.frame(payload)] * 2),
    "unsolicited ping reply": Case(GET, and_then(wire.reply(Xid.PING))),
    "unsolicited auth reply": Case(GET, and_then(wire.reply(Xid.AUTH))),
    "unsolicited auth failure": Case(GET, and_then(wire.reply(Xid.AUTH, err=-115))),
    "unsolicited setWatches reply": Case(GET, and_then(wire.reply(Xid.SET_WATCHES))),
    # error codes
    "unknown error code": Case(GET, error_code(-99), UnknownError, drops=False),
    "positive error code": Case(GET, error_code(17), UnknownError, drops=False),
    "smallest error code": Case(GET, error_code(-(2**31)), UnknownError, drops=False),
    "error code with a body": Case(
        GET,
        lambda payload: payload[:12] + struct.pack(">i", -101) + b"junk",
        NoNodeError,
        drops=False,
    ),
    # records
    "no body": Case(GET, body(lambda _: b""), ProtocolError),
    "truncated status": Case(GET, body(lambda content: content[:-1]), ProtocolError),
    "junk behind the record": Case(GET, body(lambda content: content + b"\0"), ProtocolError),
    "data beyond the end": Case(GET, body(lambda rest: length(1000) + rest[4:]), ProtocolError),
    "data of 2 GiB": Case(GET, body(lambda rest: length(2**31 - 1) + rest[4:]), ProtocolError),
    "data of -5 bytes": Case(GET, body(lambda rest: length(-5) + rest[4:]), ProtocolError),
    "children count of -5": Case(NAMES, body(lambda rest: length(-5) + rest[4:]), ProtocolError),
    "children count of 2**31 - 1": Case(
        NAMES, body(lambda rest: length(2**31 - 1) + rest[4:]), ProtocolError
    ),
    "children count one too high": Case(
        NAMES, body(lambda rest: length(len(rest)) + rest[4:]), ProtocolError
    ),
    "child of 300 bytes in 3": Case(
        NAMES, body(lambda _: length(1) + length(300) + b"abc"), ProtocolError
    ),
    "child that is not UTF-8": Case(
        NAMES, body(lambda _: length(1) + wire.string(b"\xff\xfe")), ProtocolError
    ),
    "child that is null": Case(NAMES, body(lambda _: length(1) + length(-1)), ProtocolError),
    "created path truncated": Case(CREATED, body(lambda rest: rest[:-1]), ProtocolError),
    "created path null": Case(CREATED, body(lambda _: length(-1)), ProtocolError),
    "created path not UTF-8": Case(
        CREATED, body(lambda _: wire.string(b"/\xc3\x28")), ProtocolError
    ),
    # events
    "event path not UTF-8": Case(
        GET, and_then(event_body(CHANGED + wire.string(b"/\xff"))), drops=True
    ),
    "event path null": Case(GET, and_then(event_body(CHANGED + length(-1)))),
    "event cut short": Case(GET, and_then(event_body(CHANGED[:6]))),
    "event without a body": Case(GET, and_then(event_body(b""))),
    "event of an unknown type": Case(GET, and_then(wire.event(77, "/node"))),
    "event with junk behind": Case(
        GET, and_then(event_body(CHANGED + wire.string("/node") + b"junk"))
    ),
}


SPLIT = [*list(CASES)[:11], "unknown error code", "child that is not UTF-8", "event cut short"]


@dataclass
class Followed:
    """A registry whose live objects must follow whatever happens."""

    registry: ZooKeeper
    client: Client
    observer: Client
    names: list[list[str]] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def check(self) -> None:
        """Change what is followed, and expect to be told."""
        self.observer.create("/followed/after")
        self.observer.set("/followed", b'{"value": "after"}')
        wait_until(lambda: "after" in (self.names or [[]])[-1], 4.0)
        wait_until(lambda: (self.values or [None])[-1] == "after", 4.0)


@pytest.fixture
def followed(client: Client, observer: Client) -> Iterator[Followed]:
    observer.create("/node", b"data")
    observer.create("/node/child")
    observer.create("/followed", b'{"value": "before"}')
    with ZooKeeper(client) as registry:
        it = Followed(registry, client, observer)
        registry.children("/followed")(lambda children: it.names.append(list(children)))
        registry.properties("/followed")(lambda data: it.values.append(data.get("value")))
        yield it


@dataclass(frozen=True)
class Memory:
    """The most that this process ever reserved, and used, in kB."""

    reserved: int
    used: int

    @classmethod
    def now(cls) -> "Memory":
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return cls(int(fields["VmPeak"].split()[0]), int(fields["VmHWM"].split()[0]))

    def check(self) -> None:
        """Expect that nothing of the size that the frames announce was added since."""
        now = self.now()
        assert now.used - self.used < USED
        assert now.reserved - self.reserved < RESERVED


def ask(client: Client, case: Case) -> object:
    if case.replies is CREATED:
        return client.create("/made")
    if case.replies is NAMES:
        return client.get_children("/node")
    return client.get("/node")[0]


@pytest.mark.parametrize(
    ("name", "split"),
    [*((name, False) for name in CASES), *((name, True) for name in SPLIT)],
    ids=lambda value: value if isinstance(value, str) else "byte by byte" if value else "at once",
)
def test_r24_a_malformed_frame_is_survived(
    followed: Followed, network: FaultProxy, name: str, split: bool
) -> None:
    case, client = CASES[name], followed.client
    session = client.client_id
    if split:
        network.one_byte_writes()
    attempts, before = len(network.attempts), Memory.now()
    rule = network.rewrite(case.replies, case.garble, times=1)

    if case.ends_in is None:
        assert ask(client, case) == b"data"
    else:
        with pytest.raises(case.ends_in):
            ask(client, case)

    assert rule.fired == 1
    if case.drops:
        wait_until(lambda: len(network.attempts) == attempts + 1, 2.0)
    followed.check()
    assert len(network.attempts) == attempts + case.drops
    assert client.client_id == session
    before.check()


def test_r24_a_frame_cut_short_by_the_end_of_the_stream_is_asked_for_again(
    followed: Followed, network: FaultProxy
) -> None:
    network.rewrite(GET, lambda payload: [wire.frame(payload)[:-1]], times=1)

    result = followed.client.get_async("/node")
    assert remains(lambda: not result.ready, 0.1)
    network.cut()

    assert result.get()[0] == b"data"
    followed.check()


GREETINGS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "hung up"),
    "empty frame": (wire.frame(b""), "refused"),
    "short": (wire.frame(bytes(20)), "refused"),
    "negative length": (length(-1), "frame of -1 bytes"),
    "2 GiB": (length(2**31 - 1) + bytes(100), "frame of 2147483647 bytes"),
    "long": (wire.frame(bytes(1000)), "frame of 1000 bytes"),
    "password of 100 bytes": (wire.connect_response(password=bytes(100)), "password of 100 bytes"),
    "password beyond the end": (
        wire.frame(struct.pack(">iiqi", 0, 4000, 1, 500) + bytes(20)),
        "field of 500 bytes",
    ),
    "password of -7 bytes": (
        wire.frame(struct.pack(">iiqi", 0, 4000, 1, -7) + bytes(17)),
        "field of -7 bytes",
    ),
    "junk behind": (wire.frame(wire.connect_response()[4:] + b"junk"), "4 bytes after the end"),
    "refused": (wire.session_refused(), "refused to open a session"),
    "negative time-out": (wire.connect_response(timeout=-1), "refused to open a session"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a ZooKeeper server"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "not a ZooKeeper server"),
}


@pytest.mark.parametrize(
    ("name", "split"),
    [*((name, False) for name in GREETINGS), ("2 GiB", True), ("junk behind", True)],
)
def test_r24_a_malformed_greeting_is_a_failed_attempt_that_says_why(name: str, split: bool) -> None:
    data, why = GREETINGS[name]

    def greet(peer: Peer) -> None:
        peer.receive()
        for piece in [bytes([each]) for each in data] if split else [data]:
            peer.send(piece)
        peer.end()

    before = Memory.now()
    with ScriptedServer(greet) as server:
        client = Client(server.address, timeout=4.0)

        with pytest.raises(FailedConnect, match=why):
            client.start(timeout=0.3)

    before.check()


def test_r24_a_greeting_that_is_rewritten_on_a_reconnect_is_survived(
    followed: Followed, network: FaultProxy
) -> None:
    network.rewrite(of_kind(Kind.CONNECT_RESPONSE), lambda payload: payload[:30], times=2)

    network.cut()

    followed.check()


def test_r24_any_prefix_of_a_reply_is_survived(followed: Followed, network: FaultProxy) -> None:
    whole = wire.reply(1, body=wire.data_body(b"data"))[4:]
    lost = 0

    for count in range(0, len(whole), 11):
        network.rewrite(GET, lambda payload, count=count: payload[:count], times=1)  # type: ignore[misc]
        try:
            assert followed.client.get("/node")[0] == b"data"
        except ProtocolError:
            lost += 1

    assert lost
    followed.check()


def test_r24_a_conversation_in_single_bytes_is_the_same_conversation(
    client: Client, network: FaultProxy, observer: Client
) -> None:
    network.one_byte_writes()

    client.create("/a", b"x" * 500)
    client.create("/a/b")

    assert client.get("/a")[0] == b"x" * 500
    assert client.get_children("/a") == ["b"]
    assert client.delete("/a", recursive=True)
    assert len(network.attempts) == 1


def test_r24_a_reply_for_a_live_object_that_is_garbled_is_read_again(
    followed: Followed, network: FaultProxy
) -> None:
    rules = [
        network.rewrite(replies, lambda payload: payload[:-3], times=1) for replies in (GET, NAMES)
    ]

    followed.check()

    assert [rule.fired for rule in rules] == [1, 1]


def test_r24_an_event_that_is_lost_with_its_garbled_frame_is_made_up_for(
    followed: Followed, network: FaultProxy
) -> None:
    network.rewrite(of_kind(Kind.EVENT), lambda payload: payload[:-1], times=2)

    followed.check()


def test_r24_nothing_unexpected_happens_in_the_reader(
    followed: Followed, network: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    garbled = 0

    def flip(payload: bytes) -> bytes:
        nonlocal garbled
        garbled += 1
        at = (garbled * 7919) % len(payload)
        return payload[:at] + bytes([payload[at] ^ (1 << garbled % 8)]) + payload[at + 1 :]

    def is_chosen(frame: Frame) -> bool:
        return frame.kind in {Kind.REPLY, Kind.EVENT} and frame.index % 5 == 4

    network.rewrite(is_chosen, flip, times=20)
    caplog.set_level(logging.DEBUG)
    followed.client.operation_timeout = 0.5
    for _ in range(400):
        with contextlib.suppress(Exception):  # a flipped bit may make it any answer
            followed.client.get("/node")
    network.heal()

    followed.client.operation_timeout = 10.0
    assert garbled == 20
    assert not [record for record in caplog.records if "unexpected" in record.message]
    followed.check()


def test_r24_a_call_in_time_of_bad_greetings_is_answered_by_the_first_good_one(
    connect: Connect, network: FaultProxy, real_server: RealServer
) -> None:
    client = connect()
    client.create("/node", b"data")
    network.rewrite(of_kind(Kind.CONNECT_RESPONSE), raw(b"HTTP/1.1 400 no\r\n\r\n"), times=2)
    network.cut()

    assert client.get("/node")[0] == b"data"
