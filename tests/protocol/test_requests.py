import pytest

from tests import wire
from zc.zk.codes import MAX_REQUEST_BYTES, CreateFlag
from zc.zk.errors import ArgumentError, RequestTooLargeError
from zc.zk.operations import Auth, Create, Delete, Exists, GetData, Operation, Ping, SetData, Watch
from zc.zk.protocol.requests import NEVER, Request, encode

_HEADER_BYTES = 8


def test_a_request_on_the_wire_is_its_header_and_body() -> None:
    request = Request(GetData("/demo"), encode(GetData("/demo"), ""))
    request.xid = 4

    assert request.frame() == wire.request(4, wire.Opcode.GET_DATA, wire.path_watch_body("/demo"))


def test_paths_are_encoded_below_the_chroot() -> None:
    assert encode(GetData("/demo"), "/app") == wire.path_watch_body("/app/demo")


@pytest.mark.parametrize(
    "operation",
    [
        GetData("/\ud800"),
        Create("/a", b"", (), CreateFlag(0x1_0000_0000)),
        Delete("/a", 2**31),
        SetData("/a", b"", -(2**31) - 1),
    ],
)
def test_what_has_no_encoding_is_an_argument_error_of_the_caller(
    operation: Operation[object],
) -> None:
    name = type(operation).__name__

    with pytest.raises(ArgumentError, match=f"^{name} cannot be encoded: "):
        encode(operation, "")


def test_the_largest_request_that_servers_accept_is_encoded() -> None:
    room = MAX_REQUEST_BYTES - _HEADER_BYTES - len(wire.set_data_body("/a", b""))

    assert len(encode(SetData("/a", bytes(room)), "")) + _HEADER_BYTES == MAX_REQUEST_BYTES


def test_one_byte_more_is_refused_in_the_caller() -> None:
    room = MAX_REQUEST_BYTES - _HEADER_BYTES - len(wire.set_data_body("/a", b""))

    with pytest.raises(RequestTooLargeError) as caught:
        encode(SetData("/a", bytes(room + 1)), "")

    assert str(caught.value) == ("the request is 1048576 bytes, servers accept 1048575: SetData /a")


def test_a_request_that_is_too_large_is_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="servers accept"):
        encode(Auth("digest", bytes(MAX_REQUEST_BYTES)), "")


def test_a_request_waits_for_ever_unless_told_otherwise() -> None:
    request = Request(Ping(), b"")

    assert request.deadline == NEVER
    assert not request.ended


def test_a_request_knows_its_path_where_it_has_one() -> None:
    assert Request(GetData("/a"), b"").path == "/a"
    assert Request(Ping(), b"").path is None


def test_a_request_ends_with_its_answer() -> None:
    request = Request(Ping(), b"")

    request.resolve(None)

    assert request.ended


def test_a_request_ends_with_its_error() -> None:
    request = Request(Ping(), b"")

    request.fail(ArgumentError("no"))

    assert request.ended


def test_a_watch_is_refused_where_the_request_that_re_arms_it_would_be_too_large() -> None:
    path = "/" + "a" * (MAX_REQUEST_BYTES - 20)
    encode(Exists(path), "")

    with pytest.raises(RequestTooLargeError, match=r"Exists /a{199}\.\.\.$"):
        encode(Exists(path, Watch()), "")
