import weakref
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk.codes import EVENT_TYPES, SET_WATCHES_BYTES, EventType, KeeperState
from zc.zk.operations import SetWatches, Watch
from zc.zk.plans import Change
from zc.zk.protocol.requests import encode
from zc.zk.protocol.watches import WatchTables
from zc.zk.records import WatchedEvent

KINDS = ("data", "exist", "child")
_HEADER_BYTES = 8


class Told(Watch):
    """Remembers what it was told; `lives_on` says what it wants of a new session."""

    def __init__(self, *, lives_on: bool = True) -> None:
        self.events: list[EventType] = []
        self.lives_on = lives_on

    def fire(self, event: WatchedEvent) -> None:
        self.events.append(event.type)

    def restart(self) -> bool:
        return self.lives_on


def event(kind: EventType, path: str | None = "/a") -> WatchedEvent:
    return WatchedEvent(kind, KeeperState.CONNECTED, path)


def armed(kinds: Iterable[str] = KINDS, path: str = "/a") -> tuple[WatchTables, dict[str, Told]]:
    tables = WatchTables()
    watches = {kind: Told() for kind in kinds}
    for kind, watch in watches.items():
        tables.add(kind, path, watch)
    return tables, watches


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (EventType.CREATED, {"data", "exist"}),
        (EventType.CHANGED, {"data", "exist"}),
        (EventType.DELETED, {"data", "exist", "child"}),
        (EventType.CHILD, {"child"}),
        (EventType.NONE, set()),
    ],
)
def test_an_event_tells_exactly_the_watches_that_it_uses_up(
    kind: EventType, told: set[str]
) -> None:
    tables, watches = armed()

    tables.fire(event(kind))
    tables.fire(event(kind))

    assert {name for name, watch in watches.items() if watch.events == [kind]} == told
    assert len(tables) == 3 - len(told)


def test_an_event_of_another_path_tells_nobody() -> None:
    tables, watches = armed()

    tables.fire(event(EventType.DELETED, "/b"))

    assert [watch.events for watch in watches.values()] == [[], [], []]


def test_an_event_without_a_path_tells_nobody() -> None:
    tables, watches = armed()

    tables.fire(event(EventType.DELETED, None))

    assert [watch.events for watch in watches.values()] == [[], [], []]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_all_that_share_a_path_are_told(count: int) -> None:
    tables = WatchTables()
    watches = [Told() for _ in range(count)]
    for watch in watches:
        tables.add("data", "/a", watch)

    tables.fire(event(EventType.CHANGED))

    assert [watch.events for watch in watches] == [[EventType.CHANGED]] * count
    assert len(tables) == 0


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_watch_that_is_armed_twice_is_told_once(others: int) -> None:
    tables, watch = WatchTables(), Told()
    for each in [Told() for _ in range(others)]:
        tables.add("data", "/a", each)

    tables.add("data", "/a", watch)
    tables.add("data", "/a", watch)
    tables.fire(event(EventType.CHANGED))

    assert watch.events == [EventType.CHANGED]


def test_a_watch_may_be_armed_again_while_it_is_told() -> None:
    tables = WatchTables()

    class Again(Told):
        def fire(self, event: WatchedEvent) -> None:
            super().fire(event)
            tables.add("data", "/a", self)

    watch = Again()
    tables.add("data", "/a", watch)

    tables.fire(event(EventType.CHANGED))
    tables.fire(event(EventType.CHANGED))

    assert watch.events == [EventType.CHANGED] * 2


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_discarded_watch_is_told_nothing_and_the_others_are(others: int) -> None:
    tables, watch = WatchTables(), Told()
    rest = [Told() for _ in range(others)]
    for kind in KINDS:
        for each in [watch, *rest]:
            tables.add(kind, "/a", each)

    tables.discard("/a", watch)
    tables.fire(event(EventType.CHILD))

    assert watch.events == []
    assert [each.events for each in rest] == [[EventType.CHILD]] * others


def test_nothing_is_left_of_a_path_whose_watches_are_gone() -> None:
    tables, watches = armed(["data"])

    tables.discard("/a", watches["data"])
    tables.discard("/a", watches["data"])

    assert len(tables) == 0
    assert list(tables.rearming(1, "")) == []


def test_a_new_session_keeps_the_watches_that_want_it() -> None:
    tables = WatchTables()
    tables.add("data", "/a", Told(lives_on=True))
    tables.add("data", "/a", Told(lives_on=False))
    tables.add("child", "/b", Told(lives_on=False))

    tables.restart()

    assert list(tables.rearming(1, "")) == [SetWatches(1, ("/a",))]


def test_the_paths_that_are_watched_are_known() -> None:
    tables, _ = armed(path="/a")
    tables.add("child", "/b", Told())

    assert tables.paths == {"/a", "/b"}


# Arming again


def test_watches_are_armed_again_by_kind_relative_to_what_was_seen() -> None:
    tables = WatchTables()
    for kind, path in (("child", "/c"), ("exist", "/e"), ("data", "/d"), ("data", "/d2")):
        tables.add(kind, path, Told())

    assert list(tables.rearming(42, "")) == [SetWatches(42, ("/d", "/d2"), ("/e",), ("/c",))]


def test_watches_that_share_a_path_are_armed_once() -> None:
    tables = WatchTables()
    tables.add("data", "/a", Told())
    tables.add("data", "/a", Told())

    assert list(tables.rearming(1, "")) == [SetWatches(1, ("/a",))]


def test_where_there_is_no_watch_nothing_is_asked() -> None:
    assert list(WatchTables().rearming(1, "")) == []


def tables_of(paths: Iterable[str]) -> WatchTables:
    tables = WatchTables()
    for number, path in enumerate(paths):
        tables.add(KINDS[number % 3], path, Told())
    return tables


@pytest.mark.parametrize("root", ["", "/app", "/" + "é" * 500])
def test_a_batch_is_never_larger_than_128_kib_and_together_they_are_everything(root: str) -> None:
    paths = [f"/service/{'ü' * (number % 90)}/{number}" for number in range(4000)]

    batches = list(tables_of(paths).rearming(7, root))

    assert all(len(encode(each, root)) + _HEADER_BYTES <= SET_WATCHES_BYTES for each in batches)
    assert len(batches) > 1
    assert {each.relative_zxid for each in batches} == {7}
    assert sorted(path for each in batches for path in each.data + each.exist + each.child) == (
        sorted(paths)
    )


def test_batches_are_few() -> None:
    paths = [f"/service/{'x' * 80}/{number:05}" for number in range(10_000)]
    size = sum(len(path) + 4 for path in paths)

    batches = list(tables_of(paths).rearming(7, ""))

    assert len(batches) == size // SET_WATCHES_BYTES + 1


def test_a_path_longer_than_a_batch_travels_alone() -> None:
    long = "/" + "x" * (2 * SET_WATCHES_BYTES)
    tables = WatchTables()
    for path in ("/a", long, "/b"):
        tables.add("data", path, Told())

    batches = list(tables.rearming(7, ""))

    assert [each.data for each in batches] == [("/a",), (long,), ("/b",)]


@given(st.sets(st.integers(0, 10**6), max_size=40), st.sampled_from(list(EVENT_TYPES.values())))
def test_what_an_event_uses_up_is_not_armed_again(numbers: set[int], kind: EventType) -> None:
    paths = sorted(f"/{number}" for number in numbers)
    tables = tables_of(paths)

    for path in paths:
        tables.fire(event(kind, path))
    left = [each for batch in tables.rearming(1, "") for each in batch.data]

    expected = paths[0::3] if kind in {EventType.NONE, EventType.CHILD} else []
    assert left == expected


class WeakChange(Change):
    """A change whose end can be seen."""

    __slots__ = ("__weakref__",)


def test_changes_that_nobody_waits_for_do_not_pile_up() -> None:
    tables = WatchTables()
    poked = WatchedEvent(EventType.NONE, KeeperState.CONNECTED, "/a")
    spent = [WeakChange() for _ in range(100)]
    kept = [weakref.ref(change) for change in spent]
    for change in spent:
        tables.add("data", "/a", change)
        change.fire(poked)
    last = Change()
    tables.add("data", "/a", last)

    del change
    spent.clear()

    assert [each for each in kept if each() is not None] == []
    tables.fire(WatchedEvent(EventType.CHANGED, KeeperState.CONNECTED, "/a"))
    assert last.is_spent
