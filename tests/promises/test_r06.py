"""R6: any callback may call anything, `stop` included, and never waits for itself."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.promises.outsider import Outsider
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Client, ConnectionClosedError, State, ZooKeeper

pytestmark = pytest.mark.slow

BOUND = 5.0  # seconds: stop may take two of them
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]
Action = Callable[[ZooKeeper], object]
Place = Callable[[ZooKeeper, Callable[..., None]], object]


# What is called


def use_everything(zk: ZooKeeper) -> None:
    """Call every method of the client and of the registry that does not end them."""
    client = zk.client
    path = f"/{threading.get_ident()}"
    use_nodes(client, path)
    use_async_calls(client, path)
    use_watches(zk, path)
    use_registry(zk, path)
    client.delete(path, recursive=True)
    assert client.client_id is not None
    assert client.state is State.CONNECTED


def use_nodes(client: Client, path: str) -> None:
    client.add_auth("digest", "user:password")
    client.ensure_path(path)
    client.create(f"{path}/a/b", b"{}", makepath=True)
    client.set(f"{path}/a", b"{}")
    assert client.get(f"{path}/a")[0] == b"{}"
    assert client.get_children(f"{path}/a") == ["b"]
    client.set_acls(f"{path}/a", client.get_acls(f"{path}/a")[0])
    assert client.exists(f"{path}/a")
    client.sync(path)
    client.delete(f"{path}/a/b")


def use_async_calls(client: Client, path: str) -> None:
    asked: list[Any] = [client.get_async(path), client.exists_async(path), client.sync_async(path)]
    linked = threading.Event()
    asked[-1].rawlink(lambda _: linked.set())
    for each in asked:
        each.get(BOUND)
    assert linked.wait(BOUND)


def use_watches(zk: ZooKeeper, path: str) -> None:
    client = zk.client
    told = threading.Event()
    client.get(f"{path}/a", watch=lambda _: told.set())
    client.add_listener(ignore)
    client.DataWatch(f"{path}/a", ignore)
    client.ChildrenWatch(f"{path}/a", ignore)
    children, properties = zk.children(f"{path}/a"), zk.properties(f"{path}/a")
    children(ignore)
    properties(ignore)
    properties.set(n=1)
    assert told.wait(BOUND)
    client.remove_listener(ignore)


def use_registry(zk: ZooKeeper, path: str) -> None:
    registered = zk.register(f"{path}/a", "127.0.0.1:80", weight=1)
    registered.update(weight=2)
    registered.withdraw()


def ignore(*_: object) -> None:
    pass


def stop_twice(client: Client) -> None:
    client.stop()
    client.stop()


ENDINGS: dict[str, Action] = {
    "stop": lambda zk: zk.client.stop(),
    "close": lambda zk: zk.close(),
    "restart": lambda zk: zk.client.restart(),
    "stop twice": lambda zk: stop_twice(zk.client),
}


# Where it is called from


def in_children(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.children("/node")(skipping_the_first(act))


def in_properties(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.properties("/node")(skipping_the_first(act))


def in_data_watch(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.client.DataWatch("/node", skipping_the_first(act))


def in_children_watch(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.client.ChildrenWatch("/node", skipping_the_first(act))


def in_one_shot_watch(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.client.get("/node", watch=act)


def in_rawlink(zk: ZooKeeper, act: Callable[..., None]) -> object:
    zk.client.get("/node", watch=lambda _: zk.client.get_async("/node").rawlink(act))
    return None


def in_listener_of_connected(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.client.add_listener(lambda state: act() if state is State.CONNECTED else None)


def in_listener_of_suspended(zk: ZooKeeper, act: Callable[..., None]) -> object:
    return zk.client.add_listener(lambda state: act() if state is State.SUSPENDED else None)


PLACES: list[Place] = [
    in_children,
    in_properties,
    in_data_watch,
    in_children_watch,
    in_one_shot_watch,
    in_rawlink,
    in_listener_of_connected,
    in_listener_of_suspended,
]


def skipping_the_first(act: Callable[..., None]) -> Callable[..., None]:
    is_first = True

    def call(*arguments: object) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
        else:
            act()

    return call


class Once:
    """Does something when it is first called, and remembers how that went."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self.began = False
        self.has_ended = False
        self.error: BaseException | None = None

    def __call__(self, *_: object) -> None:
        with self._lock:
            if self.began:
                return
            self.began = True
        try:
            self._action()
        except BaseException as error:  # noqa: BLE001  # the test shows it
            self.error = error
        self.has_ended = True


def set_off(place: Place, zk: ZooKeeper, outsider: Outsider, proxy: FaultProxy) -> None:
    """Bring about what the callback is called for."""
    if place in {in_listener_of_connected, in_listener_of_suspended}:
        proxy.cut()
    else:
        outsider.set("/node", n=1)
        outsider.create("/node/child")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r6_a_callback_may_use_everything(
    place: Place, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        use = Once(lambda: use_everything(zk))
        kept = place(zk, use)
        set_off(place, zk, outsider, proxy)

        wait_until(lambda: use.has_ended, BOUND, f"the end of using everything {place.__name__}")
        assert use.error is None
        assert zk.get("/node")[0] == outsider_data(outsider)
    del kept


def outsider_data(outsider: Outsider) -> bytes:
    return b'{"n": 1}' if outsider.properties("/node") else b"{}"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r6_a_callback_may_end_the_client(
    place: Place,
    ending: str,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        client = zk.client
        end = Once(lambda: ENDINGS[ending](zk))
        kept = place(zk, end)
        set_off(place, zk, outsider, proxy)

        wait_until(lambda: end.has_ended, BOUND, f"the end of {ending} {place.__name__}")
        assert end.error is None
        if ending == "restart":
            assert client.get("/")[0] == b""
        else:
            with contextlib.suppress(ConnectionClosedError):
                client.get("/")
                pytest.fail("a stopped client answers")
    del kept


def test_r6_two_callbacks_may_end_the_client_at_once(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        both = threading.Barrier(2)

        def end() -> None:
            both.wait(BOUND)
            zk.client.stop()

        ends = [Once(end), Once(end)]
        kept = [in_properties(zk, each) for each in ends]
        outsider.set("/node", n=1)

        wait_until(lambda: all(each.has_ended for each in ends), BOUND)
        assert [each.error for each in ends] == [None, None]
    del kept


def test_r6_two_callbacks_may_register_with_each_others_objects(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        objects = [zk.properties("/node"), zk.properties("/node")]
        both = threading.Barrier(2)

        def registering_with(number: int) -> Once:
            def register() -> None:
                both.wait(BOUND)
                objects[number](ignore)

            return Once(register)

        crossed = [registering_with(1), registering_with(0)]
        for each, act in zip(objects, crossed, strict=True):
            each(skipping_the_first(act))
        outsider.set("/node", n=1)

        wait_until(lambda: all(act.has_ended for act in crossed), BOUND)
        assert [act.error for act in crossed] == [None, None]


def test_r6_a_callback_may_drop_the_object_that_called_it(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        calls = []

        @zk.client.DataWatch("/node")
        def stop_watching(data: bytes, stat: object) -> bool:
            calls.append(data)
            return len(calls) < 2

        outsider.set("/node", n=1)
        wait_until(lambda: len(calls) == 2, BOUND)
        outsider.set("/node", n=2)
        assert zk.properties("/node")["n"] == 2
        assert len(calls) == 2
