"""K02 to K05: starting, stopping, and staying connected, on real servers."""

import inspect
import logging
import threading
import time
from collections.abc import Callable

import pytest

import zc.zk
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session, session_id
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client

SOON = 20.0
A_MOMENT = 0.05
MISSING = "does not exist: create it by ensure_path('/')"


# --- K02


def test_k02_start_blocks_until_the_session_is_there(server: AnyServer) -> None:
    client = Client(server.address)
    assert not client.connected

    client.start()

    assert client.connected
    assert client.get("/")[0] is not None
    client.stop()


def test_k02_start_takes_a_time_out_of_15_seconds_unless_told_otherwise(server: AnyServer) -> None:
    assert inspect.signature(Client.start).parameters["timeout"].default == 15.0

    client = Client(server.address)
    client.start(stretched(SOON))

    assert client.connected
    client.stop()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [FaultProxy.black_hole, FaultProxy.turn_away, FaultProxy.refuse])
def test_k02_a_time_out_closes_the_client_and_is_an_error_of_ours(
    proxy: FaultProxy, fault: Callable[[FaultProxy], None]
) -> None:
    """kazoo raises its handler's own time-out, outside of its tree; ours is in the tree, and names the server."""
    fault(proxy)
    client = Client(proxy.address)
    begun = time.monotonic()

    with pytest.raises(zc.zk.ZooKeeperError) as failed:
        client.start(timeout=0.3)

    assert 0.3 <= time.monotonic() - begun < stretched(3.5)
    assert isinstance(failed.value, zc.zk.FailedConnect)
    assert failed.value.attempts[0][0] == proxy.address
    assert (client.state, client.client_state, client.connected) == ("LOST", "CLOSED", False)
    ours = [each.name for each in threading.enumerate() if proxy.address in each.name]
    assert ours == []


@pytest.mark.slow
def test_k02_a_client_that_failed_to_start_can_be_started_again(proxy: FaultProxy) -> None:
    proxy.refuse()
    client = Client(proxy.address)
    with pytest.raises(zc.zk.FailedConnect):
        client.start(timeout=0.1)

    proxy.accept()
    client.start(stretched(SOON))

    assert client.connected
    client.stop()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_k02_a_time_out_that_cannot_be_is_a_value_error(timeout: float) -> None:
    with pytest.raises(ValueError, match="the start time-out"):
        Client("host:1").start(timeout)


def test_k02_a_chroot_that_is_missing_is_warned_of(
    server: AnyServer, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    with Client(f"{server.address}{chroot}/missing") as client:
        wait_until(lambda: MISSING in caplog.text, SOON)
        assert f"the chroot {chroot}/missing" in caplog.text
        assert [record.name for record in caplog.records] == ["ZooKeeper"]
        with pytest.raises(zc.zk.NoNodeError):
            client.create("/a")
        client.ensure_path("/")
        assert client.create("/a") == "/a"


def test_k02_a_chroot_that_is_there_is_not(
    server: AnyServer, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(server.address + chroot), Client(server.address):
        pass

    assert MISSING not in caplog.text


@pytest.mark.slow
def test_k02_looking_for_the_chroot_holds_starting_up_for_a_second_at_most(
    proxy: FaultProxy, chroot: str
) -> None:
    proxy.rewrite(lambda frame: frame.direction == "to_client" and frame.opcode == 3, lambda _: [])
    begun = time.monotonic()

    with Client(proxy.address + chroot) as client:
        assert client.connected
        assert time.monotonic() - begun < stretched(2.0)


# --- K03


def test_k03_starting_without_waiting_gives_an_event_to_wait_for(server: AnyServer) -> None:
    client = Client(server.address)

    event = client.start_async()

    assert event.wait(timeout=stretched(SOON)) is True
    assert event.is_set()
    assert client.connected
    client.stop()
    assert not event.is_set()
    assert not client.connected


@pytest.mark.slow
def test_k03_the_event_is_not_set_where_no_server_is(proxy: FaultProxy) -> None:
    proxy.turn_away()
    client = Client(proxy.address)

    event = client.start_async()

    assert event.wait(0.2) is False
    assert not client.connected
    proxy.accept()
    assert event.wait(stretched(SOON))
    assert client.connected
    client.stop()


def test_k03_the_event_is_cleared_and_set_with_the_connection(
    proxy: FaultProxy, proxied: Client
) -> None:
    event = proxied.start_async()
    assert event.is_set()

    proxy.refuse()
    proxy.cut()
    wait_until(lambda: not event.is_set(), SOON)
    proxy.accept()

    assert event.wait(stretched(SOON))


def test_k03_waiting_ends_when_the_client_is_stopped(proxy: FaultProxy) -> None:
    """kazoo's event is never set then, and waiting for it goes on."""
    proxy.turn_away()
    client = Client(proxy.address)
    event = client.start_async()
    told: list[bool] = []
    waiter = threading.Thread(target=lambda: told.append(event.wait()))
    waiter.start()
    assert remains(lambda: not told, A_MOMENT)

    client.stop()

    waiter.join(stretched(SOON))
    assert told == [False]


# --- K04


def test_k04_stopping_ends_the_session_and_its_ephemeral_nodes(
    proxied: Client, other: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a", ephemeral=True)

    proxied.stop()

    assert other.exists("/a") is None
    assert (proxied.state, proxied.client_id) == ("LOST", None)
    with pytest.raises(zc.zk.ConnectionClosedError):
        proxied.get("/")


def test_k04_the_sockets_are_free_after_stopping_and_closing_is_no_more_work(
    proxied: Client, proxy: FaultProxy
) -> None:
    """In kazoo it takes `close` after `stop` to free them; here the two are one, any number of times."""
    assert proxy.connections == 1

    proxied.stop()

    wait_until(lambda: proxy.connections == 0, SOON)
    proxied.close()
    proxied.stop()
    assert proxied.client_state == "CLOSED"


def test_k04_closing_alone_does_as_well(client: Client, other: Client) -> None:
    client.create("/a", ephemeral=True)

    client.close()

    assert other.exists("/a") is None


def test_k04_restarting_begins_another_session(client: Client, other: Client) -> None:
    before = session_id(client)
    client.create("/a", ephemeral=True)

    client.restart()

    assert client.connected
    assert session_id(client) != before
    assert other.exists("/a") is None


def test_k04_a_stopped_client_can_be_started_again(client: Client) -> None:
    client.stop()

    client.start()

    assert client.create("/a") == "/a"


# --- K05


@pytest.mark.slow
def test_k05_a_lost_connection_is_made_again_and_the_session_goes_on(
    proxied: Client, proxy: FaultProxy
) -> None:
    session = session_id(proxied)
    proxied.create("/a", ephemeral=True)

    for _ in range(3):
        proxy.cut()
        wait_until(lambda: proxied.state == "SUSPENDED" or len(proxy.attempts) > 1, SOON)
        assert proxied.exists("/a") is not None

    assert session_id(proxied) == session


@pytest.mark.slow
def test_k05_an_expired_session_is_replaced_and_the_client_goes_on(
    client: Client, server: AnyServer
) -> None:
    session = session_id(client)
    client.create("/a", ephemeral=True)

    lose_session(client, server)

    assert session_id(client) != session
    assert client.exists("/a") is None
    assert client.create("/a", ephemeral=True) == "/a"


@pytest.mark.slow
def test_k05_an_outage_is_waited_for(proxied: Client, proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: proxied.state == "SUSPENDED", SOON)
    pending = proxied.get_async("/")
    assert not pending.ready

    proxy.accept()

    assert pending.get(stretched(SOON))[0] is not None
