import pytest

from tests import wire
from tests.frames import (
    Conversation,
    Direction,
    Frame,
    FrameLog,
    Kind,
    event,
    nth,
    of_kind,
    reply_to,
    request,
)
from tests.wire import Opcode, Xid

REQUESTS = (
    wire.connect_request(),
    wire.request(1, Opcode.CREATE, wire.create_body("/a")),
    wire.request(Xid.PING, Opcode.PING),
    wire.request(Xid.SET_WATCHES, Opcode.SET_WATCHES2),
)
REPLIES = (
    wire.connect_response(),
    wire.reply(1),
    wire.event(wire.EventType.DELETED, "/a"),
    wire.reply(Xid.PING),
    wire.reply(Xid.SET_WATCHES),
    wire.reply(2),
)


def frames_of(direction: Direction, pieces: list[bytes], conversation: Conversation) -> list[Frame]:
    return [frame for piece in pieces for frame in conversation.receive(direction, piece, now=0)]


def one_byte_at_a_time(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def test_frames_are_named_by_what_they_are() -> None:
    conversation = Conversation(1)

    requests = frames_of("to_server", [b"".join(REQUESTS)], conversation)
    replies = frames_of("to_client", [b"".join(REPLIES)], conversation)

    assert [(frame.kind, frame.xid, frame.opcode) for frame in requests] == [
        (Kind.CONNECT_REQUEST, None, None),
        (Kind.REQUEST, 1, Opcode.CREATE),
        (Kind.REQUEST, Xid.PING, Opcode.PING),
        (Kind.REQUEST, Xid.SET_WATCHES, Opcode.SET_WATCHES2),
    ]
    assert [(frame.kind, frame.xid, frame.opcode) for frame in replies] == [
        (Kind.CONNECT_RESPONSE, None, None),
        (Kind.REPLY, 1, Opcode.CREATE),
        (Kind.EVENT, Xid.EVENT, Opcode.NOTIFICATION),
        (Kind.REPLY, Xid.PING, Opcode.PING),
        (Kind.REPLY, Xid.SET_WATCHES, Opcode.SET_WATCHES2),
        (Kind.REPLY, 2, None),
    ]


def test_a_stream_in_single_bytes_gives_the_same_frames() -> None:
    stream = b"".join(REQUESTS)

    at_once = frames_of("to_server", [stream], Conversation(1))
    one_by_one = frames_of("to_server", one_byte_at_a_time(stream), Conversation(1))

    assert one_by_one == at_once


def test_frames_have_the_bytes_that_came() -> None:
    frames = frames_of("to_server", list(REQUESTS), Conversation(1))

    assert [frame.wire_bytes for frame in frames] == list(REQUESTS)


@pytest.mark.parametrize("not_a_frame", [b"ruok", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xffabc"])
def test_what_is_not_a_frame_passes_as_it_is(not_a_frame: bytes) -> None:
    conversation = Conversation(1)

    frames = frames_of("to_server", [REQUESTS[0], not_a_frame, b"more"], conversation)

    assert [frame.kind for frame in frames] == [Kind.CONNECT_REQUEST, Kind.RAW, Kind.RAW]
    assert b"".join(frame.wire_bytes for frame in frames) == REQUESTS[0] + not_a_frame + b"more"


def test_a_frame_cut_short_is_given_as_the_rest() -> None:
    conversation = Conversation(1)
    frames_of("to_client", [REPLIES[0], REPLIES[1][:-1]], conversation)

    (rest,) = conversation.rest("to_client", now=0)

    assert (rest.kind, rest.wire_bytes) == (Kind.RAW, REPLIES[1][:-1])


def test_a_frame_too_short_for_a_header_has_no_xid() -> None:
    conversation = Conversation(1)

    frames = frames_of("to_client", [REPLIES[0], wire.frame(b""), wire.frame(b"abc")], conversation)

    assert [(frame.kind, frame.xid) for frame in frames[1:]] == [(Kind.REPLY, None)] * 2


def test_selectors_choose_by_what_a_frame_is() -> None:
    conversation = Conversation(1)
    frames = frames_of("to_server", list(REQUESTS), conversation)
    frames += frames_of("to_client", list(REPLIES), conversation)

    def chosen(selector: object) -> list[int]:
        assert callable(selector)
        return [number for number, frame in enumerate(frames) if selector(frame)]

    assert chosen(request(Opcode.CREATE)) == [1]
    assert chosen(reply_to(Opcode.CREATE)) == [5]
    assert chosen(event()) == [6]
    assert chosen(of_kind(Kind.CONNECT_RESPONSE)) == [4]
    assert chosen(nth(2, of_kind(Kind.REQUEST))) == [2]
    assert chosen(nth(1, nth(2, of_kind(Kind.REQUEST)))) == [2]


def test_the_log_forgets_the_oldest_frames_first() -> None:
    log = FrameLog(capacity=1000, overhead=0)
    frames = frames_of(
        "to_server", [wire.frame(bytes([i]) * 300) for i in range(5)], Conversation(1)
    )

    for frame in frames:
        log.add(frame)

    assert log.copy() == frames[2:]
