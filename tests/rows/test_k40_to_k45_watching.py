"""K40, K44 and K45: one-shot watches, their events, and the status of nodes, on real servers.

`Callback(type, func, args)` of K44 is what kazoo's client hands to a handler. Here nobody hands callbacks to handlers:
it comes with the facade that has kazoo's handlers.
"""

import inspect
import time
from collections.abc import Callable

import pytest

from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session
from tests.waiting import remains, wait_until
from zc.zk import OPEN_ACL_UNSAFE, Client, EventType, KeeperState, Stat, WatchedEvent

SOON = 20.0
A_MOMENT = 0.05
Watching = Callable[[Client, Callable[[WatchedEvent], object]], object]


class Told:
    """A watch that remembers its events."""

    def __init__(self) -> None:
        self.events: list[WatchedEvent] = []

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append(event)

    @property
    def seen(self) -> list[tuple[str, str | None]]:
        return [(event.type, event.path) for event in self.events]

    def becomes(self, *expected: tuple[str, str]) -> None:
        wait_until(lambda: len(self.events) >= len(expected), SOON, "events")
        assert remains(lambda: self.seen == list(expected), A_MOMENT)


# --- K40

CASES: list[tuple[str, Watching, Callable[[Client], object], EventType, str]] = [
    (
        "exists, created",
        lambda c, w: c.exists("/new", watch=w),
        lambda c: c.create("/new"),
        EventType.CREATED,
        "/new",
    ),
    (
        "exists, changed",
        lambda c, w: c.exists("/a", watch=w),
        lambda c: c.set("/a", b""),
        EventType.CHANGED,
        "/a",
    ),
    (
        "exists, deleted",
        lambda c, w: c.exists("/a", watch=w),
        lambda c: c.delete("/a"),
        EventType.DELETED,
        "/a",
    ),
    (
        "get, changed",
        lambda c, w: c.get("/a", watch=w),
        lambda c: c.set("/a", b""),
        EventType.CHANGED,
        "/a",
    ),
    (
        "get, deleted",
        lambda c, w: c.get("/a", watch=w),
        lambda c: c.delete("/a"),
        EventType.DELETED,
        "/a",
    ),
    (
        "get_children, a child more",
        lambda c, w: c.get_children("/a", watch=w),
        lambda c: c.create("/a/b"),
        EventType.CHILD,
        "/a",
    ),
    (
        "get_children, a child less",
        lambda c, w: c.get_children("/p", watch=w),
        lambda c: c.delete("/p/c"),
        EventType.CHILD,
        "/p",
    ),
    (
        "get_children, deleted",
        lambda c, w: c.get_children("/a", watch=w, include_data=True),
        lambda c: c.delete("/a"),
        EventType.DELETED,
        "/a",
    ),
]


@pytest.mark.parametrize(
    ("watching", "change", "kind", "path"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_k40_a_watch_is_called_once_with_what_happened(
    client: Client,
    other: Client,
    watching: Watching,
    change: Callable[[Client], object],
    kind: EventType,
    path: str,
) -> None:
    told = Told()
    client.create("/a")
    client.create("/p/c", makepath=True)
    watching(client, told)

    change(other)
    wait_until(lambda: told.events, SOON)
    for changed in ("/a", "/new", "/p"):
        other.ensure_path(changed)
        other.set(changed, b"more")
        other.create(f"{changed}/more")

    assert remains(lambda: len(told.events) == 1, A_MOMENT)
    event = told.events[0]
    assert isinstance(event, WatchedEvent)
    assert event.type is kind
    assert event.state is KeeperState.CONNECTED
    assert event.path == path


def test_k40_a_change_of_data_is_no_change_of_children_and_the_other_way_round(
    client: Client, other: Client
) -> None:
    data, children = Told(), Told()
    client.create("/a")
    client.get("/a", data)
    client.get_children("/a", children)

    other.create("/a/b")
    children.becomes(("CHILD", "/a"))
    assert data.events == []
    other.set("/a", b"1")

    data.becomes(("CHANGED", "/a"))
    assert len(children.events) == 1


def test_k40_every_function_is_called_and_one_that_watches_twice_once(
    client: Client, other: Client
) -> None:
    first, second = Told(), Told()
    client.create("/a")
    for watch in (first, first, second):
        client.get("/a", watch)

    other.set("/a", b"1")

    first.becomes(("CHANGED", "/a"))
    second.becomes(("CHANGED", "/a"))


def test_k40_a_watch_may_be_set_again_from_within_itself(client: Client, other: Client) -> None:
    seen: list[list[str]] = []

    def look(event: WatchedEvent | None = None) -> None:
        seen.append(sorted(client.get_children("/a", watch=look)))

    client.create("/a")
    look()
    for count in range(3):
        other.create(f"/a/{count}")
        wait_until(lambda: len(seen) == count + 2, SOON)  # noqa: B023 (called at once)

    assert seen == [[], ["0"], ["0", "1"], ["0", "1", "2"]]


@pytest.mark.slow
def test_k40_a_watch_is_told_nothing_of_the_session_and_lives_through_it(
    proxied: Client, other: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    """In kazoo a lost connection ends every watch, with an event of type NONE and no path."""
    data, children = Told(), Told()
    proxied.create("/a")
    proxied.get("/a", data)
    proxied.get_children("/a", children)

    proxy.cut()
    wait_until(lambda: len(proxy.attempts) > 1 and proxied.connected, SOON)
    lose_session(proxied, server)
    assert remains(lambda: not (data.events or children.events), A_MOMENT)
    other.set("/a", b"1")
    other.create("/a/b")

    data.becomes(("CHANGED", "/a"))
    children.becomes(("CHILD", "/a"))


@pytest.mark.slow
def test_k40_what_happens_while_the_connection_is_lost_is_told_afterwards(
    proxied: Client, other: Client, proxy: FaultProxy
) -> None:
    told, created = Told(), Told()
    proxied.create("/a")
    proxied.get("/a", told)
    proxied.exists("/new", created)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: proxied.state == "SUSPENDED", SOON)
    other.set("/a", b"1")
    other.create("/new")

    proxy.accept()

    told.becomes(("CHANGED", "/a"))
    created.becomes(("CREATED", "/new"))


# --- K44


def test_k44_the_types_of_events_are_strings_equal_to_their_names() -> None:
    documented = {"CREATED", "DELETED", "CHANGED", "CHILD", "NONE"}

    assert documented <= {each.name for each in EventType}
    assert all(each == each.name == each.value == str(each) for each in EventType)


def test_k44_an_event_has_type_state_and_path(client: Client, other: Client) -> None:
    told = Told()
    client.create("/a")
    client.get("/a", told)

    other.set("/a", b"1")
    told.becomes(("CHANGED", "/a"))

    (event,) = told.events
    assert (event.type, event.state, event.path) == ("CHANGED", "CONNECTED", "/a")
    assert list(inspect.signature(WatchedEvent).parameters)[:3] == ["type", "state", "path"]
    assert event == WatchedEvent(EventType.CHANGED, KeeperState.CONNECTED, "/a", event.zxid)
    with pytest.raises(AttributeError):
        event.path = "/b"  # type: ignore[misc]  # what is tested


def test_k44_the_path_of_an_event_is_relative_to_the_chroot(
    client: Client, server: AnyServer, chroot: str
) -> None:
    told = Told()
    client.exists("/a", told)
    with Client(server.address) as root:
        root.create(f"{chroot}/a")

    told.becomes(("CREATED", "/a"))


# --- K45


def test_k45_the_status_has_zookeepers_names_and_the_same_in_words(client: Client) -> None:
    begun = time.time()
    client.create("/a", b"12345", ephemeral=False)
    client.create("/a/b")
    client.create("/a/c")
    client.delete("/a/c")
    client.set("/a", b"1234567")
    client.set_acls("/a", OPEN_ACL_UNSAFE)

    stat = client.exists("/a")

    assert stat is not None
    assert stat._fields == (
        *("czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion"),
        *("ephemeralOwner", "dataLength", "numChildren", "pzxid"),
    )
    assert 0 < stat.czxid < stat.pzxid < stat.mzxid
    assert (stat.version, stat.cversion, stat.aversion) == (1, 3, 1)
    assert (stat.ephemeralOwner, stat.dataLength, stat.numChildren) == (0, 7, 1)
    assert stat.creation_transaction_id == stat.czxid
    assert stat.last_modified_transaction_id == stat.mzxid
    assert (stat.acl_version, stat.children_version) == (1, 3)
    assert (stat.data_length, stat.children_count) == (7, 1)
    assert (stat.created, stat.last_modified) == (stat.ctime / 1000, stat.mtime / 1000)
    assert abs(stat.created - begun) < 60  # seconds of the server's clock
    assert stat.last_modified >= stat.created


def test_k45_the_owner_is_the_session_of_an_ephemeral_node_and_of_no_other(client: Client) -> None:
    assert client.client_id is not None
    _, ephemeral = client.create("/e", ephemeral=True, include_data=True)
    _, lasting = client.create("/l", include_data=True)

    assert ephemeral.owner_session_id == ephemeral.ephemeralOwner == client.client_id[0]
    assert lasting.owner_session_id is None
    assert lasting.ephemeralOwner == 0


def test_k45_every_call_that_gives_a_status_gives_the_same(client: Client) -> None:
    _, created = client.create("/a", include_data=True)

    statuses = {
        created,
        client.exists("/a"),
        client.get("/a")[1],
        client.get_children("/a", include_data=True)[1],
        client.get_acls("/a")[1],
    }

    assert len(statuses) == 1
    assert isinstance(created, Stat)
