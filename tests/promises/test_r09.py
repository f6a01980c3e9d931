"""R9: a registration is a standing intent; it is back, as it last was, soon after a lost session."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.frames import Kind, Selector, of_kind, reply_to, request
from tests.promises.outsider import Outsider, expire
from tests.promises.told import States, View
from tests.promises.weather import ROUNDS, ROUNDS_AT_ONCE, Weather
from tests.proxy import FaultProxy, When
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode
from zc.zk import ACL, Id, Permissions, RegisteredServer, State, ZooKeeper, world_permission

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds of CONNECTED, in the promise
LOST = [State.SUSPENDED, State.LOST, State.CONNECTED]
ACLS = (world_permission(Permissions.READ), ACL(Permissions.ALL, Id("ip", "127.0.0.1")))
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


class Scene:
    """Some registrations of one client, through a network that can fail."""

    def __init__(
        self, server: RealServer, proxy: FaultProxy, chroot: str, count: int, timeout: float
    ) -> None:
        self.server = server
        self.proxy = proxy
        self.outsider = Outsider(server.port, chroot)
        self.outsider.create("/servers")
        self.zk = ZooKeeper(proxy.address + chroot, session_timeout=timeout)
        self.states = States(self.zk.client)
        self.registered: list[RegisteredServer] = [
            self.zk.register("/servers", f"127.0.0.1:{n + 1}", ACLS, number=n) for n in range(count)
        ]
        for number, each in enumerate(self.registered):
            each.update(latest=number)
        self.observer = ZooKeeper(server.address + chroot, session_timeout=10)
        self.observed = View(self.observer.children("/servers"))

    def lose_session(self) -> None:
        expire(self.server.port, self.zk.client.client_id)

    def is_back(self, number: int) -> bool:
        """Whether the node is there, ours, and as it was last."""
        path = self.registered[number].path
        identity = self.zk.client.client_id
        if identity is None or self.outsider.owner(path) != identity[0]:
            return False
        properties = self.outsider.properties(path)
        assert properties["number"] == properties["latest"] == number
        assert set(self.outsider.acl(path)) == {(each.perms, *each.id) for each in ACLS}
        return True

    def wait_until_back(self, bound: float) -> None:
        for number, each in enumerate(self.registered):
            wait_until(lambda n=number: self.is_back(n), bound, repr(each))  # type: ignore[misc]

    def check_restoration(self, healed_at: float = 0.0) -> None:
        """Fail unless all are back within the bound of CONNECTED, or of the end of the last fault."""
        connected_at = healed_at
        if self.states.calls:
            connected_at = max(healed_at, self.states.wait_for(State.CONNECTED, bound=8))
        self.wait_until_back(bound=5)
        observed_at = self.observed.wait_for(sorted(each.address for each in self.registered), 1)
        assert observed_at - connected_at <= stretched(BOUND)
        wait_until(lambda: all(each.is_held for each in self.registered), BOUND)


@contextlib.contextmanager
def scene_of(
    count: int,
    server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
    timeout: float = 4.0,
) -> Iterator[Scene]:
    scene = Scene(server, proxy_to(server.port), fresh_chroot(server), count, timeout)
    with scene.observer, scene.zk:
        yield scene
        scene.proxy.heal()


@pytest.mark.parametrize("count", [1, 20, 60])
def test_r9_registrations_are_back_with_latest_data_and_acl_within_a_second_of_a_new_session(
    count: int, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(count, real_server, proxy_to, fresh_chroot) as scene:
        scene.lose_session()
        scene.states.wait_for(State.LOST, State.CONNECTED, bound=5)

        scene.check_restoration()
        assert scene.states.values == LOST


@dataclass(frozen=True)
class Cut:
    """Where each of some connections in a row ends, while the registration is being restored."""

    name: str
    selector: Selector
    when: When
    rst: bool

    def __str__(self) -> str:
        return f"{'RST' if self.rst else 'FIN'} {self.when} {self.name}"


CUTS = [
    Cut(name, selector, when, rst)
    for name, selector in (
        ("connect request", of_kind(Kind.CONNECT_REQUEST)),
        ("connect response", of_kind(Kind.CONNECT_RESPONSE)),
        ("GET_DATA request", request(Opcode.GET_DATA)),
        ("GET_DATA reply", reply_to(Opcode.GET_DATA)),
        ("CREATE request", request(Opcode.CREATE)),
        ("CREATE reply", reply_to(Opcode.CREATE)),
    )
    for when in ("before", "after")
    for rst in (False, True)
]


@pytest.mark.parametrize("in_a_row", [1, 3])
def test_r9_a_registration_is_back_although_its_restoration_was_cut_at_each_frame(
    in_a_row: int, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with contextlib.ExitStack() as stack:
        scenes = [
            stack.enter_context(scene_of(1, real_server, proxy_to, fresh_chroot)) for _ in CUTS
        ]
        rules = []
        for cut, scene in zip(CUTS, scenes, strict=True):
            rules.append(scene.proxy.cut_on(cut.selector, cut.when, rst=cut.rst, times=in_a_row))
            scene.lose_session()
        wrong = []
        for cut, scene, rule in zip(CUTS, scenes, rules, strict=True):
            try:
                wait_until(lambda r=rule: r.fired, 15)  # type: ignore[misc]
                wait_until(lambda s=scene: s.is_back(0), 15)  # type: ignore[misc]
                scene.check_restoration()
            except AssertionError as error:
                wrong.append(f"{cut}: {error}")

        assert wrong == []
        for cut, rule in zip(CUTS, rules, strict=True):  # what got through is not sent again
            assert rule.fired == in_a_row or not cut.name.startswith("connect")


def test_r9_registrations_outlive_ten_sessions_in_a_row(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(5, real_server, proxy_to, fresh_chroot) as scene:
        for _ in range(10):
            scene.lose_session()
            scene.states.wait_for(*LOST, bound=5)
            scene.check_restoration()
            scene.states.calls.clear()


def test_r9_a_session_that_is_lost_while_registrations_are_restored_does_not_lose_them(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(20, real_server, proxy_to, fresh_chroot) as scene:
        scene.proxy.delay(0.01)  # so that the next session ends in the middle of it
        for _ in range(5):
            created = len([f for f in scene.proxy.frames if f.opcode == Opcode.CREATE])
            scene.lose_session()
            wait_until(
                lambda c=created: (
                    len([f for f in scene.proxy.frames if f.opcode == Opcode.CREATE]) > c
                ),  # type: ignore[misc]
                5,
            )
        scene.lose_session()
        scene.proxy.heal()
        wait_until(lambda: all(map(scene.is_back, range(20))), 5)

        scene.check_restoration()


def test_r9_registrations_are_back_and_not_doubled_after_random_faults(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    def outcome(seed: int) -> str | None:
        with scene_of(2, real_server, proxy_to, fresh_chroot, timeout=1) as scene:
            changes = itertools.count(1)
            scene.outsider.create("/other")
            Weather(
                scene.zk.client,
                scene.proxy,
                lambda: scene.outsider.set("/other", n=next(changes)),
                seed,
            ).rage()
            healed_at = monotonic()
            try:
                wait_until(lambda: scene.zk.client.connected, 8)
                scene.check_restoration(healed_at)
            except AssertionError as error:
                return f"seed {seed}: {error}"
            return None

    with ThreadPoolExecutor(ROUNDS_AT_ONCE) as pool:
        outcomes = list(pool.map(outcome, range(ROUNDS)))

    assert "\n".join(each for each in outcomes if each) == ""


def test_r9_data_that_are_updated_while_the_session_is_lost_are_the_ones_that_come_back(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(1, real_server, proxy_to, fresh_chroot) as scene:
        [registered] = scene.registered
        proxy = scene.proxy
        proxy.refuse()
        scene.lose_session()
        scene.states.wait_for(State.SUSPENDED, bound=5)
        registered_data = {**registered.data, "new": "yes"}
        proxy.accept()
        registered.update(new="yes")
        scene.states.wait_for(*LOST, bound=5)

        wait_until(lambda: scene.outsider.owner(registered.path), BOUND)
        wait_until(lambda: scene.outsider.properties(registered.path) == registered_data, BOUND)


def test_r9_a_registration_that_was_begun_while_the_session_is_lost_is_made_in_the_next_one(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/servers")
    with ZooKeeper(proxy.address + chroot, session_timeout=1) as zk, ThreadPoolExecutor() as pool:
        states = States(zk.client)
        proxy.refuse()
        proxy.cut()
        states.wait_for(State.SUSPENDED, bound=5)
        registering = pool.submit(zk.register, "/servers", "127.0.0.1:80")
        states.wait_for(State.SUSPENDED, State.LOST, bound=5)
        proxy.accept()

        assert registering.result(5).is_held
        assert zk.client.client_id is not None
        assert outsider.owner("/servers/127.0.0.1:80") == zk.client.client_id[0]


def test_r9_a_withdrawn_registration_stays_withdrawn_in_the_next_session(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(2, real_server, proxy_to, fresh_chroot) as scene:
        withdrawn = scene.registered.pop()
        withdrawn.withdraw()
        scene.lose_session()
        scene.states.wait_for(*LOST, bound=5)
        scene.check_restoration()

        assert remains(lambda: scene.outsider.owner(withdrawn.path) is None, 0.3)
        assert not withdrawn.is_held


def test_r9_a_node_that_somebody_deletes_comes_back(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scene_of(1, real_server, proxy_to, fresh_chroot) as scene:
        for _ in range(5):
            scene.outsider.delete(scene.registered[0].path)
            scene.wait_until_back(BOUND)

        assert scene.states.values == []
