"""How a registry stands with its client, through both faces."""

import pytest

from tests.faces import registry_of
from tests.proxy import FaultProxy
from tests.waiting import wait_until
from zc.zk import ConnectionClosedError, KeeperState, ZooKeeper

SOON = 20.0


def test_an_open_registry_has_its_client_and_that_ones_state(zk: ZooKeeper) -> None:
    assert zk.handle is not None
    assert zk.client.connected
    assert zk.state is KeeperState.CONNECTED
    assert zk.connected.is_set()
    assert "CONNECTED" in repr(zk)
    assert zk.zkaddr in repr(zk)


def test_a_closed_registry_has_none(zk: ZooKeeper) -> None:
    children = zk.children("/service")
    assert zk.watches == {children.path}

    zk.close()

    assert zk.handle is None
    assert zk.state is KeeperState.CONNECTING
    assert zk.watches == set()
    assert not zk.connected.is_set()
    assert repr(zk).endswith(" closed>")
    with pytest.raises(ConnectionClosedError):
        _ = zk.client


def test_the_event_follows_the_connection(face: str, zk: ZooKeeper, proxy: FaultProxy) -> None:
    chroot = zk.client.chroot
    with registry_of(face, proxy.address + chroot) as behind:
        assert behind.connected.is_set()
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not behind.connected.is_set(), SOON)
        proxy.heal()
        wait_until(behind.connected.is_set, SOON)
