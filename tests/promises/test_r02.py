"""R2: a client is back soon after the server is, however long it was away."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from time import monotonic

import pytest

from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, State

pytestmark = pytest.mark.slow

CLIENTS = 10
FARTHEST_APART = 2.0  # seconds between two attempts
ProxyTo = Callable[[int], FaultProxy]


@contextlib.contextmanager
def clients_of(proxies: list[FaultProxy], timeout: float) -> Iterator[list[States]]:
    """Give what each of as many clients is told."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(proxy.address, timeout)) for proxy in proxies]
        yield [States(client) for client in clients]


def suffer(
    proxies: list[FaultProxy], told: list[States], fault: Callable[[FaultProxy], None], end: float
) -> list[float]:
    """Have an outage until `end` seconds after all have noticed; give how long each took to return."""
    for proxy in proxies:
        fault(proxy)
    for states in told:  # LOST may follow before we look
        wait_until(lambda states=states: State.SUSPENDED in states.values, 10)  # type: ignore[misc]
    assert remains(lambda: all(State.CONNECTED not in states.values for states in told), end)
    healed_at = monotonic()
    for proxy in proxies:
        proxy.heal()
    for states in told:
        wait_until(lambda states=states: states.last is State.CONNECTED, 10)  # type: ignore[misc]
    return [states.when_last(State.CONNECTED) - healed_at for states in told]


def refuse(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()


def turn_away(proxy: FaultProxy) -> None:
    proxy.turn_away()
    proxy.cut(rst=True)


def test_r2_clients_are_back_within_a_second_of_a_short_outage(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxies = [proxy_to(real_server.port) for _ in range(CLIENTS)]
    with clients_of(proxies, timeout=10) as told:
        returns = suffer(proxies, told, refuse, 0.5)

        assert max(returns) <= stretched(1)
        assert all(each.values == [State.SUSPENDED, State.CONNECTED] for each in told)


def test_r2_clients_are_back_within_two_seconds_of_an_outage_of_three(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxies = [proxy_to(real_server.port) for _ in range(CLIENTS)]
    with clients_of(proxies, timeout=10) as told:
        returns = suffer(proxies, told, refuse, 3)

        assert max(returns) <= stretched(2)
        assert all(each.values == [State.SUSPENDED, State.CONNECTED] for each in told)


def test_r2_clients_are_back_within_two_seconds_of_a_silence_that_cost_the_session(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxies = [proxy_to(real_server.port) for _ in range(CLIENTS)]
    with clients_of(proxies, timeout=1) as told:
        returns = suffer(proxies, told, FaultProxy.black_hole, 2)

        assert max(returns) <= stretched(2)
        for each in told:
            assert each.values == [State.SUSPENDED, State.LOST, State.CONNECTED]


def test_r2_attempts_do_not_grow_farther_apart_with_the_length_of_the_outage(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxies = [proxy_to(real_server.port) for _ in range(CLIENTS)]
    with clients_of(proxies, timeout=2) as told:
        returns = suffer(proxies, told, turn_away, 6)

        assert max(returns) <= stretched(2)
        for proxy in proxies:
            gaps = [after - before for before, after in pairwise(proxy.attempts[1:])]
            assert max(gaps) <= stretched(FARTHEST_APART)


def test_r2_a_client_is_back_within_two_seconds_of_a_frozen_server_going_on(
    real_server: RealServer,
) -> None:
    with Client(real_server.address, 2) as client:
        states = States(client)
        real_server.pause()
        states.wait_for(State.SUSPENDED, State.LOST, bound=5)

        resumed_at = monotonic()
        real_server.resume()

        assert states.wait_for(State.CONNECTED, bound=5) - resumed_at <= stretched(2)
        assert states.values == [State.SUSPENDED, State.LOST, State.CONNECTED]
