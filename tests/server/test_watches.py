"""Watch tables: one-shot, at most one event each, dropped with their connection (protocol.md, 11)."""

import pytest

from zc.zk.codes import EventType
from zc.zk.security import ACL, Id
from zc.zk.server.acl import OPEN
from zc.zk.server.tree import Happening
from zc.zk.server.watches import Watches, WatchTable, event_frame

CLOSED_TO_ALL = (ACL(1, Id("digest", "bob:hash")),)


class Listener:
    def __init__(self, *identities: Id) -> None:
        self.identities = identities
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def created(path: str) -> Happening:
    return Happening(EventType.CREATED, path, OPEN)


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
        assert list(table.take(f"/{number}")) == [listener]

    table.forget(listener)

    assert len(table) == 0
    assert vars(table) == vars(WatchTable())


def test_nobody_waits_for_a_path_that_was_never_watched() -> None:
    assert list(WatchTable().take("/n")) == []


def test_forgetting_a_stranger_changes_nothing() -> None:
    WatchTable().forget(Listener())


def test_an_event_is_the_frame_of_the_protocol_sheet() -> None:
    expected = "00000021 ffffffff ffffffffffffffff 00000000 00000003 00000003 00000005 2f64656d6f"

    assert event_frame(EventType.CHANGED, "/demo", -1) == bytes.fromhex(expected)
