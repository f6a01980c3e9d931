"""R13: where no server accepts the session any more, a new one is begun; what cannot be mended ends at once."""

import logging
from collections.abc import Callable
from time import monotonic

import pytest

from tests import wire
from tests.bareclient import create_node
from tests.frames import Kind
from tests.promises.outsider import Outsider
from tests.promises.told import States, View
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched, wait_until
from zc.zk import AuthFailedError, Client, KeeperState, State, ZooKeeper

pytestmark = pytest.mark.slow

TIMEOUT = 2.0  # seconds
ATTEMPT = 0.5  # seconds, in which the decision becomes a session
LOST = [State.SUSPENDED, State.LOST, State.CONNECTED]
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


def sessions_asked_for(proxy: FaultProxy) -> list[wire.ConnectRequest]:
    return [
        wire.parse_connect_request(frame.payload)
        for frame in proxy.frames
        if frame.kind is Kind.CONNECT_REQUEST
    ]


def test_r13_a_server_that_lost_its_data_gets_a_new_session_and_the_registrations(
    own_real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(own_real_server.port)
    for number in range(20):
        create_node(own_real_server.port, f"/{number}")  # so that the server falls far behind
    outsider = Outsider(own_real_server.port, "")
    outsider.create("/servers")
    with ZooKeeper(proxy.address, session_timeout=TIMEOUT) as zk:
        states = States(zk.client)
        earlier = zk.client.client_id
        registered = zk.register("/servers", "127.0.0.1:80", mine=True)
        servers = View(zk.children("/servers"))
        own_real_server.kill()
        killed_at = monotonic()
        own_real_server.wipe()
        own_real_server.start()
        served_at = monotonic()
        create_node(own_real_server.port, "/servers")
        connected_at = states.wait_for(*LOST, bound=3 * TIMEOUT)

        lost_at = max(killed_at + TIMEOUT, served_at)
        assert connected_at - lost_at <= stretched(TIMEOUT + ATTEMPT)
        wait_until(lambda: registered.is_held and servers.shows(["127.0.0.1:80"]), 1)
        assert zk.client.client_id is not None
        assert zk.client.client_id != earlier
        assert outsider.owner(registered.path) == zk.client.client_id[0]
        last_asked = sessions_asked_for(proxy)[-1]
        assert (last_asked.session_id, last_asked.last_zxid) == (0, 0)
        assert states.values == LOST


def test_r13_servers_whose_zxid_went_back_get_a_new_session(
    real_server: RealServer,
    own_real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    proxy = proxy_to(real_server.port)
    for _ in range(20):
        fresh_chroot(real_server)
    create_node(own_real_server.port, "/node", b'{"behind": 1}')
    Outsider(real_server.port, "").create("/node", {"ahead": 1})
    with ZooKeeper(proxy.address, session_timeout=TIMEOUT) as zk:
        states = States(zk.client)
        properties = View(zk.properties("/node"))
        proxy.target_port = own_real_server.port
        proxy.cut()
        began_at = monotonic()
        connected_at = states.wait_for(*LOST, bound=3 * TIMEOUT)

        assert connected_at - began_at <= stretched(2 * TIMEOUT + ATTEMPT)
        properties.wait_for({"behind": 1}, 1)
        assert sessions_asked_for(proxy)[-1].last_zxid == 0
    Outsider(real_server.port, "").delete("/node")


def test_r13_a_session_is_not_given_up_while_it_can_still_be_alive(
    real_server: RealServer,
    own_real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    proxy = proxy_to(real_server.port)
    for _ in range(20):
        fresh_chroot(real_server)
    with Client(proxy.address, 3) as client:
        client.get("/")
        states = States(client)
        identity = client.client_id
        proxy.target_port = own_real_server.port  # a server that is behind
        proxy.cut()
        assert remains(lambda: State.CONNECTED not in states.values, 1.5)
        proxy.target_port = real_server.port
        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=3)

        assert client.client_id == identity


def test_r13_a_refused_identity_ends_the_client_and_is_told(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(real_server.port)
    with Client(proxy.address, TIMEOUT) as client:
        states = States(client)
        with pytest.raises(AuthFailedError):
            client.add_auth("no-such-scheme", "secret")

        wait_until(lambda: states.values == [State.LOST], 1)
        assert client.client_state is KeeperState.AUTH_FAILED
        with pytest.raises(AuthFailedError):
            client.get("/")
        attempts = len(proxy.attempts)
        assert remains(lambda: len(proxy.attempts) == attempts, 0.5)


def test_r13_an_identity_that_is_refused_at_the_start_is_told_by_the_start(
    real_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(real_server.address, auth_data=[("no-such-scheme", "secret")])
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthFailedError):
        client.start()

    assert not client.connected
    assert "secret" not in caplog.text
