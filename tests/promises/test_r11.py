"""R11: a registration leaves one node at the most, whatever reply is lost, and none when it is over."""

import contextlib
from collections.abc import Callable
from time import monotonic

import pytest

from tests.frames import Selector, reply_to, request
from tests.promises.outsider import Outsider
from tests.promises.told import States
from tests.proxy import FaultProxy, When
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode
from zc.zk import ConnectionLoss, OperationTimeoutError, State, UsageError, ZooKeeper

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds
NODE = "/servers/127.0.0.1:80"
WAYS: list[tuple[When, bool]] = [
    ("before", False),
    ("before", True),
    ("after", False),
    ("after", True),
]
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


def servers_below(server: RealServer, chroot: str) -> Outsider:
    outsider = Outsider(server.port, chroot)
    outsider.create("/servers")
    return outsider


@pytest.mark.parametrize("selector", [request, reply_to], ids=["request", "reply"])
@pytest.mark.parametrize(("when", "rst"), WAYS)
def test_r11_registering_makes_one_node_whatever_is_lost_of_the_create(
    selector: Callable[[int], Selector],
    when: When,
    rst: bool,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        states = States(zk.client)
        rule = proxy.cut_on(selector(Opcode.CREATE), when, rst=rst, times=3)
        registered = zk.register("/servers", "127.0.0.1:80")

        assert rule.fired
        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)
        assert zk.client.client_id is not None
        assert outsider.children("/servers") == ["127.0.0.1:80"]
        assert outsider.owner(NODE) == zk.client.client_id[0]
        assert remains(lambda: registered.is_held, 0.1)
    assert outsider.children("/servers") == []


def test_r11_each_of_many_registrations_under_cuts_is_one_node(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        lost = 0

        def every_third(frame: object) -> bool:
            nonlocal lost
            is_reply = reply_to(Opcode.CREATE)(frame)  # type: ignore[arg-type]  # a Frame
            lost += is_reply
            return is_reply and lost % 3 == 0

        proxy.cut_on(every_third, "before", times=None)
        registered = [zk.register("/servers", f"127.0.0.1:{n + 1}") for n in range(30)]

        assert outsider.children("/servers") == sorted(each.address for each in registered)
        proxy.heal()
    assert outsider.children("/servers") == []


@pytest.mark.parametrize("opcode", [Opcode.GET_DATA, Opcode.DELETE])
@pytest.mark.parametrize("selector", [request, reply_to], ids=["request", "reply"])
@pytest.mark.parametrize(("when", "rst"), WAYS)
def test_r11_a_withdrawal_that_is_cut_midway_leaves_no_node(
    opcode: Opcode,
    selector: Callable[[int], Selector],
    when: When,
    rst: bool,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        registered = zk.register("/servers", "127.0.0.1:80")
        wait_until(lambda: registered.is_held, BOUND)
        rule = proxy.cut_on(selector(opcode), when, rst=rst)
        registered.withdraw()

        assert rule.fired
        assert outsider.children("/servers") == []
        assert not registered.is_held
        assert remains(lambda: outsider.children("/servers") == [], 0.05)


def test_r11_a_withdrawal_that_fails_is_done_as_soon_as_a_server_is_there(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=10) as zk:
        zk.client.operation_timeout = 0.3
        states = States(zk.client)
        registered = zk.register("/servers", "127.0.0.1:80")
        proxy.refuse()
        proxy.cut()
        with pytest.raises(OperationTimeoutError):
            registered.withdraw()
        assert outsider.children("/servers") == ["127.0.0.1:80"]
        proxy.accept()
        connected_at = states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)

        wait_until(lambda: outsider.children("/servers") == [], 5)
        assert monotonic() - connected_at <= stretched(BOUND)


def test_r11_a_registration_that_fails_leaves_no_node(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=10) as zk:
        zk.client.operation_timeout = 0.3
        states = States(zk.client)

        def chosen(frame: object) -> bool:
            is_chosen = reply_to(Opcode.CREATE)(frame)  # type: ignore[arg-type]  # a Frame
            if is_chosen:
                proxy.refuse()
            return is_chosen

        proxy.cut_on(chosen, "before")
        with pytest.raises(OperationTimeoutError):
            zk.register("/servers", "127.0.0.1:80", wait_for_name=0)
        assert outsider.children("/servers") == ["127.0.0.1:80"]
        proxy.accept()
        connected_at = states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)

        wait_until(lambda: outsider.children("/servers") == [], 5)
        assert monotonic() - connected_at <= stretched(BOUND)
        zk.client.operation_timeout = 5
        assert zk.register("/servers", "127.0.0.1:80").is_held
        assert remains(lambda: outsider.children("/servers") == ["127.0.0.1:80"], 0.2)


def test_r11_a_name_can_be_registered_again_while_its_withdrawal_is_still_to_be_done(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=10) as zk:
        registered = zk.register("/servers", "127.0.0.1:80", life=1)
        zk.client.operation_timeout = 0.3
        proxy.refuse()
        proxy.cut()
        with pytest.raises(OperationTimeoutError):
            registered.withdraw()
        zk.client.operation_timeout = 5
        proxy.accept()
        again = zk.register("/servers", "127.0.0.1:80", life=2)

        assert again.is_held
        assert outsider.properties(NODE)["life"] == 2
        assert remains(lambda: outsider.properties(NODE)["life"] == 2, 0.3)


def test_r11_what_was_withdrawn_has_no_power_over_a_later_registration_of_the_name(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        earlier = zk.register("/servers", "127.0.0.1:80", life=1)
        earlier.withdraw()
        later = zk.register("/servers", "127.0.0.1:80", life=2)
        with pytest.raises(UsageError):
            earlier.update(life=1)
        earlier.withdraw()

        assert later.is_held
        assert outsider.properties(NODE)["life"] == 2


@pytest.mark.parametrize(("when", "rst"), WAYS)
def test_r11_closing_leaves_no_node_although_the_connection_ends_with_it(
    when: When,
    rst: bool,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    zk = ZooKeeper(proxy.address + chroot, session_timeout=1)
    zk.register("/servers", "127.0.0.1:80")
    proxy.cut_on(request(Opcode.CLOSE_SESSION), when, rst=rst)
    zk.close()

    wait_until(lambda: outsider.children("/servers") == [], 1 + 0.4 + BOUND)


def test_r11_a_plain_create_that_lost_its_reply_is_told_as_unknown_and_not_made_twice(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = servers_below(real_server, chroot)
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        proxy.cut_on(reply_to(Opcode.CREATE), "before", times=None)
        for _ in range(10):
            with contextlib.suppress(ConnectionLoss):
                zk.client.create("/servers/n-", sequence=True)
                pytest.fail("no reply was let through")
        proxy.heal()

        assert len(outsider.children("/servers")) == 10
