"""R16: many clients that are dropped together come back soon, and not all at the same moment."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from tests.faces import Factory
from tests.frames import Frame, Kind
from tests.ports import LOOPBACK, free_port
from tests.promises.conftest import Connect
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.scripted import Peer, ScriptedServer
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, FailedConnect, State

CLIENTS = 50
MOST_IN_A_MOMENT = 25  # attempts
MOMENT = 0.1  # seconds
MOST_IN_TEN_SECONDS = 40


def busiest(times: list[float], seconds: float) -> int:
    """Give how many of these fall into the fullest stretch of so many seconds."""
    times = sorted(times)
    first = most = 0
    for last, time in enumerate(times):
        while time - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_r16_the_busiest_moment_is_counted_right() -> None:
    assert busiest([], 0.1) == 0
    assert busiest([5.0], 0.1) == 1
    assert busiest([0.0, 0.05, 0.06, 0.149, 0.2, 0.21], 0.1) == 3
    assert busiest([0.3, 0.1, 0.2], 1.0) == 3


@pytest.fixture
def crowd(network: FaultProxy, home: str, promised_face: Factory | None) -> Iterator[list[Client]]:
    """Fifty clients that are connected, on one loop where they need one."""
    with contextlib.ExitStack() as stack:
        if promised_face is not None:
            stack.enter_context(promised_face.one_loop())
        clients = [Client(network.address + home, 6.0) for _ in range(CLIENTS)]
        for client in clients:
            stack.callback(client.stop)
            client.start_async()
        wait_until(lambda: all(client.connected for client in clients), 20.0)
        yield clients


def drop_by_fin(network: FaultProxy) -> float:
    began_at = monotonic()
    network.cut()
    return began_at


def drop_by_rst(network: FaultProxy) -> float:
    began_at = monotonic()
    network.cut(rst=True)
    return began_at


def refuse_for_a_while(network: FaultProxy) -> float:
    network.turn_away()  # that costs a server nothing: what counts begins when it is back
    network.cut()
    remains(lambda: True, 2.0)
    healed_at = monotonic()
    network.accept()
    return healed_at


def asks_for_session(frame: Frame, since: float) -> bool:
    return frame.kind is Kind.CONNECT_REQUEST and frame.seen_at >= since


@pytest.mark.slow
@pytest.mark.parametrize("drop", [drop_by_fin, drop_by_rst, refuse_for_a_while])
def test_r16_fifty_clients_dropped_together_come_back_in_time_and_spread_out(
    network: FaultProxy, crowd: list[Client], drop: Callable[[FaultProxy], float]
) -> None:
    sessions = [client.client_id for client in crowd]
    healed_at = drop(network)

    wait_until(lambda: network.connections == CLIENTS, 5.0)
    wait_until(lambda: all(client.connected for client in crowd), 5.0)

    assert monotonic() - healed_at <= stretched(5.0)
    attempts = [when for when in network.attempts if when >= healed_at]
    # One that was turned away in the last moment asked for no session.
    assert len([each for each in network.frames if asks_for_session(each, healed_at)]) == CLIENTS
    assert busiest(attempts, MOMENT) <= MOST_IN_A_MOMENT
    assert [client.client_id for client in crowd] == sessions


@pytest.mark.slow
@pytest.mark.at_once
def test_r16_a_client_that_is_refused_by_one_server_or_by_three_tries_a_few_times_a_second(
    real_server: RealServer, proxy_to: Callable[[int], FaultProxy], makers: list[Connect]
) -> None:
    groups = [
        (make, [proxy_to(real_server.port) for _ in range(n)]) for make in makers for n in (1, 3)
    ]
    with contextlib.ExitStack() as stack:
        for make, proxies in groups:
            stack.enter_context(make(",".join(proxy.address for proxy in proxies), 6.0))
        everywhere = [proxy for _, proxies in groups for proxy in proxies]
        for proxy in everywhere:
            proxy.turn_away()
        began_at = monotonic()
        for proxy in everywhere:
            proxy.cut()
        remains(lambda: True, 10.0)
        attempts = [
            len([when for proxy in proxies for when in proxy.attempts if when >= began_at])
            for _, proxies in groups
        ]

    assert min(attempts) >= 5, attempts
    assert max(attempts) <= MOST_IN_TEN_SECONDS, attempts


def test_r16_the_first_server_that_is_tried_is_a_matter_of_chance() -> None:
    def refuse(peer: Peer) -> None:
        peer.end()

    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ScriptedServer(refuse)) for _ in range(3)]
        address = ",".join(server.address for server in servers)
        first: set[str] = set()
        for _ in range(60):
            client = Client(address)
            with pytest.raises(FailedConnect) as failed:
                client.start(timeout=0.02)
            first.add(failed.value.attempts[0][0])

    assert first == {server.address for server in servers}


class Names:
    """What the names of servers stand for, in place of the system's resolver; it counts how often it is asked."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: dict[str, int] = {}
        self._lock = threading.Lock()

    def resolve(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        with self._lock:
            self.asked[host] = self.asked.get(host, 0) + 1
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.addresses[host]
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    # There is no resolver here that a test could teach.
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.resolve)
    return names


def test_r16_a_name_is_resolved_again_for_each_attempt(
    network: FaultProxy, home: str, names: Names
) -> None:
    names.addresses["zoo.example"] = [LOOPBACK]
    with Client(f"zoo.example:{network.port}{home}", 6.0) as client:
        before = names.asked["zoo.example"]
        network.turn_away()
        network.cut()
        attempts = len(network.attempts)
        wait_until(lambda: len(network.attempts) >= attempts + 3, 10.0)

        assert names.asked["zoo.example"] >= before + 3
        network.heal()
        wait_until(lambda: client.connected, 5.0)


def test_r16_a_server_that_has_moved_to_another_address_is_found_there(
    network: FaultProxy, home: str, names: Names
) -> None:
    names.addresses["zoo.example"] = [LOOPBACK]
    with Client(f"zoo.example:{network.port}{home}", 6.0) as client:
        session = client.client_id
        states = States(client)
        nowhere = "127.0.0.77"
        names.addresses["zoo.example"] = [nowhere]
        network.cut()
        states.wait_for(State.SUSPENDED, bound=2.0)
        assert remains(lambda: not client.connected, 1.0)

        names.addresses["zoo.example"] = [LOOPBACK]

        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5.0)
        assert client.client_id == session


def test_r16_each_address_of_a_name_is_tried(network: FaultProxy, home: str, names: Names) -> None:
    names.addresses["zoo.example"] = ["127.0.0.77", "127.0.0.78", LOOPBACK]

    with Client(f"zoo.example:{network.port}{home}", 6.0) as client:
        assert client.connected


def test_r16_a_name_that_is_unknown_for_a_while_is_asked_for_again(
    network: FaultProxy, home: str, names: Names
) -> None:
    names.addresses["zoo.example"] = [LOOPBACK]
    with Client(f"zoo.example:{network.port}{home}", 6.0) as client:
        states = States(client)
        del names.addresses["zoo.example"]
        network.cut()
        states.wait_for(State.SUSPENDED, bound=2.0)
        asked = names.asked["zoo.example"]
        wait_until(lambda: names.asked["zoo.example"] > asked + 1, 5.0)

        names.addresses["zoo.example"] = [LOOPBACK]

        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5.0)


def test_r16_one_server_of_several_that_is_not_there_costs_no_session(
    network: FaultProxy, home: str
) -> None:
    address = f"{LOOPBACK}:{free_port()},{network.address},{LOOPBACK}:{free_port()}{home}"
    with Client(address, 6.0) as client:
        session, states = client.client_id, States(client)

        for _ in range(3):
            count = len(states.values)
            network.cut()
            wait_until(lambda count=count: len(states.values) >= count + 2, 5.0)  # type: ignore[misc]

        assert client.client_id == session
        assert State.LOST not in states.values
