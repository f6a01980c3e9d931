"""Another list of servers for a client that is running."""

from collections.abc import Callable, Iterator

import pytest

import zc.zk
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import remains, wait_until
from zc.zk import Client, State

SOON = 20.0
A_MOMENT = 0.1


@pytest.fixture
def first(server: AnyServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    return proxy_to(server.port)


@pytest.fixture
def second(server: AnyServer, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """Another way to the same server."""
    return proxy_to(server.port)


@pytest.fixture
def moving(chroot: str, first: FaultProxy) -> Iterator[Client]:
    with Client(first.address + chroot) as client:
        yield client


def test_k11_a_client_goes_over_to_another_server_with_its_session(
    moving: Client, chroot: str, first: FaultProxy, second: FaultProxy
) -> None:
    session = moving.client_id
    moving.create("/mine", ephemeral=True)
    events: list[zc.zk.WatchedEvent] = []
    moving.get("/mine", events.append)

    moving.set_hosts(second.address + chroot)

    wait_until(lambda: second.connections == 1 and moving.connected, SOON)
    wait_until(lambda: first.connections == 0, SOON)
    assert moving.hosts == second.address
    assert moving.client_id == session
    stat = moving.exists("/mine")
    assert stat is not None
    assert session is not None
    assert stat.owner_session_id == session[0]
    moving.set("/mine", b"new")
    wait_until(lambda: len(events) == 1, SOON)


def test_k11_a_move_costs_no_call_its_answer(
    moving: Client, chroot: str, first: FaultProxy, second: FaultProxy
) -> None:
    results = [moving.create_async(f"/{number}") for number in range(200)]

    moving.set_hosts(second.address + chroot)
    results += [moving.create_async(f"/{number}") for number in range(200, 400)]

    assert [result.get(SOON) for result in results] == [f"/{number}" for number in range(400)]
    wait_until(lambda: second.connections == 1, SOON)


def test_k11_a_connection_to_a_server_that_is_still_listed_stays(
    moving: Client, chroot: str, first: FaultProxy
) -> None:
    states: list[State] = []
    moving.add_listener(states.append)

    moving.set_hosts([first.address + chroot])

    assert remains(lambda: len(first.attempts) == 1 and not states, A_MOMENT)
    assert moving.hosts == first.address


@pytest.mark.slow
def test_k11_a_client_without_a_server_tries_the_new_ones(
    moving: Client, chroot: str, first: FaultProxy, second: FaultProxy
) -> None:
    first.refuse()
    first.cut()
    wait_until(lambda: moving.state is State.SUSPENDED, SOON)

    moving.set_hosts(f"{first.address},{second.address}{chroot}")

    wait_until(lambda: moving.connected, SOON)
    assert second.connections == 1


@pytest.mark.parametrize("chroot_given", ["", "/other"])
def test_k11_the_chroot_stays(moving: Client, first: FaultProxy, chroot_given: str) -> None:
    hosts = moving.hosts

    with pytest.raises(zc.zk.ArgumentError, match="the chroot must stay /"):
        moving.set_hosts(first.address + chroot_given)

    assert moving.hosts == hosts
    assert moving.connected


@pytest.mark.parametrize("hosts", ["", "a:b", 5])
def test_k11_hosts_that_cannot_be_are_an_error(hosts: str) -> None:
    client = Client("localhost")

    with pytest.raises((TypeError, ValueError)):
        client.set_hosts(hosts)

    assert client.hosts == "localhost:2181"


def test_k11_a_client_that_is_stopped_takes_another_list(chroot: str, second: FaultProxy) -> None:
    client = Client("127.0.0.1:1" + chroot)

    client.set_hosts(second.address + chroot)
    with client:
        assert client.connected

    client.set_hosts("127.0.0.1:1" + chroot)
    assert client.state is State.LOST
