import socket
import threading
import time
from collections.abc import Callable

import pytest
from kazoo.client import KazooClient

from tests import wire
from tests.bareclient import BareClient
from tests.echo import QUICKLY, Echo, ends_by_fin, ends_by_rst, is_silent
from tests.frames import Frame, Kind
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import stretched, wait_until
from tests.wire import Opcode


def can_connect(proxy: FaultProxy) -> bool:
    try:
        socket.create_connection((LOOPBACK, proxy.port)).close()
    except ConnectionRefusedError:
        return False
    return True


# Without faults


def test_a_healthy_proxy_changes_nothing(echo_client: BareClient, echo: Echo) -> None:
    reply = echo_client.call(Opcode.GET_DATA, b"hello")

    assert reply == wire.Reply(1, 1, 0, b"hello")
    assert echo.requests == [wire.Request(1, Opcode.GET_DATA, b"hello")]


def test_large_frames_pass_whole_both_ways(echo_client: BareClient) -> None:
    large = bytes(range(256)) * 20_000

    assert echo_client.call(Opcode.GET_DATA, large).body == large


def test_frames_that_passed_are_on_record(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_client.call(Opcode.GET_DATA, b"hello")

    assert [
        (frame.direction, frame.index, frame.kind, frame.opcode) for frame in echo_proxy.frames
    ] == [
        ("to_server", 0, Kind.CONNECT_REQUEST, None),
        ("to_client", 0, Kind.CONNECT_RESPONSE, None),
        ("to_server", 1, Kind.REQUEST, Opcode.GET_DATA),
        ("to_client", 1, Kind.REPLY, Opcode.GET_DATA),
    ]


def test_the_record_can_be_emptied(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.forget_frames()

    assert echo_proxy.frames == []


def test_connections_and_attempts_are_counted(echo_proxy: FaultProxy) -> None:
    begin = time.monotonic()

    with BareClient.connect(echo_proxy.port), BareClient.connect(echo_proxy.port):
        assert echo_proxy.connections == 2

    wait_until(lambda: echo_proxy.connections == 0, QUICKLY)
    assert len(echo_proxy.attempts) == 2
    assert begin < echo_proxy.attempts[0] < echo_proxy.attempts[1] < time.monotonic()


def test_the_end_of_a_client_reaches_the_server(echo: Echo, echo_proxy: FaultProxy) -> None:
    BareClient.connect(echo_proxy.port).drop()

    wait_until(lambda: echo.open_connections == 0, QUICKLY)


def test_the_end_of_the_server_reaches_the_client(echo_client: BareClient, echo: Echo) -> None:
    echo.close()

    assert ends_by_fin(echo_client)


def test_a_client_is_reset_where_there_is_no_server(
    proxy_to: Callable[[int], FaultProxy],
) -> None:
    proxy = proxy_to(free_port())

    with pytest.raises(ConnectionResetError):
        BareClient.connect(proxy.port)


def test_four_letter_words_pass(
    real_server: RealServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(real_server.port)

    with socket.create_connection((LOOPBACK, proxy.port), stretched(QUICKLY)) as connection:
        connection.sendall(b"isro")
        answer = wire.read_exactly(connection, 100)

    assert answer == b"rw"


def test_another_client_works_through_it(
    real_server: RealServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    proxy = proxy_to(real_server.port)
    kazoo = KazooClient(hosts=proxy.address)

    kazoo.start(timeout=stretched(QUICKLY))
    try:
        path = kazoo.create("/proxied-", b"data", sequence=True)
        data, _ = kazoo.get(path)
    finally:
        kazoo.stop()
        kazoo.close()

    assert data == b"data"


# Faults of connecting


def test_connections_are_refused_and_accepted_again_on_the_same_port(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    port = echo_proxy.port

    echo_proxy.refuse()
    was_refused = not can_connect(echo_proxy)
    echo_proxy.accept()

    assert was_refused
    assert can_connect(echo_proxy)
    assert echo_proxy.port == port


def test_refusing_leaves_connections_alone(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.refuse()

    assert echo_client.call(Opcode.GET_DATA, b"hello").body == b"hello"


def test_refusing_and_accepting_may_be_repeated(echo_proxy: FaultProxy) -> None:
    for _ in range(20):
        echo_proxy.refuse()
        echo_proxy.refuse()
        assert not can_connect(echo_proxy)
        echo_proxy.accept()
        echo_proxy.accept()
        assert can_connect(echo_proxy)


def test_turning_away_resets_each_attempt_and_counts_it(echo_proxy: FaultProxy) -> None:
    echo_proxy.turn_away()

    for _ in range(3):
        with pytest.raises(ConnectionError):
            BareClient.connect(echo_proxy.port)
    echo_proxy.heal()

    assert len(echo_proxy.attempts) == 3
    BareClient.connect(echo_proxy.port).drop()


# Faults of one moment


def test_a_cut_ends_every_connection_by_fin(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    with BareClient.connect(echo_proxy.port) as another:
        echo_proxy.cut()

        assert ends_by_fin(echo_client)
        assert ends_by_fin(another)
    assert echo_proxy.connections == 0


def test_a_cut_by_rst_resets(echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy) -> None:
    echo_proxy.cut(rst=True)

    assert ends_by_rst(echo_client)
    wait_until(lambda: echo.open_connections == 0, QUICKLY)


def test_what_a_client_says_after_a_cut_by_fin_does_not_reset_it(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    echo_proxy.cut()

    for _ in range(3):
        echo_client.send(Opcode.GET_DATA)

    assert ends_by_fin(echo_client)


def test_half_open_closes_the_server_side_only(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.half_open()
    echo_client.send(Opcode.GET_DATA)

    assert is_silent(echo_client)
    wait_until(lambda: echo.open_connections == 0, QUICKLY)
    echo_proxy.heal()
    assert ends_by_rst(echo_client)


def test_bytes_are_injected_between_frames(echo_client: BareClient, echo_proxy: FaultProxy) -> None:
    echo_proxy.delay(0.02)
    echo_client.send(Opcode.GET_DATA, bytes(100_000))

    echo_proxy.inject(wire.event(wire.EventType.CREATED, "/injected"))

    first, second = echo_client.receive(), echo_client.receive()
    assert {first.xid, second.xid} == {1, wire.Xid.EVENT}


def test_bytes_are_injected_towards_the_server(
    echo_client: BareClient, echo: Echo, echo_proxy: FaultProxy
) -> None:
    echo_proxy.inject(wire.request(77, Opcode.DELETE), "to_server")

    assert echo_client.receive().xid == 77
    assert echo.requests == [wire.Request(77, Opcode.DELETE, b"")]


# The proxy itself


def test_an_error_in_a_selector_is_raised_on_closing(echo: Echo) -> None:
    def fail(frame: Frame) -> bool:
        raise ZeroDivisionError("in the selector")

    proxy = FaultProxy(echo.port)
    proxy.start()
    proxy.cut_on(fail)
    with socket.create_connection((LOOPBACK, proxy.port)) as connection:
        connection.sendall(wire.connect_request())

        with pytest.raises(ZeroDivisionError, match="in the selector"):
            wait_until_closed(proxy)


def wait_until_closed(proxy: FaultProxy) -> None:
    def has_ended() -> bool:
        try:
            return proxy.connections < 0
        except RuntimeError:
            return True

    wait_until(has_ended, QUICKLY)
    proxy.close()


def test_closing_ends_connections_and_may_be_repeated(echo: Echo) -> None:
    proxy = FaultProxy(echo.port)
    proxy.start()
    with BareClient.connect(proxy.port) as client:
        proxy.close()
        proxy.close()

        assert ends_by_fin(client)
    with pytest.raises(RuntimeError, match="has ended"):
        proxy.cut()


def test_faults_may_be_switched_from_many_threads(
    echo_client: BareClient, echo_proxy: FaultProxy
) -> None:
    def switch() -> None:
        for _ in range(20):
            echo_proxy.refuse()
            echo_proxy.delay(0.001)
            echo_proxy.heal()

    threads = [threading.Thread(target=switch) for _ in range(4)]
    for thread in threads:
        thread.start()
    replies = [echo_client.call(Opcode.GET_DATA).xid for _ in range(20)]
    for thread in threads:
        thread.join()

    assert replies == list(range(1, 21))
    assert can_connect(echo_proxy)
