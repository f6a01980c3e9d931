"""K06 to K09: the states of a client, and listeners that are told of them, on real servers."""

import threading
from collections.abc import Callable

import pytest

import zc.zk
from tests.ensemble import Ensemble
from tests.ports import LOOPBACK, free_port
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import identity, lose_session
from tests.waiting import stretched, wait_until
from zc.zk import Client, KeeperState, State

SOON = 20.0
LONG = 30.0
SHORT_SESSION = 1.0  # seconds


# --- K06


@pytest.mark.slow
def test_k06_a_listener_is_called_with_each_state(proxied: Client, proxy: FaultProxy) -> None:
    states: list[State] = []
    proxied.add_listener(states.append)

    proxy.cut()
    wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)
    proxied.stop()

    wait_until(lambda: states == ["SUSPENDED", "CONNECTED", "LOST"], SOON)
    assert all(isinstance(state, State) for state in states)


def test_k06_a_decorated_listener_stays_the_function_that_it_is(server: AnyServer) -> None:
    client = Client(server.address)
    states: list[State] = []

    @client.add_listener
    def listener(state: State) -> None:
        states.append(state)

    assert type(listener).__name__ == "function"
    client.start()
    wait_until(lambda: states == ["CONNECTED"], SOON)
    client.stop()


@pytest.mark.slow
def test_k06_a_listener_that_returns_true_is_called_no_more_and_one_that_is_removed_not_at_all(
    proxied: Client, proxy: FaultProxy
) -> None:
    once: list[State] = []
    removed: list[State] = []
    truthy: list[State] = []

    def end(state: State) -> bool:
        once.append(state)
        return True

    def note(state: State) -> int:
        truthy.append(state)
        return 5  # not True

    proxied.add_listener(end)
    proxied.add_listener(note)
    proxied.add_listener(removed.append)
    proxied.remove_listener(removed.append)
    proxy.cut()

    wait_until(lambda: truthy == ["SUSPENDED", "CONNECTED"], SOON)
    assert (once, removed) == (["SUSPENDED"], [])


def test_k06_removing_what_is_no_listener_does_nothing(client: Client) -> None:
    client.remove_listener(print)


def test_k06_a_listener_that_cannot_be_called_is_an_error(client: Client) -> None:
    """kazoo raises a ConfigurationError, which is our UsageError."""
    with pytest.raises(zc.zk.UsageError, match="a listener must be callable"):
        client.add_listener(None)  # type: ignore[arg-type]  # what is tested


@pytest.mark.slow
def test_k06_a_listener_may_call_the_client_and_may_even_block(
    proxied: Client, proxy: FaultProxy
) -> None:
    """kazoo forbids both: there a listener that blocks stops all others, and the client."""
    gate = threading.Event()
    found: list[object] = []

    def block(state: State) -> None:
        gate.wait(stretched(SOON))

    def look(state: State) -> None:
        found.append(proxied.exists("/"))

    proxied.add_listener(block)
    proxied.add_listener(look)
    proxy.cut()

    wait_until(lambda: len(found) == 2, SOON)
    assert None not in found
    gate.set()


# --- K07


def test_k07_a_client_is_lost_to_begin_with(server: AnyServer) -> None:
    assert Client(server.address).state is State.LOST
    assert {state.value for state in State} == {"LOST", "CONNECTED", "SUSPENDED"}


def test_k07_lost_to_connected_when_the_first_connection_is_there(server: AnyServer) -> None:
    client = Client(server.address)
    states = States(client)

    client.start()

    states.wait_for(State.CONNECTED, bound=SOON)
    assert client.state is State.CONNECTED
    assert states.values == ["CONNECTED"]
    client.stop()


@pytest.mark.slow
def test_k07_connected_to_suspended_when_the_connection_is_lost_and_back_when_it_is_restored(
    proxied: Client, proxy: FaultProxy
) -> None:
    states = States(proxied)

    proxy.refuse()
    proxy.cut()
    states.wait_for(State.SUSPENDED, bound=SOON)
    assert proxied.state is State.SUSPENDED
    proxy.accept()
    states.wait_for(State.CONNECTED, bound=SOON)

    assert states.values == ["SUSPENDED", "CONNECTED"]


@pytest.mark.slow
def test_k07_suspended_to_lost_when_the_server_says_that_the_session_is_over(
    proxied: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    states = States(proxied)
    lost = identity(proxied)
    proxy.refuse()
    proxy.cut()
    states.wait_for(State.SUSPENDED, bound=SOON)
    server.expire(*lost)
    proxy.accept()

    states.wait_for(State.CONNECTED, bound=SOON)

    assert states.values == ["SUSPENDED", "LOST", "CONNECTED"]
    assert proxied.client_id != lost


@pytest.mark.slow
def test_k07_suspended_to_lost_by_our_own_clock_while_no_server_is_there(
    proxy: FaultProxy, chroot: str
) -> None:
    """kazoo stays SUSPENDED until a server is back to say so; ours tells in time that the session cannot be alive."""
    with Client(proxy.address + chroot, timeout=SHORT_SESSION) as client:
        states = States(client)
        session = client.client_id

        proxy.refuse()
        proxy.cut()
        states.wait_for(State.SUSPENDED, State.LOST, bound=SHORT_SESSION + 5)
        proxy.accept()
        states.wait_for(State.CONNECTED, bound=SOON)

        assert states.values == ["SUSPENDED", "LOST", "CONNECTED"]
        assert client.client_id != session or client.connected


@pytest.mark.slow
def test_k07_connected_to_lost_when_credentials_are_refused(client: Client) -> None:
    states = States(client)

    with pytest.raises(zc.zk.AuthFailedError):
        client.add_auth("nosuch", "credential")

    states.wait_for(State.LOST, bound=SOON)
    assert states.values == ["LOST"]
    assert client.client_state is KeeperState.AUTH_FAILED


@pytest.mark.slow
def test_k07_stopping_the_client_loses_the_session_too(client: Client) -> None:
    states = States(client)

    client.stop()

    states.wait_for(State.LOST, bound=SOON)
    assert states.values == ["LOST"]


# --- K08


def test_k08_the_documented_members_are_there() -> None:
    documented = "AUTH_FAILED CONNECTED CONNECTED_RO CONNECTING EXPIRED_SESSION CLOSED"

    assert {state.value for state in KeeperState} == set(documented.split())
    assert all(state.value == state.name == str(state) for state in KeeperState)


def test_k08_closed_connected_closed(server: AnyServer) -> None:
    client = Client(server.address)
    seen = [client.client_state]

    client.start()
    seen.append(client.client_state)
    client.stop()
    seen.append(client.client_state)

    assert seen == [KeeperState.CLOSED, KeeperState.CONNECTED, KeeperState.CLOSED]


@pytest.mark.slow
def test_k08_connecting_while_there_is_no_server(proxied: Client, proxy: FaultProxy) -> None:
    nowhere = Client(f"{LOOPBACK}:{free_port()}")
    nowhere.start_async()
    assert nowhere.client_state is KeeperState.CONNECTING
    nowhere.stop()

    proxy.refuse()
    proxy.cut()

    wait_until(lambda: proxied.client_state is KeeperState.CONNECTING, SOON)


@pytest.mark.slow
def test_k08_a_session_that_expired_is_shown_until_there_is_another(
    client: Client, server: AnyServer
) -> None:
    seen: list[KeeperState] = []

    @client.add_listener
    def note(state: State) -> None:
        if state is State.LOST:
            seen.append(client.client_state)

    lose_session(client, server)

    wait_until(lambda: seen, SOON)
    # What a listener sees is what there is when it looks: the next session may be there already.
    assert set(seen) <= {
        KeeperState.EXPIRED_SESSION,
        KeeperState.CONNECTING,
        KeeperState.CONNECTED,
    }
    assert client.client_state is KeeperState.CONNECTED


@pytest.mark.slow
def test_k08_refused_credentials_are_final(client: Client) -> None:
    with pytest.raises(zc.zk.AuthFailedError):
        client.add_auth("nosuch", "credential")

    wait_until(lambda: client.client_state is KeeperState.AUTH_FAILED, SOON)
    with pytest.raises(zc.zk.AuthFailedError):
        client.get("/")


# --- K09


@pytest.mark.slow
def test_k09_a_read_only_client_is_served_by_a_server_alone_until_there_is_a_better_one(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    """What happens in more detail is in tests/client/test_read_only.py."""
    ensemble = own_ensemble(read_only_mode=True, local_sessions=True)
    with Client(ensemble.address) as writer:
        writer.create("/a", b"data")
        writer.sync("/a")
    alone, *others = ensemble.members
    for other in others:
        other.kill()
    wait_until(lambda: alone.words(b"isro") == "ro", LONG)

    with Client(ensemble.address, timeout=4.0, read_only=True) as client:
        states = States(client)
        assert client.state is State.CONNECTED
        assert client.client_state is KeeperState.CONNECTED_RO
        assert client.get("/a")[0] == b"data"
        with pytest.raises(zc.zk.NotReadOnlyCallError):
            client.set("/a", b"new")

        for other in others:
            other.launch()
        states.wait_for(State.CONNECTED, bound=2 * LONG)
        wait_until(lambda: client.client_state is KeeperState.CONNECTED, 2 * LONG)

        assert client.set("/a", b"new").version == 1
        assert states.values[-1] is State.CONNECTED
