"""Watch tables: at most one event each, dropped with their connection (protocol.md, 11)."""

from collections.abc import Collection
from typing import Any

import pytest

from zc.zk.codes import EventType
from zc.zk.errors import QuotaExceededError
from zc.zk.security import ACL, Id
from zc.zk.server.acl import OPEN
from zc.zk.server.tree import Happening
from zc.zk.server.watches import (
    ONCE,
    PERSISTENT,
    RECURSIVE,
    Watcher,
    Watches,
    WatchTable,
    event_frame,
)

CLOSED_TO_ALL = (ACL(1, Id("digest", "bob:hash")),)


class Listener:
    session_id = 1

    def __init__(self, *identities: Id) -> None:
        self.identities = identities
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def created(path: str) -> Happening:
    return Happening(EventType.CREATED, path, OPEN)


def test_one_watcher_can_wait_for_so_much_and_no_more() -> None:
    table, greedy, other = WatchTable(most_bytes=350), Listener(), Listener()
    for path in ("/aaaaaaaaa", "/bbbbbbbbb", "/ccccccccc"):
        table.add(path, greedy)

    with pytest.raises(QuotaExceededError):
        table.add("/d", greedy)
    table.add("/aaaaaaaaa", greedy)
    table.add("/d", other)
    table.take("/bbbbbbbbb", EventType.CHANGED)
    table.add("/d", greedy)

    assert len(table) == 4


def test_who_went_can_wait_anew() -> None:
    table, greedy = WatchTable(most_bytes=120), Listener()
    for _ in range(3):
        table.add("/a", greedy)
        table.forget(greedy)

    assert len(table) == 0


def test_a_watch_fires_once() -> None:
    watches, listener = Watches(), Listener()
    watches.data.add("/n", listener)

    watches.fire(created("/n"), 5)
    watches.fire(created("/n"), 6)

    assert listener.frames == [event_frame(EventType.CREATED, "/n", 5)]
    assert len(watches) == 0


def test_the_same_watch_twice_is_one() -> None:
    watches, listener = Watches(), Listener()
    watches.data.add("/n", listener)
    watches.data.add("/n", listener)

    watches.fire(created("/n"), 5)

    assert len(listener.frames) == 1


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (EventType.CREATED, "data"),
        (EventType.CHANGED, "data"),
        (EventType.DELETED, "data"),
        (EventType.DELETED, "child"),
        (EventType.CHILD, "child"),
    ],
)
def test_each_kind_of_event_fires_its_tables(kind: EventType, table: str) -> None:
    watches, listener = Watches(), Listener()
    getattr(watches, table).add("/n", listener)

    watches.fire(Happening(kind, "/n", OPEN), 5)

    assert listener.frames == [event_frame(kind, "/n", 5)]


@pytest.mark.parametrize(
    ("kind", "table"),
    [(EventType.CREATED, "child"), (EventType.CHANGED, "child"), (EventType.CHILD, "data")],
)
def test_no_event_fires_the_other_table(kind: EventType, table: str) -> None:
    watches, listener = Watches(), Listener()
    getattr(watches, table).add("/n", listener)

    watches.fire(Happening(kind, "/n", OPEN), 5)

    assert listener.frames == []
    assert len(watches) == 1


def test_a_deletion_is_told_once_to_who_watches_data_and_children() -> None:
    watches, listener = Watches(), Listener()
    watches.data.add("/n", listener)
    watches.child.add("/n", listener)

    watches.fire(Happening(EventType.DELETED, "/n", OPEN), 5)

    assert len(listener.frames) == 1
    assert len(watches) == 0


def test_all_who_watch_are_told() -> None:
    watches, listeners = Watches(), [Listener() for _ in range(3)]
    for listener in listeners:
        watches.data.add("/n", listener)

    watches.fire(created("/n"), 5)

    assert [len(listener.frames) for listener in listeners] == [1, 1, 1]


def test_who_may_not_read_is_not_told_but_loses_the_watch() -> None:
    watches, stranger, bob = Watches(), Listener(), Listener(Id("digest", "bob:hash"))
    for listener in (stranger, bob):
        watches.data.add("/n", listener)

    watches.fire(Happening(EventType.CHANGED, "/n", CLOSED_TO_ALL), 5)

    assert (len(stranger.frames), len(bob.frames)) == (0, 1)
    assert len(watches) == 0


def test_a_connection_takes_its_watches_along_and_no_others() -> None:
    watches, leaver, stayer = Watches(), Listener(), Listener()
    for listener in (leaver, stayer):
        watches.data.add("/n", listener)
        watches.child.add("/m", listener)

    watches.forget(leaver)
    watches.fire(created("/n"), 5)

    assert (len(leaver.frames), len(stayer.frames)) == (0, 1)
    assert len(watches) == 1


def test_a_table_keeps_nothing_of_what_has_gone() -> None:
    table, listener = WatchTable(), Listener()
    for number in range(10):
        table.add(f"/{number}", listener)
    for number in range(5):
        assert list(table.take(f"/{number}", EventType.CREATED)) == [listener]

    table.forget(listener)

    assert len(table) == 0
    assert vars(table) == vars(WatchTable())


def test_nobody_waits_for_a_path_that_was_never_watched() -> None:
    assert list(WatchTable().take("/n", EventType.CREATED)) == []


def test_forgetting_a_stranger_changes_nothing() -> None:
    WatchTable().forget(Listener())


def test_an_event_is_the_frame_of_the_protocol_sheet() -> None:
    expected = "00000021 ffffffff ffffffffffffffff 00000000 00000003 00000003 00000005 2f64656d6f"

    assert event_frame(EventType.CHANGED, "/demo", -1) == bytes.fromhex(expected)


# Watches that stay


@pytest.mark.parametrize("path", ["/", "/a", "/a/b", "/a/b/c"])
def test_a_recursive_watch_is_told_of_its_node_and_all_below(path: str) -> None:
    watches, listener = Watches(), Listener()
    watches.add_lasting(path, listener, RECURSIVE)

    for number in range(3):
        watches.fire(created("/a/b/c"), number)

    assert len(listener.frames) == 3
    watches.fire(created("/ab"), 5)
    watches.fire(created("/b/a/b/c"), 5)
    assert len(listener.frames) == (5 if path == "/" else 3)


@pytest.mark.parametrize("one_way", [False, True])
def test_a_recursive_watch_is_never_told_of_children(one_way: bool) -> None:
    watches, listener = Watches(one_way=one_way), Listener()
    watches.add_lasting("/n", listener, RECURSIVE)

    watches.fire(Happening(EventType.CHILD, "/n", OPEN), 5)
    watches.fire(Happening(EventType.CHILD, "/n/m", OPEN), 5)

    assert listener.frames == []


def test_a_watch_in_several_ways_loses_only_the_one_that_fires_once() -> None:
    watches, listener = Watches(), Listener()
    watches.data.add("/n", listener)
    watches.add_lasting("/n", listener, PERSISTENT)
    watches.add_lasting("/n", listener, RECURSIVE)

    for _ in range(2):
        watches.fire(created("/n"), 5)

    assert len(listener.frames) == 2
    assert not watches.data.has("/n", listener, ONCE)
    assert watches.data.has("/n", listener, PERSISTENT)
    assert watches.data.has("/n", listener, RECURSIVE)


def test_with_one_way_the_last_one_asked_for_counts() -> None:
    table, listener = WatchTable(one_way=True), Listener()

    for way in (PERSISTENT, RECURSIVE, ONCE):
        table.add("/n", listener, way)

    assert [table.has("/n", listener, way) for way in (ONCE, PERSISTENT, RECURSIVE)] == [
        True,
        False,
        False,
    ]


def test_a_way_is_removed_on_its_own() -> None:
    table, listener = WatchTable(), Listener()
    table.add("/n", listener, PERSISTENT)
    table.add("/n", listener, RECURSIVE)

    assert not table.remove("/n", listener, ONCE)
    assert not table.remove("/m", listener)
    assert not table.remove("/n", Listener())
    assert table.remove("/n", listener, PERSISTENT)

    assert table.has("/n", listener)
    assert table.remove("/n", listener)
    assert vars(table) == vars(WatchTable())


def test_without_recursive_watches_an_event_looks_at_its_own_path_alone() -> None:
    class Counting(WatchTable):
        looked_up = 0

        def take(self, path: str, kind: EventType) -> Collection[Watcher]:
            self._ways = LookUps(self._ways)
            told = super().take(path, kind)
            self.looked_up = self._ways.count
            return told

    class LookUps(dict[str, dict[Watcher, int]]):
        count = 0

        def get(self, *arguments: Any) -> Any:  # Any: as dict has it
            self.count += 1
            return super().get(*arguments)

    table, listener = Counting(), Listener()
    table.add("/", listener, RECURSIVE)
    table.take("/a/b/c", EventType.CREATED)
    assert table.looked_up == 4
    table.remove("/", listener)

    table.take("/a/b/c", EventType.CREATED)

    assert table.looked_up == 1


def test_a_recursive_watch_takes_no_more_memory_where_the_tree_is_large() -> None:
    def entries(watches: Watches) -> int:
        return len(watches) + watches.data.path_count + watches.data.watcher_count

    watches, listener = Watches(), Listener()
    watches.add_lasting("/", listener, RECURSIVE)
    before = entries(watches)

    for number in range(1000):
        watches.fire(created(f"/{number}"), number)

    assert len(listener.frames) == 1000
    assert entries(watches) == before == 3


def test_forgetting_a_watcher_forgets_all_its_ways() -> None:
    watches, listener = Watches(), Listener()
    watches.data.add("/n", listener)
    for way in (PERSISTENT, RECURSIVE):
        watches.add_lasting("/n", listener, way)

    watches.forget(listener)

    assert vars(watches.data) == vars(WatchTable())
    assert vars(watches.child) == vars(WatchTable())
