"""The frames of protocol.md section 22, which a real server has sent and understood."""

import socket

import pytest

from tests import wire
from tests.wire import Opcode, Xid


def from_hex(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def test_connect_request() -> None:
    assert wire.connect_request(timeout=6) == from_hex(
        "0000002d 00000000 0000000000000000 00001770 0000000000000000"
        "00000010 00000000000000000000000000000000 00"
    )


CONNECT_RESPONSE = from_hex(
    "00000025 00000000 00001770 010000039aca0010 00000010 f2d907f1e2ed6b9d4e3df4e15888c11b 00"
)
PASSWORD = from_hex("f2d907f1e2ed6b9d4e3df4e15888c11b")


def test_connect_response() -> None:
    assert wire.connect_response(0x010000039ACA0010, PASSWORD, 6) == CONNECT_RESPONSE


def test_connect_response_is_understood() -> None:
    session = wire.parse_connect_response(CONNECT_RESPONSE[4:])

    assert session == wire.Session(0x010000039ACA0010, PASSWORD, 6.0)
    assert not session.is_refused


def test_refusal() -> None:
    refusal = wire.session_refused()

    assert refusal == from_hex(
        "00000025 00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00"
    )
    assert wire.parse_connect_response(refusal[4:]).is_refused


def test_connect_request_is_understood() -> None:
    request = wire.connect_request(0x55, b"p" * 16, timeout=6, last_zxid=7)

    assert wire.parse_connect_request(request[4:]) == wire.ConnectRequest(0x55, b"p" * 16, 6.0, 7)


def test_ping() -> None:
    assert wire.request(Xid.PING, Opcode.PING) == from_hex("00000008 fffffffe 0000000b")
    assert wire.reply(Xid.PING, 0x2F0C) == from_hex("00000010 fffffffe 0000000000002f0c 00000000")


def test_create() -> None:
    assert wire.request(2, Opcode.CREATE, wire.create_body("/demo", b"hi")) == from_hex(
        "00000036 00000002 00000001 00000005 2f64656d6f 00000002 6869 00000001 0000001f"
        "00000005 776f726c64 00000006 616e796f6e65 00000000"
    )
    assert wire.reply(2, 0x2F0D, 0, wire.string("/demo")) == from_hex(
        "00000019 00000002 0000000000002f0d 00000000 00000005 2f64656d6f"
    )


def test_requests_with_a_path() -> None:
    assert wire.request(4, Opcode.GET_DATA, wire.path_watch_body("/demo", True)) == from_hex(
        "00000012 00000004 00000004 00000005 2f64656d6f 01"
    )
    assert wire.request(5, Opcode.SET_DATA, wire.set_data_body("/demo", b"yo", 0)) == from_hex(
        "0000001b 00000005 00000005 00000005 2f64656d6f 00000002 796f 00000000"
    )
    assert wire.request(6, Opcode.DELETE, wire.delete_body("/demo")) == from_hex(
        "00000015 00000006 00000002 00000005 2f64656d6f ffffffff"
    )


def test_set_watches() -> None:
    body = wire.set_watches_body(0, ["/demo"], [], [])

    assert wire.request(Xid.SET_WATCHES, Opcode.SET_WATCHES, body) == from_hex(
        "00000025 fffffff8 00000065 0000000000000000 00000001 00000005 2f64656d6f 00000000 00000000"
    )


def test_event() -> None:
    assert wire.event(wire.EventType.DATA_CHANGED, "/demo") == from_hex(
        "00000021 ffffffff ffffffffffffffff 00000000 00000003 00000003 00000005 2f64656d6f"
    )


def test_stat_has_68_bytes() -> None:
    assert len(wire.stat_body()) == 68
    assert wire.data_body(b"hi") == from_hex("00000002 6869") + wire.stat_body(data_length=2)


def test_requests_and_replies_are_taken_apart() -> None:
    assert wire.parse_request(wire.request(7, Opcode.DELETE, b"x")[4:]) == wire.Request(7, 2, b"x")
    assert wire.parse_reply(wire.reply(7, 9, -101)[4:]) == wire.Reply(7, 9, -101, b"")


def test_strings_are_taken_apart() -> None:
    encoded = wire.strings(["a", "ü"]) + wire.buffer(None)

    texts, offset = wire.parse_strings(encoded)

    assert texts == ["a", "ü"]
    assert wire.parse_buffer(encoded, offset) == (None, len(encoded))


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\5abcd"])
def test_a_stream_that_ends_within_a_frame_is_told(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.close()

        with pytest.raises(EOFError):
            wire.read_frame(ours)
