"""Watches that stay, removing and looking for watches, and arming them again (protocol.md, 11)."""

import pytest

from tests.server.conversation import Peer, World
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, ErrorCode, WatcherType
from zc.zk.security import ACL, Id
from zc.zk.server.settings import Settings

WATCH = ops.Watch()
PERSISTENT, RECURSIVE = AddWatchMode.PERSISTENT, AddWatchMode.PERSISTENT_RECURSIVE
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
NO_READ = (ACL(30, Id("world", "anyone")),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


@pytest.fixture
def other(world: World) -> Peer:
    return world.connect()


@pytest.fixture
def old() -> Peer:
    """A connection to a server of version 3.8."""
    return World(Settings(first_zxid=0, version=(3, 8))).connect()


# AddWatch


def grow(peer: Peer) -> None:
    for path in ("/p", "/p/n", "/p/n/m"):
        peer.ask(ops.Create(path))
    peer.ask(ops.SetData("/p/n", b"x"))
    for path in ("/p/n/m", "/p/n", "/p"):
        peer.ask(ops.Delete(path))


def test_a_persistent_watch_is_told_of_its_node_and_its_children_for_ever(
    peer: Peer, other: Peer
) -> None:
    reply = peer.call(ops.AddWatch("/p", WATCH, PERSISTENT))

    assert (reply.error, reply.body) == (0, bytes(4))
    for _ in range(2):
        grow(other)
        assert peer.take_events() == [
            (CREATED, "/p"),
            (CHILD, "/p"),
            (CHILD, "/p"),
            (DELETED, "/p"),
        ]


def test_a_recursive_watch_is_told_of_all_below_and_never_of_children(
    peer: Peer, other: Peer
) -> None:
    peer.ask(ops.AddWatch("/", WATCH, RECURSIVE))

    grow(other)

    assert peer.take_events() == [
        *((CREATED, path) for path in ("/p", "/p/n", "/p/n/m")),
        (CHANGED, "/p/n"),
        *((DELETED, path) for path in ("/p/n/m", "/p/n", "/p")),
    ]


def test_a_watch_that_stays_takes_no_zxid(world: World, peer: Peer) -> None:
    before = world.zxid

    assert peer.call(ops.AddWatch("/none", WATCH)).zxid == before

    assert world.zxid == before


def test_an_unknown_mode_cannot_be_read(peer: Peer) -> None:
    assert peer.call(ops.AddWatch("/n", WATCH, 2)).error == -5  # type: ignore[arg-type]


def test_a_watcher_is_told_once_however_it_watches(peer: Peer, other: Peer) -> None:
    for mode in (PERSISTENT, RECURSIVE):
        peer.ask(ops.AddWatch("/p", WATCH, mode))
    peer.ask(ops.AddWatch("/", WATCH, RECURSIVE))
    peer.call(ops.Exists("/p", WATCH))

    other.ask(ops.Create("/p"))
    other.ask(ops.Delete("/p"))

    assert peer.take_events() == [(CREATED, "/p"), (DELETED, "/p")]


def test_a_recursive_watcher_is_not_told_of_what_it_may_not_read(peer: Peer, other: Peer) -> None:
    peer.ask(ops.AddWatch("/", WATCH, RECURSIVE))

    other.ask(ops.Create("/closed", acl=NO_READ))
    other.ask(ops.Create("/closed/open"))

    assert peer.take_events() == [(CREATED, "/closed/open")]


def test_before_3_9_the_last_way_to_watch_is_the_only_one(old: Peer) -> None:
    old.ask(ops.Create("/n"))
    old.ask(ops.AddWatch("/n", WATCH, PERSISTENT))
    old.ask(ops.GetData("/n", WATCH))

    old.ask(ops.SetData("/n", b"1"))
    old.ask(ops.SetData("/n", b"2"))

    assert old.take_events() == [(CHANGED, "/n")]


def test_since_3_9_a_watch_that_fires_once_leaves_the_one_that_stays(peer: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.AddWatch("/n", WATCH, PERSISTENT))
    peer.ask(ops.GetData("/n", WATCH))

    peer.ask(ops.SetData("/n", b"1"))
    peer.ask(ops.SetData("/n", b"2"))

    assert peer.take_events() == [(CHANGED, "/n"), (CHANGED, "/n")]


# RemoveWatches and CheckWatches

EVERY_WAY = (
    ops.GetData("/n", WATCH),
    ops.GetChildren("/n", WATCH),
    ops.AddWatch("/n", WATCH, PERSISTENT),
    ops.AddWatch("/n", WATCH, RECURSIVE),
)
CHILDREN, DATA, ANY = WatcherType.CHILDREN, WatcherType.DATA, WatcherType.ANY
KINDS = (DATA, CHILDREN, WatcherType.PERSISTENT, WatcherType.PERSISTENT_RECURSIVE)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_watch_is_removed_on_its_own(kind: WatcherType, peer: Peer) -> None:
    peer.ask(ops.Create("/n"))
    for arm in EVERY_WAY:
        peer.call(arm)

    assert peer.call(ops.RemoveWatches("/n", kind)).error == 0

    errors = [peer.call(ops.CheckWatches("/n", each)).error for each in KINDS]
    assert errors == [ErrorCode.NO_WATCHER if each is kind else 0 for each in KINDS]


def test_any_removes_all_ways_to_watch_a_path(world: World, peer: Peer) -> None:
    peer.ask(ops.Create("/n"))
    for arm in EVERY_WAY:
        peer.call(arm)

    assert peer.call(ops.RemoveWatches("/n", ANY)).error == 0

    assert len(world.core.store.watches) == 0
    assert peer.call(ops.RemoveWatches("/n", ANY)).error == ErrorCode.NO_WATCHER


def test_below_a_recursive_watch_there_is_none_to_remove(peer: Peer) -> None:
    peer.ask(ops.AddWatch("/", WATCH, RECURSIVE))

    assert peer.call(ops.RemoveWatches("/n", ANY)).error == ErrorCode.NO_WATCHER


def test_removing_tells_nobody_and_takes_no_zxid(world: World, peer: Peer) -> None:
    peer.ask(ops.AddWatch("/", WATCH))
    before = world.zxid

    peer.ask(ops.RemoveWatches("/"))

    assert peer.take_events() == []
    assert world.zxid == before


def test_others_watches_are_neither_seen_nor_removed(peer: Peer, other: Peer) -> None:
    other.ask(ops.AddWatch("/", WATCH))

    for ask in (ops.CheckWatches("/"), ops.RemoveWatches("/")):
        assert peer.call(ask).error == ErrorCode.NO_WATCHER
    assert other.call(ops.CheckWatches("/")).error == 0


def test_before_3_9_anybodys_watches_are_seen(old: Peer) -> None:
    old.world.connect().ask(ops.AddWatch("/", WATCH))

    assert old.call(ops.CheckWatches("/")).error == 0
    assert old.call(ops.RemoveWatches("/")).error == ErrorCode.NO_WATCHER


def test_before_3_9_half_of_a_persistent_watch_can_be_removed(old: Peer) -> None:
    old.ask(ops.AddWatch("/", WATCH))

    assert old.call(ops.RemoveWatches("/", CHILDREN)).error == 0

    old.ask(ops.Create("/n"))
    old.ask(ops.SetData("/", b"x"))
    assert old.take_events() == [(CHANGED, "/")]


@pytest.mark.parametrize("kind", KINDS[2:])
def test_before_3_9_the_kinds_that_stay_are_unknown(kind: WatcherType, old: Peer) -> None:
    old.ask(ops.AddWatch("/", WATCH))

    for ask in (ops.CheckWatches("/", kind), ops.RemoveWatches("/", kind)):
        assert old.call(ask).error == ErrorCode.MARSHALLING_ERROR


@pytest.mark.parametrize("kind", [0, 6, -1])
def test_an_unknown_kind_cannot_be_read(kind: int, peer: Peer) -> None:
    for ask in (ops.CheckWatches("/", kind), ops.RemoveWatches("/", kind)):  # type: ignore[arg-type]
        assert peer.call(ask).error == ErrorCode.MARSHALLING_ERROR


# SetWatches2


def test_watches_that_stay_are_armed_again_without_a_word(
    world: World, peer: Peer, other: Peer
) -> None:
    since = world.zxid
    other.ask(ops.Create("/n"))

    peer.ask(ops.SetWatches2(since, persistent=("/n",), recursive=("/",)))

    assert peer.take_events() == []
    other.ask(ops.Create("/n/m"))
    assert peer.take_events() == [(CREATED, "/n/m"), (CHILD, "/n")]


def test_the_other_lists_are_as_those_of_set_watches(world: World, peer: Peer) -> None:
    since = world.zxid
    peer.ask(ops.Create("/n"))

    peer.ask(ops.SetWatches2(since, data=("/n", "/gone"), exist=("/n",), child=("/n",)))

    assert peer.take_events() == [
        (CHANGED, "/n"),
        (DELETED, "/gone"),
        (CREATED, "/n"),
        (CHILD, "/n"),
    ]


# SetWatches


@pytest.fixture
def since(world: World, peer: Peer) -> int:
    """Let nodes be older than this zxid, or change after it; /gone and /none do not exist."""
    for name in ("/old", "/changed", "/grown", "/gone"):
        peer.ask(ops.Create(name))
    since = world.zxid
    peer.ask(ops.SetData("/changed", b""))
    peer.ask(ops.Create("/grown/x"))
    peer.ask(ops.Delete("/gone"))
    peer.ask(ops.Create("/new"))
    return since


ALL = ("/old", "/changed", "/grown", "/gone", "/new")


def test_data_watches_fire_for_what_was_missed(since: int, other: Peer) -> None:
    other.ask(ops.SetWatches(since, data=ALL))

    assert other.take_events() == [(CHANGED, "/changed"), (DELETED, "/gone"), (CHANGED, "/new")]


def test_exist_watches_fire_for_every_node_that_is_there(since: int, other: Peer) -> None:
    other.ask(ops.SetWatches(since, exist=ALL))

    assert other.take_events() == [
        (CREATED, path) for path in ("/old", "/changed", "/grown", "/new")
    ]


def test_child_watches_fire_for_what_was_missed(since: int, other: Peer) -> None:
    other.ask(ops.SetWatches(since, child=ALL))

    assert other.take_events() == [(CHILD, "/grown"), (DELETED, "/gone"), (CHILD, "/new")]


def test_what_was_not_missed_is_armed(since: int, peer: Peer, other: Peer) -> None:
    other.ask(ops.SetWatches(since, ("/old",), ("/gone",), ("/old",)))
    assert other.take_events() == []

    peer.ask(ops.SetData("/old", b""))
    peer.ask(ops.Create("/gone"))
    peer.ask(ops.Create("/old/x"))

    assert other.take_events() == [(CHANGED, "/old"), (CREATED, "/gone"), (CHILD, "/old")]


def test_what_fired_is_not_armed(since: int, peer: Peer, other: Peer) -> None:
    other.ask(ops.SetWatches(since, ("/changed",), ("/old",), ("/grown",)))
    other.take_events()

    peer.ask(ops.SetData("/changed", b""))
    peer.ask(ops.SetData("/old", b""))
    peer.ask(ops.Create("/grown/y"))

    assert other.take_events() == []


def test_a_deleted_path_in_two_lists_is_told_twice(since: int, other: Peer) -> None:
    other.ask(ops.SetWatches(since, data=("/gone",), child=("/gone",)))

    assert other.take_events() == [(DELETED, "/gone"), (DELETED, "/gone")]


def test_a_new_acl_alone_is_nothing_that_was_missed(world: World, peer: Peer, other: Peer) -> None:
    peer.ask(ops.Create("/n"))
    since = world.zxid
    peer.ask(ops.SetACL("/n", NO_READ))

    other.ask(ops.SetWatches(since, ("/n",), (), ("/n",)))

    assert other.take_events() == []


def test_events_of_set_watches_have_no_zxid_and_come_first(since: int, other: Peer) -> None:
    reply = other.call(ops.SetWatches(since, data=("/changed",)))

    assert reply.error == 0
    assert [event.zxid for event in other.events] == [-1]


def test_set_watches_asks_for_no_permission(world: World, peer: Peer, other: Peer) -> None:
    since = world.zxid
    peer.ask(ops.Create("/n", acl=NO_READ))

    other.ask(ops.SetWatches(since, data=("/n",)))

    assert other.take_events() == [(CHANGED, "/n")]
