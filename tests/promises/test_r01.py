"""R1: after any faults, what live objects show becomes what the server has, and goes on following."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.frames import Kind, Selector, event, of_kind, reply_to, request
from tests.promises.outsider import Outsider
from tests.promises.told import States, Value, View
from tests.promises.weather import ROUNDS, ROUNDS_AT_ONCE, Weather
from tests.proxy import FaultProxy, When
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import State, ZooKeeper

pytestmark = pytest.mark.slow

BOUND = 1.0  # seconds of CONNECTED, in the promise
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


class Scene:
    """A node with a live object on it, through a network that can fail."""

    def __init__(
        self, kind: str, server: RealServer, proxy: FaultProxy, chroot: str, timeout: float
    ) -> None:
        self.kind = kind
        self.proxy = proxy
        self.server = server
        self.outsider = Outsider(server.port, chroot)
        self.outsider.create("/node")
        self.zk = ZooKeeper(proxy.address + chroot, session_timeout=timeout)
        self.states = States(self.zk.client)
        self.view = View(
            self.zk.children("/node") if kind == "children" else self.zk.properties("/node")
        )
        self._changes = 0

    def change(self) -> None:
        """Change the node, as somebody else; it never again becomes what it was."""
        self._changes += 1
        if self.kind == "children":
            self.outsider.create(f"/node/{self._changes}")
        else:
            self.outsider.set("/node", changes=self._changes)

    @property
    def truth(self) -> Value:
        if self.kind == "children":
            return self.outsider.children("/node")
        return self.outsider.properties("/node")

    def check_convergence(self, healed_at: float = 0.0) -> None:
        """Fail unless the object becomes right within the bound of CONNECTED, and follows.

        Where a connection outlived the last fault, the end of that is what counts.
        """
        wait_until(lambda: self.zk.client.connected, 8, f"{self.zk} connected")
        truth = self.truth
        shown_at = self.view.wait_for(truth, 5)
        if self.states.calls:
            connected_at = self.states.wait_for(State.CONNECTED, bound=BOUND)
            assert shown_at - max(connected_at, healed_at) <= stretched(BOUND)
        self.change()
        changed_at = monotonic()
        assert self.view.wait_for(self.truth, 5) - changed_at <= stretched(BOUND)


@contextlib.contextmanager
def scenes(
    kind: str,
    count: int,
    server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
    timeout: float = 4.0,
) -> Iterator[list[Scene]]:
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            scene = Scene(kind, server, proxy_to(server.port), fresh_chroot(server), timeout)
            stack.callback(scene.zk.close)
            found.append(scene)
        yield found
        for scene in found:
            scene.proxy.heal()


# Cuts at chosen frames


@dataclass(frozen=True)
class Cut:
    """Where the connection ends; `of_return` is a frame of the reconnecting that follows a first cut."""

    name: str
    selector: Callable[[str], Selector]
    of_return: bool
    when: When
    rst: bool

    def __str__(self) -> str:
        return f"{'RST' if self.rst else 'FIN'} {self.when} the {self.name}"


def _read(kind: str) -> Opcode:
    return Opcode.GET_CHILDREN if kind == "children" else Opcode.GET_DATA


EVERY_WAY: tuple[tuple[When, bool], ...] = (
    ("before", False),
    ("before", True),
    ("after", False),
    ("after", True),
)
CUTS_OF_FOLLOWING = [
    Cut(name, selector, False, when, rst)
    for name, selector in (
        ("event", lambda kind: event()),
        ("request that reads anew", lambda kind: request(_read(kind))),
        ("reply that re-armed the watch", lambda kind: reply_to(_read(kind))),
    )
    for when, rst in EVERY_WAY
]
CUTS_OF_RETURN = [
    Cut(name, selector, True, when, rst)
    for name, selector in (
        ("connect request", lambda kind: of_kind(Kind.CONNECT_REQUEST)),
        ("connect response", lambda kind: of_kind(Kind.CONNECT_RESPONSE)),
        ("request that re-arms watches", lambda kind: request(Opcode.SET_WATCHES)),
        ("event that re-arming brought", lambda kind: event()),
        ("reply to re-arming", lambda kind: reply_to(Opcode.SET_WATCHES)),
    )
    for when, rst in EVERY_WAY
]


def test_r1_the_targeted_cuts_are_as_many_as_promised() -> None:
    assert len(CUTS_OF_FOLLOWING + CUTS_OF_RETURN) * 2 >= 40


def refuse_from(selector: Selector, proxy: FaultProxy) -> Selector:
    """Choose the same frames; and after the first one nobody is let in any more."""

    def chosen(frame: object) -> bool:
        is_chosen = selector(frame)  # type: ignore[arg-type]  # a Frame
        if is_chosen:
            proxy.refuse()
        return is_chosen

    return chosen


@pytest.mark.parametrize("kind", ["children", "data"])
def test_r1_a_live_object_is_right_after_a_cut_at_each_frame_of_following(
    kind: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scenes(kind, len(CUTS_OF_FOLLOWING), real_server, proxy_to, fresh_chroot) as found:
        wrong = []
        for cut, scene in zip(CUTS_OF_FOLLOWING, found, strict=True):
            chosen = refuse_from(cut.selector(kind), scene.proxy)
            rule = scene.proxy.cut_on(chosen, cut.when, rst=cut.rst)
            scene.change()
            wait_until(lambda rule=rule: rule.fired, 5, str(cut))  # type: ignore[misc]
            scene.change()  # while nobody is told
        for scene in found:
            scene.proxy.accept()
        for cut, scene in zip(CUTS_OF_FOLLOWING, found, strict=True):
            try:
                scene.check_convergence()
            except AssertionError as error:
                wrong.append(f"{cut}: {error}")

        assert not wrong


@pytest.mark.parametrize("kind", ["children", "data"])
def test_r1_a_live_object_is_right_after_a_cut_at_each_frame_of_reconnecting(
    kind: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scenes(kind, len(CUTS_OF_RETURN), real_server, proxy_to, fresh_chroot) as found:
        wrong = []
        rules = []
        for cut, scene in zip(CUTS_OF_RETURN, found, strict=True):
            scene.proxy.refuse()
            scene.proxy.cut()
            scene.change()  # so that re-arming brings an event
            chosen = refuse_from(cut.selector(kind), scene.proxy)
            rules.append(scene.proxy.cut_on(chosen, cut.when, rst=cut.rst))
            scene.proxy.accept()
        for cut, scene, rule in zip(CUTS_OF_RETURN, found, rules, strict=True):
            wait_until(lambda rule=rule: rule.fired, 5, str(cut))  # type: ignore[misc]
            scene.change()  # while nobody is told
        for scene in found:
            scene.proxy.accept()
        for cut, scene in zip(CUTS_OF_RETURN, found, strict=True):
            try:
                scene.check_convergence()
            except AssertionError as error:
                wrong.append(f"{cut}: {error}")

        assert not wrong


@pytest.mark.parametrize("kind", ["children", "data"])
def test_r1_children_and_data_are_right_after_a_cut_behind_the_reply_that_re_armed_them(
    kind: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    with scenes(kind, 1, real_server, proxy_to, fresh_chroot) as [scene]:
        for _ in range(10):
            chosen = refuse_from(reply_to(_read(kind)), scene.proxy)
            rule = scene.proxy.cut_on(chosen, "after")
            scene.change()
            wait_until(lambda rule=rule: rule.fired, 5)  # type: ignore[misc]
            scene.change()
            scene.proxy.accept()

            scene.states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)
            scene.check_convergence()
            assert scene.states.values == [State.SUSPENDED, State.CONNECTED]
            scene.states.calls.clear()


# Random faults


@pytest.mark.parametrize("kind", ["children", "data"])
def test_r1_a_live_object_is_right_after_random_faults(
    kind: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    seeds = range(ROUNDS)

    def outcome(seed: int) -> str | None:
        with scenes(kind, 1, real_server, proxy_to, fresh_chroot, timeout=1) as [scene]:
            Weather(scene.zk.client, scene.proxy, scene.change, seed).rage()
            healed_at = monotonic()
            try:
                scene.check_convergence(healed_at)
            except AssertionError as error:
                return f"seed {seed}: {error}"
            return None

    with ThreadPoolExecutor(ROUNDS_AT_ONCE) as pool:
        outcomes = list(pool.map(outcome, seeds))

    assert "\n".join(each for each in outcomes if each) == ""
