"""`DataWatch` and `ChildrenWatch`: rows K41 and K42 of features.md 1.2."""

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zc.zk
from tests.faces import client_of, only_threads
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import identity, lose_session
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, Stat, WatchedEvent
from zc.zk.drivers.callbacks import Callbacks
from zc.zk.recipes.watchers import ChildrenWatch, DataWatch

SOON = 20.0
A_MOMENT = 0.05


@pytest.fixture
def client(face: str, server: AnyServer, chroot: str) -> Iterator[Any]:
    with client_of(face, server.address + chroot) as client:
        client.create("/a", b"0")
        yield client


@pytest.fixture
def watched(face: str, client: Client, chroot: str, proxy: FaultProxy) -> Iterator[Any]:
    """Another session with the same nodes, behind the proxy."""
    with client_of(face, proxy.address + chroot) as watched:
        yield watched


@pytest.fixture
def change_before_the_first_call(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], None]:
    """Give a function that has a change made after a watch began to follow, and before it calls."""

    def arrange(change: Callable[[], object]) -> None:
        def is_own_thread(callbacks: Callbacks) -> bool:
            monkeypatch.undo()
            change()
            client.sync("/")
            wait_until(lambda: not callbacks.is_waiting, SOON)
            return False

        monkeypatch.setattr(Callbacks, "is_own_thread", property(is_own_thread))

    return arrange


def is_forgotten(client: Client) -> bool:
    gc.collect()
    return len(client.driver.session.trail.watches) == 0


# --- the data of a node


def test_k41_a_function_is_called_at_once_and_after_each_change(client: Client) -> None:
    seen: list[tuple[bytes | None, int]] = []

    @client.DataWatch("/a")
    def note(data: bytes | None, stat: Stat | None) -> None:
        seen.append((data, -1 if stat is None else stat.version))

    assert seen == [(b"0", 0)]
    for count in (1, 2):
        client.set("/a", b"%d" % count)
        wait_until(lambda: len(seen) == count + 1, SOON)  # noqa: B023 (called at once)

    assert seen == [(b"0", 0), (b"1", 1), (b"2", 2)]


def test_k41_a_function_may_be_given_to_the_constructor(client: Client) -> None:
    seen: list[bytes | None] = []

    watch = client.DataWatch("/a", lambda data, stat: seen.append(data))

    assert isinstance(watch, DataWatch)
    assert seen == [b"0"]


def test_k41_decorating_gives_the_function(client: Client) -> None:
    def note(data: bytes | None, stat: Stat | None) -> None: ...

    assert client.DataWatch("/a")(note) is note


def test_k41_a_function_of_three_arguments_gets_the_event(client: Client) -> None:
    events: list[WatchedEvent | None] = []

    @client.DataWatch("/a")
    def note(data: bytes | None, stat: Stat | None, event: WatchedEvent | None) -> None:
        events.append(event)

    client.set("/a", b"1")
    wait_until(lambda: len(events) == 2, SOON)
    client.delete("/a")
    wait_until(lambda: len(events) == 3, SOON)
    client.create("/a")
    wait_until(lambda: len(events) == 4, SOON)

    assert events[0] is None
    told = [(event.type, event.path) for event in events[1:] if event is not None]
    assert told == [("CHANGED", "/a"), ("DELETED", "/a"), ("CREATED", "/a")]


def test_k41_a_missing_node_is_none_and_its_creation_calls(client: Client) -> None:
    seen: list[tuple[bytes | None, bool]] = []
    client.DataWatch("/b", lambda data, stat: seen.append((data, stat is None)))
    assert seen == [(None, True)]

    client.create("/b", b"data")

    wait_until(lambda: seen[1:] == [(b"data", False)], SOON)


def test_k41_a_watch_survives_the_deletion_and_creation_of_its_node(client: Client) -> None:
    seen: list[bytes | None] = []
    client.DataWatch("/a", lambda data, stat: seen.append(data))

    for count in range(3):
        client.delete("/a")
        wait_until(lambda: seen[-1] is None, SOON)
        client.create("/a", b"%d" % count)
        wait_until(lambda: seen[-1] == b"%d" % count, SOON)  # noqa: B023 (called at once)

    assert seen == [b"0", None, b"0", None, b"1", None, b"2"]


@pytest.mark.slow
@pytest.mark.parametrize("last", [0, 1])
def test_k41_a_function_that_returns_false_is_called_no_more_and_leaves_no_watch(
    client: Client, last: int
) -> None:
    seen: list[bytes | None] = []

    @client.DataWatch("/a")
    def note(data: bytes | None, stat: Stat | None) -> bool:
        seen.append(data)
        return len(seen) <= last

    for count in range(1, 4):
        client.set("/a", b"%d" % count)
        wait_until(lambda: len(seen) > min(count, last), SOON)  # noqa: B023 (called at once)

    wait_until(lambda: is_forgotten(client), SOON)
    assert seen == [b"0", b"1"][: last + 1]


def test_k41_a_watch_has_one_function(client: Client) -> None:
    watch = client.DataWatch("/a", lambda data, stat: None)

    with pytest.raises(zc.zk.UsageError, match="/a"):
        watch(lambda data, stat: None)


def test_k41_a_change_of_children_or_acl_is_no_change_of_data(client: Client) -> None:
    seen: list[bytes | None] = []
    client.DataWatch("/a", lambda data, stat: seen.append(data))

    client.create("/a/b")
    client.set_acls("/a", zc.zk.OPEN_ACL_UNSAFE)
    client.set("/a", b"1")

    wait_until(lambda: len(seen) > 1, SOON)
    assert remains(lambda: seen == [b"0", b"1"], A_MOMENT)


@only_threads
def test_k41_a_state_is_never_told_twice(
    client: Client, change_before_the_first_call: Callable[[Callable[[], object]], None]
) -> None:
    seen: list[bytes | None] = []
    change_before_the_first_call(lambda: client.set("/a", b"1"))

    client.DataWatch("/a", lambda data, stat: seen.append(data))
    client.set("/a", b"2")

    wait_until(lambda: seen[-1] == b"2", SOON)
    assert seen == [b"1", b"2"]


@pytest.mark.slow
def test_k41_the_last_state_is_always_told(client: Client) -> None:
    seen: list[bytes | None] = []
    client.DataWatch("/a", lambda data, stat: seen.append(data))

    results = [client.set_async("/a", b"%d" % count) for count in range(1, 501)]
    results[-1].get(stretched(SOON))

    wait_until(lambda: seen[-1] == b"500", SOON)
    numbers = [int(data or b"") for data in seen]
    assert numbers == sorted(set(numbers))


@pytest.mark.slow
def test_a_function_that_raises_at_first_is_not_kept(client: Client) -> None:
    def failing(data: bytes | None, stat: Stat | None) -> None:
        raise KeyError("the fault of the function")

    with pytest.raises(KeyError, match="the fault"):
        client.DataWatch("/a", failing)

    wait_until(lambda: is_forgotten(client), SOON)


def test_a_function_that_raises_later_is_logged_and_stays(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes | None] = []

    @client.DataWatch("/a")
    def failing(data: bytes | None, stat: Stat | None) -> None:
        seen.append(data)
        if len(seen) == 2:
            raise KeyError("the fault of the function")

    for count in (1, 2):
        client.set("/a", b"%d" % count)
        wait_until(lambda: len(seen) == count + 1, SOON)  # noqa: B023 (called at once)

    assert caplog.text.count("KeyError: 'the fault of the function'") == 1


@only_threads
def test_a_function_may_write_what_it_watches(client: Client) -> None:
    @client.DataWatch("/a")
    def count_up(data: bytes | None, stat: Stat | None) -> None:
        if data is not None and int(data) < 5:
            client.set("/a", b"%d" % (int(data) + 1))

    wait_until(lambda: client.get("/a")[0] == b"5", SOON)


def test_a_node_that_may_not_be_read_is_an_error(client: Client) -> None:
    client.create("/b", acl=[zc.zk.world_permission(zc.zk.Permissions.WRITE)])

    with pytest.raises(zc.zk.NoAuthError):
        client.DataWatch("/b", lambda data, stat: None)
    with pytest.raises(zc.zk.NoAuthError):
        client.ChildrenWatch("/b", lambda children: None)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["connection", "session"])
def test_what_was_changed_during_an_outage_is_told_once(
    client: Client, watched: Client, proxy: FaultProxy, server: AnyServer, how: str
) -> None:
    data: list[bytes | None] = []
    names: list[list[str]] = []
    watched.DataWatch("/a", lambda new, stat: data.append(new))
    watched.ChildrenWatch("/a", names.append)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: not watched.connected, SOON)
    if how == "session":
        server.expire(*identity(watched))

    for count in (1, 2):
        client.set("/a", b"%d" % count)
        client.create(f"/a/{count}")
    proxy.accept()

    wait_until(lambda: data == [b"0", b"2"], SOON)
    wait_until(lambda: [sorted(each) for each in names] == [[], ["1", "2"]], SOON)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["connection", "session"])
def test_an_outage_without_a_change_calls_nobody(
    watched: Client, proxy: FaultProxy, server: AnyServer, how: str
) -> None:
    data: list[bytes | None] = []
    names: list[list[str]] = []
    watched.DataWatch("/a", lambda new, stat: data.append(new))
    watched.ChildrenWatch("/a", names.append)

    if how == "session":
        lose_session(watched, server)
    else:
        proxy.cut()
        wait_until(lambda: len(proxy.attempts) >= 2 and watched.connected, SOON)
    watched.sync("/")

    assert remains(lambda: data == [b"0"] and names == [[]], A_MOMENT)


# --- the children of a node


def test_k42_a_function_is_called_at_once_and_when_a_child_comes_or_goes(client: Client) -> None:
    seen: list[list[str]] = []

    @client.ChildrenWatch("/a")
    def note(children: list[str]) -> None:
        seen.append(sorted(children))

    assert seen == [[]]
    client.create("/a/b")
    wait_until(lambda: seen[1:] == [["b"]], SOON)
    client.create("/a/c")
    wait_until(lambda: seen[2:] == [["b", "c"]], SOON)
    client.delete("/a/b")
    wait_until(lambda: seen[3:] == [["c"]], SOON)


def test_k42_a_function_may_be_given_to_the_constructor(client: Client) -> None:
    seen: list[list[str]] = []

    assert isinstance(client.ChildrenWatch("/a", seen.append), ChildrenWatch)

    assert seen == [[]]


def test_k42_the_event_is_sent_where_it_was_asked_for(client: Client) -> None:
    seen: list[tuple[list[str], WatchedEvent | None]] = []

    @client.ChildrenWatch("/a", send_event=True)
    def note(children: list[str], event: WatchedEvent | None) -> None:
        seen.append((children, event))

    client.create("/a/b")
    wait_until(lambda: len(seen) == 2, SOON)

    assert seen[0] == ([], None)
    event = seen[1][1]
    assert seen[1][0] == ["b"]
    assert event is not None
    assert (event.type, event.path) == ("CHILD", "/a")


def test_k42_a_missing_node_stops_the_watch_with_a_warning(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[str]] = []

    def note(children: list[str]) -> None:
        seen.append(children)

    assert client.ChildrenWatch("/b")(note) is note
    client.create("/b/c", makepath=True)

    wait_until(lambda: is_forgotten(client), SOON)
    assert remains(lambda: seen == [], A_MOMENT)
    assert caplog.messages.count("/b does not exist: its children are not watched") == 1


@pytest.mark.slow
def test_k42_a_function_that_returns_false_is_called_no_more(client: Client) -> None:
    seen: list[list[str]] = []

    @client.ChildrenWatch("/a")
    def note(children: list[str]) -> bool:
        seen.append(children)
        return len(seen) < 2

    client.create("/a/b")
    wait_until(lambda: len(seen) == 2, SOON)
    client.create("/a/c")

    wait_until(lambda: is_forgotten(client), SOON)
    assert remains(lambda: len(seen) == 2, A_MOMENT)


def test_k42_a_deleted_node_has_no_children_until_it_comes_back(client: Client) -> None:
    seen: list[list[str]] = []
    client.create("/a/b")
    client.ChildrenWatch("/a", seen.append)

    client.delete("/a", recursive=True)
    wait_until(lambda: seen[-1] == [], SOON)
    client.create("/a/c", makepath=True)

    wait_until(lambda: seen[-1] == ["c"], SOON)


@only_threads
def test_k42_a_state_is_never_told_twice(
    client: Client, change_before_the_first_call: Callable[[Callable[[], object]], None]
) -> None:
    seen: list[list[str]] = []
    change_before_the_first_call(lambda: client.create("/a/b"))

    client.ChildrenWatch("/a", lambda names: seen.append(sorted(names)))
    client.create("/a/c")

    wait_until(lambda: seen[-1] == ["b", "c"], SOON)
    assert seen == [["b"], ["b", "c"]]


@pytest.mark.slow
def test_k42_a_watch_survives_the_session_unless_told_otherwise(
    client: Client, watched: Client, server: AnyServer
) -> None:
    lasting: list[list[str]] = []
    bound: list[list[str]] = []
    watched.ChildrenWatch("/a", lasting.append)
    watched.ChildrenWatch("/a", bound.append, allow_session_lost=False)

    lose_session(watched, server)
    client.create("/a/b")

    wait_until(lambda: lasting == [[], ["b"]], SOON)
    assert remains(lambda: bound == [[]], A_MOMENT)


@pytest.mark.slow
def test_k42_a_watch_that_is_bound_to_the_session_survives_the_connection(
    client: Client, watched: Client, proxy: FaultProxy
) -> None:
    bound: list[list[str]] = []
    watched.ChildrenWatch("/a", bound.append, allow_session_lost=False)

    proxy.cut()
    wait_until(lambda: len(proxy.attempts) >= 2 and watched.connected, SOON)
    client.create("/a/b")

    wait_until(lambda: bound == [[], ["b"]], SOON)


def test_k42_the_list_belongs_to_the_function(client: Client) -> None:
    seen: list[list[str]] = []

    @client.ChildrenWatch("/a")
    def take_all(children: list[str]) -> None:
        seen.append(sorted(children))
        children.clear()

    client.create("/a/b")
    wait_until(lambda: seen == [[], ["b"]], SOON)
    client.create("/a/c")

    wait_until(lambda: seen[2:] == [["b", "c"]], SOON)


# --- what both share


@pytest.mark.slow
def test_a_watch_without_a_function_goes_with_its_last_reference(client: Client) -> None:
    data, children = client.DataWatch("/a"), client.ChildrenWatch("/a")
    assert not is_forgotten(client)

    del data, children

    wait_until(lambda: is_forgotten(client), SOON)


@only_threads
def test_a_slow_function_gets_the_latest_state_next(client: Client) -> None:
    seen: list[bytes | None] = []
    may_go_on = threading.Event()

    @client.DataWatch("/a")
    def slow(data: bytes | None, stat: Stat | None) -> None:
        seen.append(data)
        if len(seen) == 2:
            may_go_on.wait(stretched(SOON))

    current = client.DataWatch("/a")
    latest: list[bytes | None] = []
    current(lambda data, stat: latest.append(data))
    client.set("/a", b"1")
    wait_until(lambda: len(seen) == 2, SOON)
    for count in (2, 3, 4):
        client.set("/a", b"%d" % count)
    wait_until(lambda: latest[-1] == b"4", SOON)
    may_go_on.set()

    wait_until(lambda: seen == [b"0", b"1", b"4"], SOON)


def test_a_watch_shows_its_path(client: Client) -> None:
    assert "DataWatch /a" in repr(client.DataWatch("/a"))
    assert "ChildrenWatch /a" in repr(client.ChildrenWatch("/a"))


def test_stopping_the_client_calls_no_function(client: Client) -> None:
    calls: list[Any] = []
    client.DataWatch("/a", lambda *arguments: calls.append(arguments))
    client.ChildrenWatch("/a", lambda *arguments: calls.append(arguments))

    client.stop()

    assert len(calls) == 2


def test_watches_follow_a_client_that_is_started_again(client: Client) -> None:
    seen: list[bytes | None] = []
    client.DataWatch("/a", lambda data, stat: seen.append(data))

    client.restart()
    client.set("/a", b"1")

    wait_until(lambda: seen == [b"0", b"1"], SOON)


def test_many_data_watches_are_set_up_at_once_and_each_has_its_function(client: Client) -> None:
    client.create("/b", b"1")
    told: list[tuple[str, bytes | None]] = []

    watches = client.data_watches(
        {
            "/a": lambda data, stat: told.append(("/a", data)),
            "/b": lambda data, stat: told.append(("/b", data)),
            "/missing": lambda data, stat: told.append(("/missing", data)),
        }
    )

    assert list(watches) == ["/a", "/b", "/missing"]
    assert told == [("/a", b"0"), ("/b", b"1"), ("/missing", None)]
    client.set("/b", b"2")
    wait_until(lambda: told[3:] == [("/b", b"2")], SOON)


@pytest.mark.slow
def test_no_watch_of_many_stays_when_a_function_raises(client: Client) -> None:
    def fail(data: object, stat: object) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        client.data_watches({"/a": lambda data, stat: None, "/": fail})

    wait_until(lambda: is_forgotten(client), SOON)


def test_no_data_watches_are_set_up_for_no_path(client: Client) -> None:
    assert client.data_watches({}) == {}


def test_an_event_comes_with_the_data_that_it_announced(client: Client, server: AnyServer) -> None:
    told: list[tuple[int, int]] = []

    @client.DataWatch("/a")
    def changed(data: bytes, stat: Stat, event: WatchedEvent | None) -> None:
        if event is not None and event.zxid > 0:  # servers before 3.9 do not tell
            told.append((event.zxid, stat.mzxid))

    results = [client.set_async("/a", b"%d" % number) for number in range(100)]
    results[-1].get()
    wait_until(lambda: client.get("/a")[1].mzxid == results[-1].get().mzxid, SOON)

    assert all(event <= data for event, data in told)
