"""S6: frames, counts and passwords are bounded before anything is allocated, on the way in and on the way out."""

import dataclasses
import logging
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.frames import Kind, reply_to
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.scripted import ScriptedServer, answering, saying
from tests.waiting import remains, wait_until
from tests.wire import Opcode
from zc.zk import (
    Client,
    FailedConnect,
    ProtocolError,
    RequestTooLargeError,
    ResponseTooLargeError,
    ZooKeeper,
)
from zc.zk.jute import Reader
from zc.zk.operations import GetACL, GetChildren
from zc.zk.protocol.frames import FrameLengthError, FrameReader
from zc.zk.protocol.states import Settings

CAP = 16 * 1024 * 1024
MOST_SENT = 1_048_575
MANY = 20_000


@pytest.fixture(scope="module")
def crowd(shared_real_server: RealServer) -> str:
    """A node with 20,000 children, whose names make a reply of nearly half a megabyte."""
    path = "/crowd"
    with BareClient.connect(shared_real_server.port) as bare:
        assert bare.call(Opcode.CREATE, wire.create_body(path)).err == 0
        for begin in range(0, MANY, 1000):
            for number in range(begin, begin + 1000):
                bare.send(Opcode.CREATE, wire.create_body(f"{path}/child-{number:012}"))
            for _ in range(1000):
                assert bare.receive().err == 0
        bare.end()
    return path


def capped(client: Client, longest: int) -> Client:
    """Have a client that is not started accept no longer frame than that."""
    session = client.driver.session
    session.settings = dataclasses.replace(session.settings, longest_frame=longest)
    return client


def test_s6_the_cap_is_16_mib_unless_it_is_set() -> None:
    assert Settings().longest_frame == CAP


@pytest.mark.parametrize("length", [-1, -(2**31), CAP + 1, 2**31 - 1])
def test_s6_a_length_that_is_not_accepted_is_refused_before_anything_of_the_frame_is_kept(
    length: int,
) -> None:
    reader = FrameReader(CAP)

    with pytest.raises(FrameLengthError):
        list(reader.feed(struct.pack(">i", length) + bytes(16)))


def test_s6_a_frame_of_the_cap_is_accepted_and_one_byte_more_is_not() -> None:
    accepted = list(FrameReader(1000).feed(struct.pack(">i", 1000) + bytes(1000)))

    assert [(begin, end) for _, begin, end in accepted] == [(4, 1004)]
    with pytest.raises(FrameLengthError):
        list(FrameReader(1000).feed(struct.pack(">i", 1001) + bytes(1001)))


def test_s6_a_count_is_refused_where_the_bytes_cannot_hold_so_many() -> None:
    for operation in (GetChildren("/"), GetACL("/")):
        for count in (2**31 - 1, 1_000_000, 26, -2):
            with pytest.raises(ProtocolError, match=f"a list of {count} where 100 bytes are left"):
                operation.read(Reader(struct.pack(">i", count) + bytes(100)))


@pytest.mark.parametrize(("length", "is_accepted"), [(16, True), (64, True), (65, False)])
def test_s6_a_session_password_has_64_bytes_at_the_most(length: int, is_accepted: bool) -> None:
    greeting = wire.connect_response(password=bytes([7]) * length)
    with ScriptedServer(answering(lambda request: None, greeting)) as server:
        client = Client(server.address)
        if is_accepted:
            client.start(2.0)
            assert client.client_id is not None
            assert len(client.client_id[1]) == length
            client.stop()
        else:
            with pytest.raises(FailedConnect, match="a session password of 65 bytes"):
                client.start(0.3)


def test_s6_a_greeting_is_bounded_far_below_the_cap() -> None:
    with (
        ScriptedServer(saying(wire.frame(bytes(257)))) as server,
        pytest.raises(FailedConnect, match="a frame of 257 bytes, where up to 256"),
    ):
        Client(server.address).start(0.3)


def test_s6_a_reply_of_twenty_thousand_children_is_taken(
    connect: Connect, real_server: RealServer, crowd: str
) -> None:
    client = connect(real_server.address + crowd)

    assert len(client.get_children("/")) == MANY


def test_s6_a_reply_beyond_the_cap_fails_its_call_and_is_not_asked_for_again(
    make_client: Connect, network: FaultProxy, crowd: str
) -> None:
    client = capped(make_client(network.address + crowd), 256 * 1024)
    client.start()

    with pytest.raises(
        ResponseTooLargeError, match=r"where up to 262144 are accepted: /$"
    ) as caught:
        client.get_children("/")

    assert not caught.value.maybe_applied
    assert client.get("/child-000000000007")[0] == b""
    assert asked(network, Opcode.GET_CHILDREN) == 1
    assert len(network.attempts) == 2


def asked(network: FaultProxy, opcode: Opcode) -> int:
    return sum(frame.kind is Kind.REQUEST and frame.opcode == opcode for frame in network.frames)


def test_s6_others_are_answered_though_a_reply_among_theirs_is_beyond_the_cap(
    make_client: Connect, network: FaultProxy, crowd: str
) -> None:
    client = capped(make_client(network.address + crowd), 256 * 1024)
    client.start()

    before = [client.exists_async(f"/child-{number:012}") for number in range(50)]
    too_large = client.get_children_async("/")
    behind = [client.exists_async(f"/child-{number:012}") for number in range(50)]

    assert all(result.get() for result in before + behind)
    with pytest.raises(ResponseTooLargeError):
        too_large.get()


def test_s6_a_live_object_beyond_the_cap_costs_one_connection_a_change_and_comes_back(
    make_client: Connect, network: FaultProxy, observer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client = capped(make_client(), 10_000)
    client.start()
    client.create("/list")
    client.create("/data", b"{}")
    registry = ZooKeeper(client)
    children, properties = registry.children("/list"), registry.properties("/data")
    lengths: list[int] = []
    children(lambda it: lengths.append(len(it)))
    caplog.set_level(logging.WARNING)

    observer.create("/list/" + "x" * 20_000)
    wait_until(lambda: len(network.attempts) == 2, 2.0)

    assert remains(lambda: len(network.attempts) == 2, 1.5)
    observer.set("/data", b'{"a": 1}')
    wait_until(lambda: properties.data == {"a": 1}, 1.0)
    observer.delete("/list/" + "x" * 20_000)
    observer.create("/list/short")
    wait_until(lambda: children.data == ["short"], 2.0)
    wait_until(lambda: lengths[-1] == 1, 1.0)
    assert len([record for record in caplog.records if "not shown" in record.message]) == 1


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("Create /n", lambda client, data: client.create("/n", data)),
        ("Create2 /n", lambda client, data: client.create("/n", data, include_data=True)),
        ("SetData /n", lambda client, data: client.set("/n", data)),
    ],
)
def test_s6_a_request_beyond_what_servers_take_is_refused_in_the_caller(
    client: Client, network: FaultProxy, what: str, call: Callable[[Client, bytes], Any]
) -> None:
    with pytest.raises(RequestTooLargeError) as caught:
        call(client, bytes(MOST_SENT))

    assert str(caught.value).endswith(f"servers accept {MOST_SENT}: {what}")
    assert len(network.attempts) == 1


def test_s6_the_largest_request_that_servers_take_is_sent_and_one_byte_more_is_not(
    client: Client, network: FaultProxy, home: str
) -> None:
    room = MOST_SENT - 47 - len(home + "/n")  # protocol.md, section 1

    with pytest.raises(RequestTooLargeError):
        client.create("/n", bytes(room + 1))
    client.create("/n", bytes(room))

    assert len(client.get("/n")[0]) == room
    assert len(network.attempts) == 1


def test_s6_properties_beyond_what_servers_take_are_refused_in_the_caller(
    client: Client, network: FaultProxy
) -> None:
    client.create("/n", b"{}")
    registry = ZooKeeper(client)
    properties = registry.properties("/n")
    registered = registry.register("/", "h:1")
    large = "x" * MOST_SENT

    for call in (
        lambda: properties.set(large=large),
        lambda: properties.update(large=large),
        lambda: registry.register("/", "h:2", large=large),
        lambda: registered.update(large=large),
    ):
        with pytest.raises(RequestTooLargeError):
            call()

    assert len(network.attempts) == 1
    assert registered.is_held
    registry.close()


def test_s6_a_reply_too_long_by_the_cap_is_told_byte_by_byte_too(
    client: Client, network: FaultProxy
) -> None:
    network.one_byte_writes()
    network.rewrite(
        reply_to(Opcode.GET_DATA),
        lambda payload: [struct.pack(">i", CAP + 1) + payload],
        times=1,
    )

    with pytest.raises(ResponseTooLargeError):
        client.get("/")

    assert client.get("/")
    assert asked(network, Opcode.GET_DATA) == 2
