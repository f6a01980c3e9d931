"""What a lost server, connection or session leaves behind is right within a second of reconnecting, every time."""

from collections.abc import Callable
from time import monotonic

import pytest

from tests.promises.outsider import Outsider, expire
from tests.promises.told import States, View
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from zc.zk import State, ZooKeeper

pytestmark = pytest.mark.slow

TIMES = 10
BOUND = 1.0  # seconds of reconnecting
RECONNECTED = (State.SUSPENDED, State.CONNECTED)
NEW_SESSION = (State.SUSPENDED, State.LOST, State.CONNECTED)
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


class Registry:
    """Children, properties and a registration of one client; others change the first two."""

    def __init__(self, server: RealServer, address: str, chroot: str) -> None:
        self.outsider = Outsider(server.port, chroot)
        self.outsider.create("/servers")
        self.outsider.create("/settings", {"round": 0})
        self.zk = ZooKeeper(address + chroot, session_timeout=6)
        self.states = States(self.zk.client)
        self.registered = self.zk.register("/servers", "127.0.0.1:80", kind="ours")
        self.children = View(self.zk.children("/servers"))
        self.properties = View(self.zk.properties("/settings"))

    def change(self, number: int) -> None:
        """Change everything, as somebody else."""
        self.outsider.create(f"/servers/127.0.0.2:{number}")
        self.outsider.set("/settings", round=number)

    def check(self, number: int, *expected: State) -> None:
        """Fail unless all is right within the bound of the last of these states."""
        connected_at = self.states.wait_for(*expected, bound=8)
        others = [f"127.0.0.2:{n}" for n in range(1, number + 1)]
        wait_until(self._is_registered, 5, "the registration")
        self.children.wait_for(sorted(["127.0.0.1:80", *others]), 5)
        self.properties.wait_for({"round": number}, 5)
        assert monotonic() - connected_at <= stretched(BOUND)
        assert self.states.values == list(expected)
        self.states.calls.clear()

    def _is_registered(self) -> bool:
        identity = self.zk.client.client_id
        path = self.registered.path
        return (
            identity is not None
            and self.outsider.owner(path) == identity[0]
            and self.outsider.properties(path)["kind"] == "ours"
        )


def test_r1_r9_all_is_right_after_the_server_was_killed_and_started_ten_times_in_a_row(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    registry = Registry(real_server, real_server.address, fresh_chroot(real_server))
    with registry.zk:
        for number in range(1, TIMES + 1):
            real_server.kill()
            real_server.start()
            registry.change(number)
            registry.check(number, *RECONNECTED)


def test_r1_r9_all_is_right_after_the_connection_was_cut_ten_times_in_a_row(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    proxy = proxy_to(real_server.port)
    registry = Registry(real_server, proxy.address, fresh_chroot(real_server))
    with registry.zk:
        for number in range(1, TIMES + 1):
            proxy.refuse()
            proxy.cut(rst=number % 2 == 0)
            registry.change(number)
            proxy.accept()
            registry.check(number, *RECONNECTED)


def test_r1_r9_all_is_right_after_the_session_was_closed_from_outside_ten_times_in_a_row(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    proxy = proxy_to(real_server.port)
    registry = Registry(real_server, proxy.address, fresh_chroot(real_server))
    with registry.zk:
        for number in range(1, TIMES + 1):
            proxy.refuse()
            expire(real_server.port, registry.zk.client.client_id)
            registry.change(number)
            proxy.accept()
            registry.check(number, *NEW_SESSION)
