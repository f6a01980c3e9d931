"""R7: a node that goes is reported, and followed again when it comes back."""

from collections.abc import Callable

import pytest

from tests.promises.outsider import Outsider, expire
from tests.promises.told import States, View
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import State, ZooKeeper

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]
Away = Callable[[RealServer, FaultProxy, ZooKeeper], None]


def test_r7_a_deleted_node_is_reported_and_followed_again_when_it_comes_back(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 1})
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        children, properties = View(zk.children("/node")), View(zk.properties("/node"))
        for life in range(2, 12):
            outsider.delete("/node")
            children.wait_for(None, BOUND)
            properties.wait_for(None, BOUND)
            assert (len(children.live), len(properties.live)) == (0, 0)

            outsider.create("/node", {"n": life})
            children.wait_for([], BOUND)
            properties.wait_for({"n": life}, BOUND)

        outsider.create("/node/child")
        outsider.set("/node", n=99)
        children.wait_for(["child"], BOUND)
        properties.wait_for({"n": 99}, BOUND)


def lose_connection(server: RealServer, proxy: FaultProxy, zk: ZooKeeper) -> None:
    """Only be cut off."""


def lose_session(server: RealServer, proxy: FaultProxy, zk: ZooKeeper) -> None:
    expire(server.port, zk.client.client_id)


@pytest.mark.parametrize("away", [lose_connection, lose_session])
@pytest.mark.parametrize("returns", [False, True], ids=["gone", "made anew"])
def test_r7_what_became_of_a_node_while_we_were_away_is_reported_and_followed(
    away: Away,
    returns: bool,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 1})
    outsider.create("/node/old")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        states = States(zk.client)
        children, properties = View(zk.children("/node")), View(zk.properties("/node"))
        proxy.refuse()
        proxy.cut()
        away(real_server, proxy, zk)
        outsider.delete("/node/old")
        outsider.delete("/node")
        if returns:
            outsider.create("/node", {"n": 2})
            outsider.create("/node/new")
        wait_until(lambda: states.values == [State.SUSPENDED], 5)
        proxy.accept()
        states.wait_for(State.CONNECTED, bound=5)

        children.wait_for(["new"] if returns else None, BOUND)
        properties.wait_for({"n": 2} if returns else None, BOUND)
        if not returns:
            outsider.create("/node", {"n": 2})
            properties.wait_for({"n": 2}, BOUND)
            outsider.create("/node/new")
        outsider.create("/node/newer")
        outsider.set("/node", n=3)
        children.wait_for(["new", "newer"], BOUND)
        properties.wait_for({"n": 3}, BOUND)


@pytest.mark.parametrize("away", [lose_connection, lose_session])
def test_r7_a_node_that_was_gone_before_and_comes_back_while_we_are_away_is_followed(
    away: Away, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 1})
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        states = States(zk.client)
        children, properties = View(zk.children("/node")), View(zk.properties("/node"))
        outsider.delete("/node")
        children.wait_for(None, BOUND)
        properties.wait_for(None, BOUND)
        proxy.refuse()
        proxy.cut()
        away(real_server, proxy, zk)
        outsider.create("/node", {"n": 2})
        proxy.accept()
        states.wait_for(State.CONNECTED, bound=5)

        children.wait_for([], BOUND)
        properties.wait_for({"n": 2}, BOUND)
        outsider.create("/node/child")
        children.wait_for(["child"], BOUND)


def test_r7_watch_functions_follow_a_node_that_goes_and_comes(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 1})
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        data: list[bytes | None] = []
        children: list[list[str]] = []
        zk.client.DataWatch("/node", lambda found, stat: data.append(found))
        zk.client.ChildrenWatch("/node", children.append)
        outsider.delete("/node")
        wait_until(lambda: data[-1] is None and len(children) == 2, BOUND)
        outsider.create("/node", {"n": 2})
        wait_until(lambda: data[-1] is not None and len(children) == 3, BOUND)
        outsider.create("/node/child")
        wait_until(lambda: children[-1] == ["child"], BOUND)

    assert data == [b'{"n": 1}', None, b'{"n": 2}']
    assert children == [[], [], [], ["child"]]
