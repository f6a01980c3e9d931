import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from zc.zk.errors import ProtocolError
from zc.zk.protocol.frames import FrameLengthError, FrameReader

LIMIT = 64
PAYLOADS = st.lists(st.binary(max_size=LIMIT), max_size=6)


def frames(reader: FrameReader, data: bytes) -> list[bytes]:
    return [buffer[begin:end] for buffer, begin, end in reader.feed(data)]


def outcome(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    """The frames in the stream that `pieces` are, and the error that ended it."""
    reader = FrameReader(LIMIT)
    found: list[bytes] = []
    try:
        for piece in pieces:
            for buffer, begin, end in reader.feed(piece):
                found.append(buffer[begin:end])
    except FrameLengthError as error:
        if error.length < 0:
            return found, f"{error.length}"
        return found, f"{error.length} {error.xid} {error.zxid}"
    return found, None


def one_byte_at_a_time(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@given(PAYLOADS)
def test_frames_come_out_as_they_were_put_in(payloads: list[bytes]) -> None:
    stream = b"".join(map(wire.frame, payloads))

    assert frames(FrameReader(LIMIT), stream) == payloads


@given(PAYLOADS, st.lists(st.integers(0, 400), max_size=6))
def test_it_does_not_matter_where_the_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(wire.frame, payloads))
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[begin:end] for begin, end in itertools.pairwise(ends)]

    assert outcome(pieces) == (payloads, None)
    assert outcome(one_byte_at_a_time(stream)) == (payloads, None)


@given(st.binary(max_size=80))
def test_any_bytes_mean_the_same_one_at_a_time_as_at_once(data: bytes) -> None:
    assert outcome(one_byte_at_a_time(data)) == outcome([data])


def test_a_frame_that_is_not_complete_is_held_back() -> None:
    reader = FrameReader(LIMIT)

    before = frames(reader, wire.frame(b"abc")[:-1])
    after = frames(reader, b"c")

    assert before == []
    assert after == [b"abc"]


def test_a_frame_may_be_empty() -> None:
    assert frames(FrameReader(LIMIT), bytes(4)) == [b""]


def test_the_frames_before_a_bad_length_are_given_first() -> None:
    found, error = outcome([wire.frame(b"good") + struct.pack(">iiq", LIMIT + 1, 7, 9)])

    assert found == [b"good"]
    assert error == "65 7 9"


@pytest.mark.parametrize("length", [-1, -(2**31), LIMIT + 1, 2**31 - 1])
def test_a_length_that_cannot_be_is_refused_before_anything_is_kept(length: int) -> None:
    stream = struct.pack(">iiq", length, 5, 0)

    with pytest.raises(FrameLengthError) as caught:
        frames(FrameReader(LIMIT), stream)

    assert isinstance(caught.value, ProtocolError)
    announcement = f"a frame of {length} bytes, where up to 64 are accepted"
    assert str(caught.value) == caught.value.announcement == announcement


def test_a_negative_length_is_refused_at_once() -> None:
    with pytest.raises(FrameLengthError) as caught:
        frames(FrameReader(LIMIT), struct.pack(">i", -5))

    assert caught.value.xid is None


@pytest.mark.parametrize("cut", range(16))
def test_a_frame_that_is_too_long_says_whose_reply_it_is_wherever_it_is_cut(cut: int) -> None:
    stream = struct.pack(">iiq", LIMIT + 1, 1234, 5678)

    assert outcome([stream[:cut], stream[cut:]]) == ([], "65 1234 5678")


def test_a_peer_that_sends_text_is_not_a_zookeeper_server() -> None:
    with pytest.raises(FrameLengthError) as caught:
        frames(FrameReader(LIMIT), b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert str(caught.value) == (
        "the peer is not a ZooKeeper server: it sent b'HTTP/1.1 400 Bad Request'"
    )


def test_a_frame_of_exactly_the_limit_is_accepted() -> None:
    assert frames(FrameReader(LIMIT), wire.frame(bytes(LIMIT))) == [bytes(LIMIT)]


def test_the_limit_may_be_raised_between_two_frames() -> None:
    reader = FrameReader(8)
    stream = reader.feed(wire.frame(b"greeting") + wire.frame(bytes(LIMIT)))

    next(stream)
    reader.limit = LIMIT

    assert [end - begin for _, begin, end in stream] == [LIMIT]


@pytest.mark.parametrize("count", [0, 7])
def test_nothing_comes_of_nothing(count: int) -> None:
    reader = FrameReader(LIMIT)

    assert [frames(reader, b"") for _ in range(count)] == [[]] * count
