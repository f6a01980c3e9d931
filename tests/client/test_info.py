"""`Client.info`: what a client says of itself, on both servers."""

from collections.abc import Iterator

import pytest

from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Client, KeeperState, State, Vitals

SOON = 20.0


@pytest.fixture
def behind(proxy: FaultProxy, chroot: str) -> Iterator[Client]:
    """A started client behind `proxy`."""
    with Client(proxy.address + chroot, timeout=6.0) as client:
        yield client


def test_it_names_the_server_and_the_session(behind: Client, proxy: FaultProxy) -> None:
    info = behind.info

    assert isinstance(info, Vitals)
    assert (info.server, info.peer) == (proxy.address, proxy.address)
    assert (info.state, info.client_state) == (State.CONNECTED, KeeperState.CONNECTED)
    assert behind.client_id is not None
    assert info.session_id == behind.client_id[0]
    assert (info.timeout, info.requested_timeout) == (behind.session_timeout, 6.0)
    assert info.last_zxid == behind.last_zxid
    assert info.is_healthy


def test_the_configured_name_is_told_from_the_network_address(server: AnyServer) -> None:
    with Client(f"localhost:{server.port}") as client:
        info = client.info

    assert info.server == f"localhost:{server.port}"
    assert info.peer in (f"127.0.0.1:{server.port}", f"[::1]:{server.port}")


def test_it_counts_watches_and_live_objects(behind: Client) -> None:
    behind.create("/a")
    behind.get("/a", watch=print)
    watch = behind.DataWatch("/a", lambda data, stat: None)
    kept = behind.info
    behind.set("/a", b"1")
    wait_until(lambda: behind.info.watch_events == 1, SOON)

    assert (kept.watches, kept.live_objects) == (1, 1)
    assert behind.info.connects == 1
    assert watch.path == "/a"


def test_it_counts_what_waits_for_a_server(behind: Client, proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: behind.state is State.SUSPENDED, SOON)
    results = [behind.get_async("/") for _ in range(5)]
    waiting = behind.info
    proxy.accept()
    for result in results:
        result.get(SOON)

    assert (waiting.waiting, waiting.in_flight) == (5, 0)
    assert (waiting.server, waiting.peer, waiting.connected_for) == ("", "", None)
    assert (behind.info.waiting, behind.info.reconnects) == (0, 1)


def test_what_servers_showed_is_remembered(behind: Client) -> None:
    before = behind.info.supported

    behind.create("/a", include_data=True)

    assert "Create2" not in before
    assert "Create2" in behind.info.supported


def test_it_can_be_had_before_the_start_and_after_the_end(server: AnyServer) -> None:
    client = Client(server.address)
    before = client.info
    client.start()
    client.stop()

    assert before.state is client.info.state is State.LOST
    assert client.info.client_state is KeeperState.CLOSED
    assert client.info.server == ""
