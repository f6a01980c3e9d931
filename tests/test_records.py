import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from tests.samples import ACLS, STATS
from zc.zk.codes import EVENT_TYPES, EventType, KeeperState
from zc.zk.errors import ProtocolError
from zc.zk.jute import Reader, Writer
from zc.zk.records import (
    ConnectRequest,
    ConnectResponse,
    Stat,
    WatchedEvent,
    read_acl,
    write_acl,
)
from zc.zk.security import ACL

INTS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
PASSWORDS = st.binary(max_size=64)
NEW_SESSION = bytes.fromhex(
    "00000000 0000000000000000 00001770 0000000000000000 00000010 00000000000000000000000000000000 00"
)
ACCEPTED = bytes.fromhex(
    "00000000 00001770 010000039aca0010 00000010 f2d907f1e2ed6b9d4e3df4e15888c11b 00"
)
REFUSED = bytes.fromhex(
    "00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00"
)


def stat(owner: int = 0) -> Stat:
    return Stat(10, 11, 1500, 2500, 3, 4, 5, owner, 6, 7, 12)


def body(record: Stat | WatchedEvent | ConnectRequest | ConnectResponse) -> bytes:
    out = Writer()
    record.write(out)
    return out.getvalue()


# Stat


@given(STATS)
def test_a_stat_is_read_as_it_was_written_in_68_bytes(stat: Stat) -> None:
    data = body(stat)

    assert len(data) == 68
    assert Stat.read(Reader(data)) == stat


def test_a_stat_says_the_same_in_words_with_times_in_seconds() -> None:
    named = stat(owner=9)

    assert (
        named.creation_transaction_id,
        named.last_modified_transaction_id,
        named.created,
        named.last_modified,
        named.children_version,
        named.acl_version,
        named.owner_session_id,
        named.data_length,
        named.children_count,
    ) == (10, 11, 1.5, 2.5, 4, 5, 9, 6, 7)


@pytest.mark.parametrize(
    "owner", [0, -0x8000000000000000, -0x00FFFFFFFFFFFFFF - 1, -1, -0x00FFFF0000000000]
)
def test_a_container_or_ttl_node_of_an_old_server_has_no_owner(owner: int) -> None:
    assert stat(owner).owner_session_id is None


@pytest.mark.parametrize(
    ("owner", "is_container", "ttl"),
    [
        (0, False, None),
        (5, False, None),
        (-0x7F00000000000000, False, None),
        (-0x8000000000000000, True, None),
        (-0x0100000000000000 + 1500, False, 1500),
        (-0x0100000000000000 + 2**40 - 1, False, 2**40 - 1),
    ],
)
def test_the_kind_of_a_node_shows_where_an_old_server_tells(
    owner: int, is_container: bool, ttl: int | None
) -> None:
    assert (stat(owner).is_container, stat(owner).ttl) == (is_container, ttl)


@pytest.mark.parametrize("owner", [1, 0x7F00000000000001, -0x7F00000000000000, -0x0200000000000000])
def test_a_session_id_of_any_sign_is_an_owner(owner: int) -> None:
    assert stat(owner).owner_session_id == owner


# ACL


@given(ACLS)
def test_an_acl_is_read_as_it_was_written(acl: ACL) -> None:
    out = Writer()

    write_acl(acl, out)

    assert read_acl(Reader(out.getvalue())) == acl


# WatchedEvent


@pytest.mark.parametrize(("number", "kind"), EVENT_TYPES.items())
def test_an_event_is_read_by_its_number(number: int, kind: EventType) -> None:
    data = struct.pack(">ii", number, 3) + wire.string("/demo")

    event = WatchedEvent.read(Reader(data), 7)

    assert event == WatchedEvent(kind, KeeperState.CONNECTED, "/demo", 7)
    assert body(event) == data


@pytest.mark.parametrize("number", [0, 5, 6, 7, -2, 99])
def test_an_event_that_servers_never_send_is_a_protocol_error(number: int) -> None:
    data = struct.pack(">ii", number, 3) + wire.string("/demo")

    with pytest.raises(ProtocolError, match=f"^unknown event type {number}$"):
        WatchedEvent.read(Reader(data), -1)


def test_an_event_loses_the_chroot() -> None:
    data = struct.pack(">ii", 1, 3) + wire.string("/app/demo")

    assert WatchedEvent.read(Reader(data, root="/app"), -1).path == "/demo"


# ConnectRequest and ConnectResponse


def test_a_request_for_a_new_session_has_the_bytes_that_were_recorded() -> None:
    request = ConnectRequest(0, 6000, 0, bytes(16))

    assert body(request) == NEW_SESSION
    assert ConnectRequest.read(Reader(NEW_SESSION)) == request


def test_an_accepting_response_is_read_from_the_bytes_that_were_recorded() -> None:
    response = ConnectResponse.read(Reader(ACCEPTED))

    assert response == ConnectResponse(
        6000, 0x010000039ACA0010, bytes.fromhex("f2d907f1e2ed6b9d4e3df4e15888c11b"), False
    )
    assert body(response) == ACCEPTED


def test_a_refusing_response_is_read_from_the_bytes_that_were_recorded() -> None:
    response = ConnectResponse.read(Reader(REFUSED))

    assert response == ConnectResponse(0, 0, bytes(16), False)
    assert body(response) == REFUSED


@given(LONGS, INTS, LONGS, PASSWORDS, st.sampled_from([None, False, True]))
def test_a_connect_request_is_read_as_it_was_written(
    zxid: int, timeout: int, session_id: int, password: bytes, read_only: bool | None
) -> None:
    request = ConnectRequest(zxid, timeout, session_id, password, read_only)

    assert ConnectRequest.read(Reader(body(request))) == request


@given(INTS, LONGS, PASSWORDS, st.sampled_from([None, False, True]))
def test_a_connect_response_is_read_as_it_was_written(
    timeout: int, session_id: int, password: bytes, read_only: bool | None
) -> None:
    response = ConnectResponse(timeout, session_id, password, read_only)

    assert ConnectResponse.read(Reader(body(response))) == response


def test_a_response_without_the_last_byte_is_that_of_an_old_server() -> None:
    assert ConnectResponse.read(Reader(ACCEPTED[:-1])).read_only is None


@pytest.mark.parametrize("length", range(len(ACCEPTED) - 1))
def test_every_other_prefix_of_a_response_is_a_protocol_error(length: int) -> None:
    with pytest.raises(ProtocolError):
        ConnectResponse.read(Reader(ACCEPTED[:length]))


def test_a_response_that_goes_on_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        ConnectResponse.read(Reader(ACCEPTED + b"\0"))


def test_a_session_password_of_absurd_length_is_a_protocol_error() -> None:
    response = ConnectResponse(6000, 1, bytes(65))

    with pytest.raises(ProtocolError, match=r"^a session password of 65 bytes$"):
        ConnectResponse.read(Reader(body(response)))


def test_the_session_password_is_in_no_repr() -> None:
    request = ConnectRequest(0, 6000, 5, b"secret" * 2)
    response = ConnectResponse(6000, 5, b"secret" * 2)

    assert repr(request) == "ConnectRequest(session_id=0x5, timeout=6000)"
    assert repr(response) == "ConnectResponse(session_id=0x5, timeout=6000)"
