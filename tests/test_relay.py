"""What a connection suffers, as the proxy's user sees it."""

import socket
import time
from collections.abc import Callable

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.echo import A_MOMENT, QUICKLY, Echo, ends_by_fin, ends_by_rst, is_silent
from tests.frames import Kind, event, nth, of_kind, reply_to, request
from tests.ports import LOOPBACK
from tests.proxy import FaultProxy
from tests.scripted import ScriptedServer, answering
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode

# Faults of connections


def test_a_black_hole_swallows_both_ways(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.black_hole()

    echo_client.send(Opcode.GET_DATA)

    assert is_silent(echo_client)
    assert echo.requests == []


def test_a_black_hole_swallows_what_is_under_way(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.delay(A_MOMENT)
    echo_client.send(Opcode.GET_DATA)
    wait_until(lambda: echo_proxy.frames[-1].opcode == Opcode.GET_DATA, QUICKLY)

    echo_proxy.black_hole()

    assert remains(lambda: echo.requests == [], 2 * A_MOMENT)


def test_a_black_hole_accepts_and_says_nothing(echo: Echo, echo_proxy: FaultProxy) -> None:
    echo_proxy.black_hole()

    with socket.create_connection((LOOPBACK, echo_proxy.port)) as connection:
        client = BareClient(connection, wire.Session(0, b"", 0))
        connection.sendall(wire.connect_request())

        assert is_silent(client)
    assert echo.accepted == 0
    assert len(echo_proxy.attempts) == 1


def test_a_black_hole_swallows_the_end_of_a_connection(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.black_hole()

    echo_client.drop()

    assert remains(lambda: echo.open_connections == 1, A_MOMENT)


def test_healing_resets_what_lost_bytes_and_lets_others_in(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    echo_proxy.black_hole()
    echo_client.send(Opcode.GET_DATA)
    wait_until(lambda: echo_proxy.frames[-1].opcode == Opcode.GET_DATA, QUICKLY)

    echo_proxy.heal()

    assert ends_by_rst(echo_client)
    with BareClient.connect(echo_proxy.port) as another:
        assert another.call(Opcode.GET_DATA, b"hello").body == b"hello"


def test_healing_keeps_what_lost_nothing(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.black_hole()

    echo_proxy.heal()

    assert echo_client.call(Opcode.GET_DATA, b"hello").body == b"hello"


def test_one_way_to_the_client_is_swallowed(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.one_way("to_client")

    echo_client.send(Opcode.GET_DATA)

    wait_until(lambda: echo.requests, QUICKLY)
    assert is_silent(echo_client)


def test_one_way_to_the_server_is_swallowed(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.one_way("to_server")

    echo_client.send(Opcode.GET_DATA)
    echo_proxy.inject(wire.event(1, "/a"))

    assert echo_client.receive().xid == wire.Xid.EVENT
    assert echo.requests == []


def test_what_was_held_arrives_after_healing(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.hold()
    echo_client.send(Opcode.GET_DATA, b"hello")
    was_silent = is_silent(echo_client) and not echo.requests

    echo_proxy.heal()

    assert was_silent
    assert echo_client.receive().body == b"hello"


def test_one_direction_alone_can_be_held(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.hold("to_client")
    echo_client.send(Opcode.GET_DATA, b"hello")
    wait_until(lambda: echo.requests, QUICKLY)
    was_silent = is_silent(echo_client)

    echo_proxy.heal()

    assert was_silent
    assert echo_client.receive().body == b"hello"


@pytest.mark.slow
def test_a_delay_keeps_order_and_overlaps(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.delay(0.05)
    begin = time.monotonic()

    for _ in range(20):
        echo_client.send(Opcode.GET_DATA)
    xids = [echo_client.receive().xid for _ in range(20)]

    assert xids == list(range(1, 21))
    assert 0.1 <= time.monotonic() - begin < stretched(1.0)


def test_healing_ends_a_delay_for_what_is_under_way(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    echo_proxy.delay(3600)
    echo_client.send(Opcode.GET_DATA, b"hello")
    wait_until(lambda: echo_proxy.frames[-1].opcode == Opcode.GET_DATA, QUICKLY)

    echo_proxy.heal()

    assert echo_client.receive().body == b"hello"


def test_single_bytes_arrive_complete(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.one_byte_writes()

    assert echo_client.call(Opcode.GET_DATA, b"hello" * 100).body == b"hello" * 100


def test_a_drip_gives_the_client_one_byte_at_a_time(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    echo_proxy.drip(0.005)
    begin = time.monotonic()
    echo_client.send(Opcode.GET_DATA)

    pieces = [echo_client.connection.recv(100) for _ in range(10)]

    assert {len(piece) for piece in pieces[:2]} == {1}
    assert time.monotonic() - begin >= 0.045


# Faults of chosen frames


@pytest.mark.parametrize("rst", [False, True])
def test_a_cut_before_a_reply_loses_it(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy, rst: bool
) -> None:
    rule = echo_proxy.cut_on(reply_to(Opcode.CREATE), rst=rst)

    echo_client.call(Opcode.GET_DATA)
    echo_client.send(Opcode.CREATE)

    assert ends_by_rst(echo_client) if rst else ends_by_fin(echo_client)
    assert [request.opcode for request in echo.requests] == [Opcode.GET_DATA, Opcode.CREATE]
    assert rule.fired == 1


@pytest.mark.parametrize("rst", [False, True])
@pytest.mark.parametrize("size", [0, 3_000_000])
def test_a_cut_after_a_reply_delivers_it_whole(
    echo_client: BareClient, echo_proxy: FaultProxy, rst: bool, size: int
) -> None:
    echo_proxy.cut_on(reply_to(Opcode.GET_DATA), "after", rst=rst)

    echo_client.send(Opcode.GET_DATA, bytes(size))
    if not rst:
        echo_client.send(
            Opcode.EXISTS
        )  # unread when the echo_proxy ends, and yet no reason for an RST

    assert echo_client.receive().body == bytes(size)
    assert ends_by_rst(echo_client) if rst else ends_by_fin(echo_client)


def test_a_cut_before_a_request_keeps_it_from_the_server(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.cut_on(request(Opcode.CREATE))

    echo_client.send(Opcode.GET_DATA)
    echo_client.send(Opcode.CREATE)
    echo_client.send(Opcode.DELETE)

    wait_until(lambda: echo.open_connections == 0, QUICKLY)
    assert [request.opcode for request in echo.requests] == [Opcode.GET_DATA]


@pytest.mark.parametrize("rst", [False, True])
def test_a_cut_after_a_request_brings_it_to_the_server(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy, rst: bool
) -> None:
    echo_proxy.cut_on(request(Opcode.CREATE), "after", rst=rst)

    echo_client.send(Opcode.CREATE, bytes(500_000))

    wait_until(lambda: echo.requests, QUICKLY)
    assert len(echo.requests[0].body) == 500_000


def test_a_rule_fires_as_often_as_it_is_told(echo_proxy: FaultProxy) -> None:
    rule = echo_proxy.cut_on(of_kind(Kind.CONNECT_RESPONSE), times=2)

    for _ in range(2):
        with pytest.raises(EOFError):
            BareClient.connect(echo_proxy.port)
    BareClient.connect(echo_proxy.port).drop()

    assert rule.fired == 2


def test_the_nth_of_some_frames_can_be_chosen(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    echo_proxy.cut_on(nth(3, reply_to(Opcode.GET_DATA)))

    for _ in range(5):
        echo_client.send(Opcode.GET_DATA)

    assert [echo_client.receive().xid, echo_client.receive().xid] == [1, 2]
    assert ends_by_fin(echo_client)


def test_events_can_be_chosen(proxy_to: Callable[[int], FaultProxy]) -> None:
    watch_event = wire.event(wire.EventType.CREATED, "/a")

    with ScriptedServer(answering(lambda asked: watch_event + wire.reply(asked.xid))) as server:
        proxy = proxy_to(server.port)
        proxy.rewrite(event(), lambda payload: [])
        with BareClient.connect(proxy.port) as client:
            client.call(Opcode.GET_DATA)

    assert client.events == []


def test_healing_forgets_rules(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.cut_on(reply_to(Opcode.GET_DATA))

    echo_proxy.heal()

    assert echo_client.call(Opcode.GET_DATA, b"hello").body == b"hello"


def test_a_payload_can_be_rewritten(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.rewrite(reply_to(Opcode.GET_DATA), lambda payload: payload[:16] + b"forged", times=1)

    assert echo_client.call(Opcode.GET_DATA, b"hello").body == b"forged"
    assert echo_client.call(Opcode.GET_DATA, b"hello").body == b"hello"


def test_a_frame_can_be_replaced_by_raw_bytes(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    reply = wire.frame(wire.reply(1)[4:])
    echo_proxy.rewrite(reply_to(Opcode.GET_DATA), lambda payload: [reply, b"\xff\xff\xff\xff"])

    echo_client.send(Opcode.GET_DATA)

    assert wire.read_exactly(echo_client.connection, len(reply) + 4) == reply + b"\xff\xff\xff\xff"


def test_a_frame_can_be_lost_alone(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.rewrite(reply_to(Opcode.CREATE), lambda payload: [])

    echo_client.send(Opcode.CREATE)
    echo_client.send(Opcode.GET_DATA)

    assert echo_client.receive().xid == 2


def test_a_fault_can_begin_at_a_chosen_frame(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.on(request(Opcode.CREATE), echo_proxy.black_hole)

    echo_client.call(Opcode.GET_DATA)
    echo_client.send(Opcode.CREATE)

    wait_until(lambda: len(echo.requests) == 2, QUICKLY)
    assert is_silent(echo_client)


def test_the_servers_side_can_go_at_a_chosen_frame(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.on(request(Opcode.CREATE), echo_proxy.half_open)

    echo_client.send(Opcode.CREATE)

    wait_until(lambda: echo.open_connections == 0, QUICKLY)
    assert is_silent(echo_client)
    assert echo_proxy.connections == 1
