"""A clock that goes only when it is told to."""

import re
import socket

import pytest

from tests.server.wireclient import WireClient, connect_frame, request_frame
from tests.testing.clients import KINDS, connected
from tests.waiting import stretched, wait_until
from zc.zk import operations as ops
from zc.zk.errors import ArgumentError
from zc.zk.testing import Server, VirtualClock


def test_it_stands_still_until_it_is_advanced() -> None:
    clock = VirtualClock(wall=1e9)

    assert (clock.now(), clock.wall()) == (0.0, 1e9)
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (2.5, 1e9 + 2.5)
    assert (clock.until(2.5), clock.until(2.6)) == (0.0, None)


class Follower:
    """Has something to do at some times, and notes when it did."""

    def __init__(self, clock: VirtualClock, *deadlines: float) -> None:
        self.clock = clock
        self.deadlines = list(deadlines)
        self.ticks: list[float] = []

    def deadline(self) -> float | None:
        return self.deadlines[0] if self.deadlines else None

    def tick(self) -> None:
        self.ticks.append(self.clock.now())
        self.deadlines = [each for each in self.deadlines if each > self.clock.now()]


def test_whoever_follows_does_everything_in_its_order() -> None:
    clock = VirtualClock()
    first, second = Follower(clock, 1.0, 3.0), Follower(clock, 2.0, 9.0)
    for each in (first, second):
        clock.follow(each)

    clock.advance(4.0)

    assert first.ticks == second.ticks == [1.0, 2.0, 3.0, 4.0]
    clock.leave(second)
    clock.leave(second)
    clock.advance(1.0)
    assert second.ticks[-1] == 4.0


def test_a_deadline_that_stays_is_no_trap() -> None:
    clock = VirtualClock()
    follower = Follower(clock)
    clock.follow(follower)
    follower.deadlines = [0.0]

    clock.advance(0)

    assert follower.ticks == [0.0]


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_it_never_goes_back(seconds: float) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"cannot be advanced by {seconds} s")):
        VirtualClock().advance(seconds)


def test_sessions_end_without_waiting() -> None:
    clock = VirtualClock()
    with Server(clock=clock) as server, WireClient(server.port) as client:
        clock.advance(9.0)
        client.call(ops.Ping())
        clock.advance(9.0)
        assert server.sessions == [client.response.session_id]

        clock.advance(2.0)

        assert server.sessions == []
        assert client.is_hung_up()


def test_two_servers_live_by_one_clock() -> None:
    clock = VirtualClock()
    with Server(clock=clock) as first, Server(clock=clock) as second:
        short = connect_frame(timeout=1000)
        with WireClient(first.port, short), WireClient(second.port, short):
            clock.advance(2.0)

            assert first.sessions == second.sessions == []


def test_a_delay_lasts_until_the_clock_is_advanced() -> None:
    clock = VirtualClock()
    with Server(clock=clock) as server, WireClient(server.port) as client:
        before, fault = server.zxid, server.faults.delay(6.0)
        client.socket.sendall(request_frame(1, ops.Create("/n")))
        assert fault.wait(stretched(10))

        clock.advance(5.0)
        assert server.zxid == before
        clock.advance(1.0)

        assert client.read_reply().error == 0


def test_a_stopped_server_lets_time_pass() -> None:
    clock = VirtualClock()
    with Server(clock=clock) as server, WireClient(server.port):
        server.stop()
        clock.advance(1000.0)
        server.start()

        assert len(server.sessions) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_clients_lose_their_sessions_by_it(kind: str) -> None:
    clock = VirtualClock()
    with Server(clock=clock) as server, connected(kind, server, timeout=10.0) as client:
        states: list[str] = []
        client.add_listener(lambda state: states.append(str(state)))

        clock.advance(15.0)

        wait_until(lambda: states[-1:] == ["CONNECTED"], 10)
        assert "LOST" in states


def test_the_figures_of_a_server_go_by_its_clock() -> None:
    clock = VirtualClock()
    with Server(clock=clock) as server, WireClient(server.port) as client:
        client.socket.sendall(request_frame(1, ops.Ping()))
        client.read_reply()
        clock.advance(5.0)

        told = asked(server.port, b"mntr")

    assert "zk_uptime\t5000\n" in told
    assert "zk_max_latency\t0\n" in told


def asked(port: int, word: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), stretched(10)) as connection:
        connection.sendall(word)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
