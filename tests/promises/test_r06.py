"""R6: any callback may call anything, `stop` included, and never waits for itself."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.faces import own
from tests.promises.outsider import Outsider
from tests.promises.steps import BOUND, Once, Steps, Until
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import AddWatchMode, AsyncResult, ConnectionClosedError, State, ZooKeeper

pytestmark = pytest.mark.slow

ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]
Act = Callable[..., Any]  # Any: a coroutine, where the asyncio face is to await one
Place = Callable[[ZooKeeper, Act], object]


# What is called. What a call of either face returns is yielded: one has waited for it, the other awaits it then.


def use_everything(zk: Any) -> Steps:
    """Call every method of the client and of the registry that does not end them."""
    client = zk.client
    path = f"/{threading.get_ident()}"
    yield from use_nodes(client, path)
    yield from use_several_at_once(client, path)
    yield from use_async_calls(client, path)
    yield from use_watches(client, path)
    yield from use_live_objects(zk, path)
    yield from use_registry(zk, path)
    yield client.delete(path, recursive=True)
    assert client.client_id is not None
    assert client.state is State.CONNECTED


def use_nodes(client: Any, path: str) -> Steps:
    yield client.add_auth("digest", "user:password")
    yield client.ensure_path(path)
    yield client.create(f"{path}/a/b", b"{}", makepath=True)
    yield client.set(f"{path}/a", b"{}")
    assert (yield client.get(f"{path}/a"))[0] == b"{}"
    assert (yield client.get_children(f"{path}/a")) == ["b"]
    yield client.set_acls(f"{path}/a", (yield client.get_acls(f"{path}/a"))[0])
    assert (yield client.exists(f"{path}/a"))
    yield client.sync(path)
    yield client.delete(f"{path}/a/b")


def use_several_at_once(client: Any, path: str) -> Steps:
    transaction = client.transaction()
    transaction.create(f"{path}/t")
    transaction.delete(f"{path}/t")
    assert (yield transaction.commit()) == [f"{path}/t", True]
    assert (yield client.multi_read([("get", f"{path}/a")]))[0][0] == b"{}"
    assert (yield client.retry(client.exists, path))
    assert (yield client.within(BOUND).exists(path))


def use_async_calls(client: Any, path: str) -> Steps:
    asked = [client.get_async(path), client.exists_async(path), client.sync_async(path)]
    linked: list[object] = []
    link(asked[-1], linked.append)
    for each in asked:
        yield each.get(BOUND) if isinstance(each, AsyncResult) else each
    yield Until(lambda: linked)


def link(asked: Any, callback: Callable[[Any], object]) -> None:
    (asked.rawlink if isinstance(asked, AsyncResult) else asked.add_done_callback)(callback)


def use_watches(client: Any, path: str) -> Steps:
    told: list[object] = []
    yield client.get(f"{path}/a", watch=told.append)
    client.add_listener(ignore)
    yield client.add_watch(f"{path}/a", told.append, AddWatchMode.PERSISTENT_RECURSIVE)
    yield client.DataWatch(f"{path}/a", ignore)
    yield client.ChildrenWatch(f"{path}/a", ignore)
    yield client.set(f"{path}/a", b"{}")
    yield Until(lambda: len(told) == 2)
    yield client.remove_watches(f"{path}/a")
    client.remove_listener(ignore)


def use_live_objects(zk: Any, path: str) -> Steps:
    told: list[object] = []
    children = yield zk.children(f"{path}/a")
    properties = yield zk.properties(f"{path}/a")
    children(ignore)
    properties(told.append)
    yield properties.set(n=1)
    yield Until(lambda: len(told) == 2)


def use_registry(zk: Any, path: str) -> Steps:
    registered = yield zk.register(f"{path}/a", "127.0.0.1:80", weight=1)
    yield registered.update(weight=2)
    yield registered.withdraw()


def ignore(*_: object) -> None:
    pass


def stop(zk: Any) -> Steps:
    yield zk.client.stop()


def stop_twice(zk: Any) -> Steps:
    client = zk.client
    yield client.stop()
    yield client.stop()


def close(zk: Any) -> Steps:
    yield zk.close()


def restart(zk: Any) -> Steps:
    yield zk.client.restart()


ENDINGS = [stop, close, restart, stop_twice]


# Where it is called from


def in_children(zk: ZooKeeper, act: Act) -> object:
    return zk.children("/node")(skipping_the_first(act))


def in_properties(zk: ZooKeeper, act: Act) -> object:
    return zk.properties("/node")(skipping_the_first(act))


def in_data_watch(zk: ZooKeeper, act: Act) -> object:
    return zk.client.DataWatch("/node", skipping_the_first(act))


def in_children_watch(zk: ZooKeeper, act: Act) -> object:
    return zk.client.ChildrenWatch("/node", skipping_the_first(act))


def in_one_shot_watch(zk: ZooKeeper, act: Act) -> object:
    return zk.client.get("/node", watch=act)


def in_rawlink(zk: ZooKeeper, act: Act) -> object:
    zk.client.get("/node", watch=lambda _: zk.client.get_async("/node").rawlink(act))
    return None


def in_listener_of_connected(zk: ZooKeeper, act: Act) -> object:
    return zk.client.add_listener(lambda state: act() if state is State.CONNECTED else None)


def in_listener_of_suspended(zk: ZooKeeper, act: Act) -> object:
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


def skipping_the_first(act: Act) -> Act:
    is_first = True

    def call(*arguments: object) -> Any:
        nonlocal is_first
        if is_first:
            is_first = False
            return None
        return act()

    return call


def set_off(place: Place, zk: ZooKeeper, outsider: Outsider, proxy: FaultProxy) -> None:
    """Bring about what the callback is called for."""
    if place in {in_listener_of_connected, in_listener_of_suspended}:
        proxy.cut()
    else:
        outsider.set("/node", n=1)
        outsider.create("/node/child")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r6_a_callback_may_use_everything(
    place: Place,
    face_of_promise: str,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        use = Once(lambda: use_everything(own(zk)), face_of_promise)
        kept = place(zk, use)
        set_off(place, zk, outsider, proxy)

        wait_until(lambda: use.has_ended, BOUND, f"the end of using everything {place.__name__}")
        assert use.error is None
        assert zk.get("/node")[0] == outsider_data(outsider)
    del kept


def outsider_data(outsider: Outsider) -> bytes:
    return b'{"n": 1}' if outsider.properties("/node") else b"{}"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r6_a_callback_that_waits_for_nothing_may_ask_all_the_same(
    place: Place, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    asked: list[Any] = []

    def ask() -> Steps:  # no step of which has to be awaited
        client = zk.client
        client.add_listener(ignore)
        asked.append(client.create_async("/a/b", makepath=True))
        asked.append(client.get_async("/node", watch=ignore))
        children(ignore)
        client.start_async()
        client.remove_listener(ignore)
        yield

    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        children = zk.children("/node")
        once = Once(ask)
        kept = place(zk, once)
        set_off(place, zk, outsider, proxy)

        wait_until(lambda: once.has_ended, BOUND, f"the end of asking {place.__name__}")
        assert once.error is None
        assert [asked[0].get(BOUND), asked[1].get(BOUND)[0]] == ["/a/b", outsider_data(outsider)]
    del kept


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r6_a_callback_may_end_the_client(
    place: Place,
    ending: Callable[[Any], Steps],
    face_of_promise: str,
    real_server: RealServer,
    proxy_to: ProxyTo,
    fresh_chroot: FreshChroot,
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        client = zk.client
        end = Once(lambda: ending(own(zk)), face_of_promise)
        kept = place(zk, end)
        set_off(place, zk, outsider, proxy)

        wait_until(lambda: end.has_ended, BOUND, f"the {ending.__name__} {place.__name__}")
        assert end.error is None
        if ending is restart:
            assert client.get("/")[0] == b""
        else:
            with contextlib.suppress(ConnectionClosedError):
                client.get("/")
                pytest.fail("a stopped client answers")
    del kept


def test_r6_two_callbacks_may_end_the_client_at_once(
    face_of_promise: str, real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        client = zk.client

        def end() -> Steps:
            yield Until(lambda: all(each.began for each in ends))
            yield own(client).stop()

        ends = [Once(end, face_of_promise), Once(end, face_of_promise)]
        kept = [in_properties(zk, each) for each in ends]
        outsider.set("/node", n=1)

        wait_until(lambda: all(each.has_ended for each in ends), BOUND)
        assert [each.error for each in ends] == [None, None]
    del kept


def test_r6_two_callbacks_may_register_with_each_others_objects(
    face_of_promise: str, real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node")
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        objects = [zk.properties("/node"), zk.properties("/node")]

        def registering_with(number: int) -> Once:
            def register() -> Steps:
                yield Until(lambda: all(act.began for act in crossed))
                objects[number](ignore)

            return Once(register, face_of_promise)

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
