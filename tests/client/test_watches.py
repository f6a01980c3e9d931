"""One-shot watches: the functions given to a read."""

import pytest

import zc.zk
from tests.faces import only_threads
from tests.waiting import remains, wait_until
from zc.zk import (
    Client,
    WatchedEvent,
)

SOON = 20.0
A_MOMENT = 0.05


def test_a_watch_of_data_is_called_once_with_the_first_change(client: Client) -> None:
    events: list[WatchedEvent] = []
    client.create("/a")
    client.get("/a", events.append)

    client.set("/a", b"1")
    client.set("/a", b"2")

    wait_until(lambda: events, SOON)
    assert remains(lambda: len(events) == 1, A_MOMENT)
    assert (events[0].type, events[0].state, events[0].path) == ("CHANGED", "CONNECTED", "/a")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_watch_of_a_missing_node_is_called_when_it_is_created(
    client: Client, is_async: bool
) -> None:
    events: list[WatchedEvent] = []
    if is_async:
        client.exists_async("/a", events.append).get()
    else:
        client.exists("/a", events.append)

    client.create("/a")

    wait_until(lambda: [event.type for event in events] == ["CREATED"], SOON)


@pytest.mark.parametrize("include_data", [False, True])
def test_a_watch_of_children_is_called_when_one_comes_and_not_when_data_change(
    client: Client, include_data: bool
) -> None:
    events: list[WatchedEvent] = []
    client.create("/a")
    client.get_children_async("/a", events.append, include_data=include_data).get()

    client.set("/a", b"1")
    client.create("/a/b")

    wait_until(lambda: [(event.type, event.path) for event in events] == [("CHILD", "/a")], SOON)


def test_every_watch_of_a_node_is_told_of_its_deletion(client: Client) -> None:
    events: list[tuple[str, str]] = []
    client.create("/a")
    client.get("/a", lambda event: events.append(("get", event.type)))
    client.exists("/a", lambda event: events.append(("exists", event.type)))
    client.get_children("/a", lambda event: events.append(("get_children", event.type)))

    client.delete("/a")

    kinds = [(kind, "DELETED") for kind in ("exists", "get", "get_children")]
    wait_until(lambda: sorted(events) == kinds, SOON)


def test_a_function_that_watches_twice_is_called_once(client: Client) -> None:
    events: list[WatchedEvent] = []
    client.create("/a")
    client.get("/a", events.append)
    client.get("/a", events.append)

    client.set("/a", b"")

    wait_until(lambda: events, SOON)
    assert remains(lambda: len(events) == 1, A_MOMENT)


def test_asking_for_a_missing_node_leaves_no_watch(client: Client) -> None:
    events: list[WatchedEvent] = []
    for ask in (client.get, client.get_children):
        with pytest.raises(zc.zk.NoNodeError):
            ask("/a", events.append)

    client.create("/a")
    client.sync("/a")

    assert remains(lambda: events == [], A_MOMENT)


@only_threads
def test_a_watch_may_ask_and_watch_again(client: Client) -> None:
    seen: list[bytes] = []

    def look(event: WatchedEvent | None = None) -> None:
        seen.append(client.get("/a", look)[0])

    client.create("/a", b"0")
    look()
    for count in (b"1", b"2", b"3"):
        client.set("/a", count)
        wait_until(lambda: seen[-1] == count, SOON)  # noqa: B023 (called at once)

    assert seen == [b"0", b"1", b"2", b"3"]


def test_a_watch_that_raises_is_logged_and_harms_nobody(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[WatchedEvent] = []

    def failing(event: WatchedEvent) -> None:
        raise ValueError("the fault of the watch")

    client.create("/a")
    client.get("/a", failing)
    client.get("/a", events.append)

    client.set("/a", b"")

    wait_until(lambda: len(events) == 1 and "the fault of the watch" in caplog.text, SOON)
    assert client.connected


class Unhashable:
    """A function that cannot be a key, as every dataclass that can be called is."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.calls: list[object] = []

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, *arguments: object) -> None:
        self.calls.append(arguments)


@only_threads
def test_a_function_need_not_be_hashable_to_be_called_back(client: Client) -> None:
    listener, watch, link = Unhashable(), Unhashable(), Unhashable()
    client.create("/a")
    client.add_listener(listener)
    client.get("/a", watch)

    client.set_async("/a", b"").rawlink(link)

    wait_until(lambda: watch.calls and link.calls, SOON)
    client.stop()
    wait_until(lambda: listener.calls, SOON)


class Unequal:
    """A function whose hash or equality fails."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error
        self.events: list[WatchedEvent] = []

    def __call__(self, event: WatchedEvent) -> None:
        self.events.append(event)

    def __eq__(self, other: object) -> bool:
        raise self.error("no equality")

    def __hash__(self) -> int:
        raise self.error("no hash")


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_functions_that_cannot_be_compared_are_called_and_harm_nobody(
    client: Client, error: type[Exception]
) -> None:
    first, second = Unequal(error), Unequal(error)
    client.create("/a", b"0")
    client.get("/a", first)

    assert client.get("/a", second)[0] == b"0"
    client.set("/a", b"1")

    wait_until(lambda: first.events and second.events, SOON)
    assert client.get("/a")[0] == b"1"
