"""Watches that stand: the functions given to `add_watch`, on servers with and without modes that coexist."""

from collections.abc import Callable, Iterator

import pytest

import zc.zk
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session
from tests.waiting import wait_until
from zc.zk import AddWatchMode, Client, State, WatchedEvent, WatcherType

SOON = 20.0
PERSISTENT, RECURSIVE = AddWatchMode.PERSISTENT, AddWatchMode.PERSISTENT_RECURSIVE


class Told:
    """A watch that remembers its events."""

    def __init__(self) -> None:
        self.events: list[WatchedEvent] = []

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append(event)

    @property
    def seen(self) -> list[tuple[str, str | None]]:
        return [(event.type, event.path) for event in self.events]

    def becomes(self, expected: list[tuple[str, str]]) -> None:
        wait_until(lambda: len(self.events) >= len(expected), SOON, "events")
        assert self.seen == expected


@pytest.fixture
def server(every_server: AnyServer) -> AnyServer:
    return every_server


def quiet(client: Client) -> None:
    """Return when every event of what was written so far has been handed over."""
    client.sync("/")
    wait_until(lambda: not client.driver.callbacks.waiting, SOON)


def test_a_persistent_watch_is_called_for_every_event_of_its_node(
    client: Client, other: Client
) -> None:
    watch = Told()
    client.add_watch("/a", watch)

    other.create("/a")
    other.set("/a", b"1")
    other.create("/a/b")
    other.set("/a/b", b"2")
    other.delete("/a/b")
    other.delete("/a")

    watch.becomes(
        [
            ("CREATED", "/a"),
            ("CHANGED", "/a"),
            ("CHILD", "/a"),
            ("CHILD", "/a"),
            ("DELETED", "/a"),
        ]
    )


def test_a_recursive_watch_is_called_for_every_node_from_there_down(
    client: Client, other: Client
) -> None:
    watch = Told()
    client.add_watch("/a", watch, RECURSIVE)

    other.create("/a")
    other.create("/a/b")
    other.create("/ab")
    other.create("/a/b/c")
    other.set("/a/b/c", b"1")
    other.delete("/a/b/c")

    watch.becomes(
        [
            ("CREATED", "/a"),
            ("CREATED", "/a/b"),
            ("CREATED", "/a/b/c"),
            ("CHANGED", "/a/b/c"),
            ("DELETED", "/a/b/c"),
        ]
    )


def test_servers_from_3_9_on_say_which_transaction_it_was(
    client: Client, other: Client, server: AnyServer
) -> None:
    watch = Told()
    client.create("/a")
    client.add_watch("/a", watch)

    stat = other.set("/a", b"1")

    watch.becomes([("CHANGED", "/a")])
    assert watch.events[0].zxid == (stat.mzxid if server.version >= (3, 9) else -1)


@pytest.mark.parametrize("mode", [PERSISTENT, RECURSIVE])
def test_one_shot_watches_of_the_same_node_fire_and_end_no_other(
    client: Client, other: Client, mode: AddWatchMode
) -> None:
    standing, once, children = Told(), Told(), Told()
    client.create("/a")
    client.add_watch("/a", standing, mode)
    client.get("/a", once)
    client.get_children("/a", children)

    other.set("/a", b"1")
    other.set("/a", b"2")
    other.create("/a/b")
    other.create("/a/c")
    other.set("/a", b"3")

    wait_until(lambda: standing.seen[-1:] == [("CHANGED", "/a")] and len(standing.seen) == 5, SOON)
    assert once.seen == [("CHANGED", "/a")]
    assert children.seen == [("CHILD", "/a")]


def test_both_modes_stand_on_one_node(client: Client, other: Client) -> None:
    recursive, persistent = Told(), Told()
    client.add_watch("/a", recursive, RECURSIVE)
    client.add_watch("/a", persistent, PERSISTENT)

    other.create("/a")
    other.create("/a/b")
    other.set("/a/b", b"1")

    recursive.becomes([("CREATED", "/a"), ("CREATED", "/a/b"), ("CHANGED", "/a/b")])
    quiet(client)
    assert persistent.seen == [("CREATED", "/a"), ("CHILD", "/a")]


def test_live_objects_follow_a_node_with_a_recursive_watch(client: Client, other: Client) -> None:
    names: list[list[str]] = []
    client.create("/a")
    client.add_watch("/a", Told(), RECURSIVE)
    client.ChildrenWatch("/a", lambda children: names.append(sorted(children)))

    for name in ("b", "c", "d"):
        other.create(f"/a/{name}")
    other.delete("/a/c")

    wait_until(lambda: names[-1] == ["b", "d"], SOON)


def test_a_removed_watch_is_told_so_and_called_no_more(client: Client, other: Client) -> None:
    watch, last = Told(), Told()
    client.create("/a")
    client.add_watch("/a", watch)

    client.remove_watches("/a")
    client.add_watch("/a", last)
    other.set("/a", b"1")

    last.becomes([("CHANGED", "/a")])
    assert watch.seen == [("PERSISTENT_WATCH_REMOVED", "/a")]


@pytest.mark.parametrize("mode", [PERSISTENT, RECURSIVE])
def test_what_is_left_on_the_node_goes_on(
    client: Client, other: Client, mode: AddWatchMode
) -> None:
    standing, data, children = Told(), Told(), Told()
    client.create("/a")
    client.add_watch("/a", standing, mode)
    client.get("/a", data)
    client.get_children("/a", children)
    kind = WatcherType.PERSISTENT if mode is PERSISTENT else WatcherType.PERSISTENT_RECURSIVE

    client.remove_watches("/a", kind)
    other.create("/a/b")
    other.set("/a", b"1")

    data.becomes([("CHANGED", "/a")])
    children.becomes([("CHILD", "/a")])
    assert standing.seen == [("PERSISTENT_WATCH_REMOVED", "/a")]


@pytest.mark.parametrize(
    ("kind", "told"),
    [(WatcherType.DATA, "DATA_WATCH_REMOVED"), (WatcherType.CHILDREN, "CHILD_WATCH_REMOVED")],
)
def test_one_shot_watches_are_removed_by_type(
    client: Client, other: Client, kind: WatcherType, told: str
) -> None:
    data, children = Told(), Told()
    client.create("/a")
    client.get("/a", data)
    client.get_children("/a", children)
    removed, left = (data, children) if kind is WatcherType.DATA else (children, data)

    client.remove_watches("/a", kind)
    other.create("/a/b")
    other.set("/a", b"1")

    wait_until(lambda: len(left.events) == 1, SOON)
    removed.becomes([(told, "/a")])


@pytest.mark.parametrize("kind", list(WatcherType))
def test_removing_what_is_not_there_raises_no_watcher(client: Client, kind: WatcherType) -> None:
    with pytest.raises(zc.zk.NoWatcherError, match=r"^no such watch: /a$"):
        client.remove_watches("/a", kind)


@pytest.mark.parametrize("mode", [2, -1, "PERSISTENT", None, True])
def test_a_mode_that_does_not_exist_is_named(client: Client, mode: AddWatchMode) -> None:
    with pytest.raises(ValueError, match=r"^a mode of a watch must be one of AddWatchMode, not "):
        client.add_watch("/a", print, mode)


@pytest.mark.parametrize("watch", [None, 3])
def test_a_watch_must_be_callable(client: Client, watch: Callable[[WatchedEvent], object]) -> None:
    with pytest.raises(TypeError, match=r"^a watch must be callable: "):
        client.add_watch("/a", watch)


# Connections and sessions


@pytest.fixture
def proxied(server: AnyServer, chroot: str, proxy: FaultProxy) -> Iterator[Client]:
    with Client(proxy.address + chroot) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("mode", [PERSISTENT, RECURSIVE])
def test_it_stands_again_after_a_reconnect_and_is_told_of_the_gap(
    proxied: Client, other: Client, proxy: FaultProxy, mode: AddWatchMode
) -> None:
    watch = Told()
    proxied.add_watch("/a", watch, mode)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: proxied.state is State.SUSPENDED, SOON)
    other.create("/a")

    proxy.accept()
    wait_until(lambda: watch.seen == [("NONE", "/a")], SOON)
    other.set("/a", b"1")

    watch.becomes([("NONE", "/a"), ("CHANGED", "/a")])


@pytest.mark.slow
def test_it_stands_again_in_a_new_session(
    server: AnyServer, chroot: str, client: Client, other: Client
) -> None:
    watch = Told()
    client.add_watch("/a", watch, RECURSIVE)

    lose_session(client, server)
    wait_until(lambda: watch.seen == [("NONE", "/a")], SOON)
    other.create("/a")

    watch.becomes([("NONE", "/a"), ("CREATED", "/a")])


@pytest.mark.slow
def test_a_watch_whose_answer_was_cut_off_stands(
    proxied: Client, other: Client, proxy: FaultProxy
) -> None:
    watch = Told()
    proxy.cut_on(lambda frame: frame.direction == "to_client" and frame.opcode == 106)

    proxied.add_watch("/a", watch)
    other.create("/a")

    wait_until(lambda: ("CREATED", "/a") in watch.seen, SOON)


@pytest.mark.slow
def test_one_recursive_watch_sees_what_thousands_would(client: Client, other: Client) -> None:
    watch = Told()
    client.add_watch("/a", watch, RECURSIVE)
    other.create("/a")

    for pending in [other.create_async(f"/a/{number}") for number in range(2000)]:
        pending.get()

    wait_until(lambda: len(watch.events) == 2001, SOON)
    assert {event.path for event in watch.events} == {
        "/a",
        *(f"/a/{number}" for number in range(2000)),
    }
