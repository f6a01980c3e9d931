"""R10: a name that somebody else still holds is waited for, and is ours in the end."""

import logging
from collections.abc import Callable
from time import monotonic

import pytest

from tests.promises.outsider import Outsider, expire
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched, wait_until
from zc.zk import NodeExistsError, State, ZooKeeper

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds
TICK = 0.2  # seconds by which an expiry may be late
NODE = "/servers/127.0.0.1:80"
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


def servers_below(server: RealServer, chroot: str) -> Outsider:
    outsider = Outsider(server.port, chroot)
    outsider.create("/servers")
    return outsider


def session_of(zk: ZooKeeper) -> int:
    identity = zk.client.client_id
    assert identity is not None
    return identity[0]


def test_r10_register_waits_until_the_node_of_a_crashed_predecessor_goes(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(real_server.address + chroot, session_timeout=2) as zk:
        outsider.session_with(NODE, timeout=1).drop()
        crashed_at = monotonic()
        registered = zk.register("/servers", "127.0.0.1:80", new=True)
        took = monotonic() - crashed_at

        assert took <= stretched(1 + 2 * TICK + BOUND)
        assert outsider.owner(NODE) == session_of(zk)
        assert outsider.properties(NODE)["new"] is True
        assert remains(lambda: registered.is_held and outsider.owner(NODE) == session_of(zk), 1.5)


def test_r10_register_says_at_once_who_holds_the_name_when_it_shall_not_wait(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = servers_below(real_server, chroot)
    with (
        outsider.session_with(NODE, timeout=10) as holder,
        ZooKeeper(real_server.address + chroot, session_timeout=2) as zk,
    ):
        asked_at = monotonic()
        with pytest.raises(NodeExistsError) as caught:
            zk.register("/servers", "127.0.0.1:80", wait_for_name=0)

        assert monotonic() - asked_at <= stretched(BOUND)
        assert f"{holder.session.session_id:#x}" in str(caught.value)
        holder.end()
        assert zk.register("/servers", "127.0.0.1:80", wait_for_name=0).is_held


def test_r10_register_gives_up_a_name_that_is_kept_after_the_time_it_was_given(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = servers_below(real_server, chroot)
    with (
        outsider.session_with(NODE, timeout=10) as holder,
        ZooKeeper(real_server.address + chroot, session_timeout=2) as zk,
    ):
        asked_at = monotonic()
        with pytest.raises(NodeExistsError):
            zk.register("/servers", "127.0.0.1:80", wait_for_name=0.5)

        assert 0.5 <= monotonic() - asked_at <= stretched(0.5 + BOUND)
        assert outsider.owner(NODE) == holder.session.session_id
        holder.end()
        assert remains(lambda: outsider.owner(NODE) is None, 0.2)


def test_r10_a_name_that_another_took_while_we_had_no_session_is_ours_when_it_goes(
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=2) as zk:
        states = States(zk.client)
        registered = zk.register("/servers", "127.0.0.1:80", mine=True)
        proxy.refuse()
        expire(real_server.port, zk.client.client_id)
        with (
            caplog.at_level(logging.WARNING, "zc.zk"),
            outsider.session_with(NODE, timeout=10) as other,
        ):
            proxy.accept()
            states.wait_for(State.SUSPENDED, State.LOST, State.CONNECTED, bound=5)
            wait_until(lambda: not registered.is_held, BOUND)
            assert remains(lambda: outsider.owner(NODE) == other.session.session_id, 0.5)
            other.end()
            ended_at = monotonic()

        wait_until(lambda: outsider.owner(NODE) == session_of(zk), 5)
        assert monotonic() - ended_at <= stretched(BOUND)
        wait_until(lambda: registered.is_held, BOUND)
        assert outsider.properties(NODE)["mine"] is True
        [told] = [record for record in caplog.records if NODE in record.getMessage()]
        assert f"{other.session.session_id:#x}" in told.getMessage()


def test_r10_a_node_left_by_an_earlier_session_of_ours_that_still_lives_is_taken_over(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=20) as zk:
        registered = zk.register("/servers", "127.0.0.1:80", mine=True)
        earlier = session_of(zk)
        proxy.black_hole()
        zk.client.stop()
        assert outsider.owner(NODE) == earlier
        proxy.heal()
        zk.client.start()
        started_at = monotonic()

        wait_until(lambda: outsider.owner(NODE) == session_of(zk) != earlier, 5)
        assert monotonic() - started_at <= stretched(BOUND)
        wait_until(lambda: registered.is_held, BOUND)
        assert outsider.properties(NODE)["mine"] is True


def test_r10_a_node_that_is_ours_still_is_left_alone(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        states = States(zk.client)
        registered = zk.register("/servers", "127.0.0.1:80")
        stat = zk.exists(registered.path)
        for _ in range(3):
            proxy.cut(rst=True)
            states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)
            states.calls.clear()

        assert remains(lambda: zk.exists(registered.path) == stat, 0.3)
