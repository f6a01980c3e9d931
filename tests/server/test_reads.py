"""Reads and the connection's own affairs: checks, watches, identities (protocol.md, 9 and 11)."""

import pytest

from tests.server.conversation import Peer, World
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, ErrorCode
from zc.zk.security import ACL, Id, Permissions
from zc.zk.server.settings import Settings

WATCH = ops.Watch()
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
BOB = Id("digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=")
NO_READ = (ACL(Permissions.ALL & ~Permissions.READ, Id("world", "anyone")),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


@pytest.fixture
def other(world: World) -> Peer:
    return world.connect()


READS = [ops.GetData, ops.GetChildren, ops.GetChildren2, ops.GetACL]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("path", ["/none", "none", "/n/", "//", "/\0"])
def test_reading_where_there_is_no_node_says_so(
    read: type[ops.GetData], path: str, peer: Peer
) -> None:
    assert peer.call(read(path)).error == ErrorCode.NO_NODE


@pytest.mark.parametrize("read", READS)
def test_the_empty_path_reads_as_the_root(read: type[ops.GetData], peer: Peer) -> None:
    assert peer.call(read("")).body == peer.call(read("/")).body


def test_reads_take_no_zxid(world: World, peer: Peer) -> None:
    before = world.zxid

    zxids = {
        peer.call(operation).zxid
        for operation in (ops.GetData("/"), ops.Exists("/x"), ops.Sync("/"), ops.Ping())
    }

    assert zxids == {before}
    assert world.zxid == before


def test_sync_gives_any_path_back(peer: Peer) -> None:
    assert peer.ask(ops.Sync("no slash")) == "no slash"


def test_exists_refuses_a_nul(peer: Peer) -> None:
    assert peer.call(ops.Exists("/\0")).error == ErrorCode.BAD_ARGUMENTS


def test_get_children2_gives_names_and_status(peer: Peer) -> None:
    peer.ask(ops.Create("/p"))
    for name in "abc":
        peer.ask(ops.Create(f"/p/{name}"))

    names, stat = peer.ask(ops.GetChildren2("/p"))

    assert sorted(names) == ["a", "b", "c"]
    assert stat.numChildren == 3


@pytest.mark.parametrize("read", [ops.GetData, ops.GetChildren, ops.GetChildren2, ops.Exists])
def test_reading_needs_the_permission_and_leaves_no_watch_without(
    read: type[ops.GetData], world: World, peer: Peer
) -> None:
    peer.ask(ops.Create("/n", acl=NO_READ))

    assert peer.call(read("/n", WATCH)).error == ErrorCode.NO_AUTH

    assert len(world.core.store.watches) == 0


def test_before_3_9_exists_needs_no_permission() -> None:
    peer = World(Settings(first_zxid=0, version=(3, 8))).connect()
    peer.ask(ops.Create("/n", acl=NO_READ))

    assert peer.call(ops.Exists("/n")).error == 0


# ACLs


def test_an_acl_is_shown_to_readers_without_hashes(peer: Peer) -> None:
    acl = (ACL(31, BOB), ACL(Permissions.READ, Id("world", "anyone")))
    peer.ask(ops.Create("/n", acl=acl))

    assert peer.ask(ops.GetACL("/n"))[0][0].id == Id("digest", "bob:x")

    peer.ask(ops.Auth("digest", b"bob:pw"))
    assert peer.ask(ops.GetACL("/n"))[0][0].id == BOB


def test_admin_alone_may_see_the_acl(peer: Peer) -> None:
    admin = (ACL(Permissions.ADMIN, Id("world", "anyone")), ACL(1, BOB))
    peer.ask(ops.Create("/n", acl=admin))

    assert peer.ask(ops.GetACL("/n"))[0] == list(admin)


def test_an_acl_is_not_shown_to_all(peer: Peer) -> None:
    peer.ask(ops.Create("/n", acl=(ACL(Permissions.WRITE, Id("world", "anyone")),)))

    assert peer.call(ops.GetACL("/n")).error == ErrorCode.NO_AUTH


def test_an_address_is_an_identity_from_the_start(world: World, peer: Peer) -> None:
    peer.ask(ops.Create("/n", acl=(ACL(1, Id("ip", "10.0.0.0/8")),)))

    assert peer.call(ops.GetData("/n")).error == ErrorCode.NO_AUTH
    assert world.connect(host="10.1.2.3").call(ops.GetData("/n")).error == 0


# Watches


def test_a_data_watch_tells_of_the_next_change_only(peer: Peer, other: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.GetData("/n", WATCH))

    other.ask(ops.SetData("/n", b"1"))
    other.ask(ops.SetData("/n", b"2"))

    assert peer.take_events() == [(CHANGED, "/n")]


def test_a_watch_on_a_missing_node_tells_of_its_creation(peer: Peer, other: Peer) -> None:
    assert peer.call(ops.Exists("/n", WATCH)).error == ErrorCode.NO_NODE

    other.ask(ops.Create("/n"))

    assert peer.take_events() == [(CREATED, "/n")]


@pytest.mark.parametrize("read", [ops.GetData, ops.GetChildren, ops.GetChildren2])
def test_other_reads_of_a_missing_node_leave_no_watch(
    read: type[ops.GetData], peer: Peer, other: Peer
) -> None:
    peer.call(read("/n", WATCH))

    other.ask(ops.Create("/n"))

    assert peer.take_events() == []


def test_a_child_watch_tells_of_a_child_that_comes_or_goes(peer: Peer, other: Peer) -> None:
    other.ask(ops.Create("/p"))
    peer.ask(ops.GetChildren("/p", WATCH))
    other.ask(ops.Create("/p/n"))
    peer.ask(ops.GetChildren2("/p", WATCH))
    other.ask(ops.Delete("/p/n"))

    assert peer.take_events() == [(CHILD, "/p"), (CHILD, "/p")]


def test_a_child_watch_does_not_tell_of_data(peer: Peer, other: Peer) -> None:
    other.ask(ops.Create("/p"))
    other.ask(ops.Create("/p/n"))
    peer.ask(ops.GetChildren("/p", WATCH))

    other.ask(ops.SetData("/p/n", b""))
    other.ask(ops.SetData("/p", b""))

    assert peer.take_events() == []


def test_a_deletion_is_told_once_on_the_node_and_then_on_its_parent(
    peer: Peer, other: Peer
) -> None:
    other.ask(ops.Create("/p"))
    other.ask(ops.Create("/p/n"))
    peer.ask(ops.GetData("/p/n", WATCH))
    peer.ask(ops.GetChildren("/p/n", WATCH))
    peer.ask(ops.GetChildren("/p", WATCH))

    other.ask(ops.Delete("/p/n"))

    assert peer.take_events() == [(DELETED, "/p/n"), (CHILD, "/p")]


def test_a_creation_is_told_on_the_node_and_then_on_its_parent(peer: Peer, other: Peer) -> None:
    peer.call(ops.Exists("/n", WATCH))
    peer.ask(ops.GetChildren("/", WATCH))

    other.ask(ops.Create("/n"))

    assert peer.take_events() == [(CREATED, "/n"), (CHILD, "/")]


def test_a_new_acl_fires_nothing(peer: Peer, other: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.GetData("/n", WATCH))

    other.ask(ops.SetACL("/n", NO_READ))

    assert peer.take_events() == []


def test_a_failed_write_fires_nothing(peer: Peer, other: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.GetData("/n", WATCH))

    other.call(ops.SetData("/n", b"", 7))

    assert peer.take_events() == []


def test_own_events_come_before_the_reply(peer: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.GetData("/n", WATCH))

    reply = peer.call(ops.SetData("/n", b""))

    assert [(event.xid, event.zxid) for event in peer.events] == [(-1, reply.zxid)]


def test_before_3_9_an_event_has_no_zxid() -> None:
    peer = World(Settings(first_zxid=0, version=(3, 8))).connect()
    peer.ask(ops.Exists("/zookeeper", WATCH))

    peer.ask(ops.SetData("/zookeeper", b""))

    assert [event.zxid for event in peer.events] == [-1]


def test_who_lost_the_permission_is_not_told_but_the_watch_is_used_up(
    peer: Peer, other: Peer
) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.GetData("/n", WATCH))
    other.ask(ops.SetACL("/n", NO_READ))
    other.ask(ops.SetData("/n", b""))
    other.ask(ops.SetACL("/n", (ACL(31, Id("world", "anyone")),)))

    other.ask(ops.SetData("/n", b""))

    assert peer.take_events() == []


def test_the_end_of_a_session_is_told_by_its_ephemerals(peer: Peer, other: Peer) -> None:
    peer.ask(ops.Create("/e", flags=CreateFlag.EPHEMERAL))
    other.ask(ops.GetData("/e", WATCH))
    other.ask(ops.GetChildren("/", WATCH))

    peer.call(ops.CloseSession())

    assert other.take_events() == [(DELETED, "/e"), (CHILD, "/")]


# The small reads


def test_a_connection_is_told_whom_it_speaks_for_without_what_proves_it(peer: Peer) -> None:
    peer.ask(ops.Auth("digest", b"bob:pw"))

    assert peer.ask(ops.WhoAmI()) == [("ip", "127.0.0.1"), ("digest", "bob")]


def test_super_has_no_name() -> None:
    world = World(Settings(first_zxid=0, super_digest="bob:ikIaKsbtGweaHnb/jKn7OHqbunM="))
    peer = world.connect()
    peer.ask(ops.Auth("digest", b"bob:pw"))

    assert ("super", "") in peer.ask(ops.WhoAmI())


def test_a_session_is_told_its_own_ephemerals_by_how_their_paths_begin(
    peer: Peer, other: Peer
) -> None:
    peer.ask(ops.Create("/p"))
    for path in ("/e1", "/e2", "/p/e"):
        peer.ask(ops.Create(path, flags=CreateFlag.EPHEMERAL))
    other.ask(ops.Create("/e3", flags=CreateFlag.EPHEMERAL))

    for prefix in ("/", "", " "):
        assert sorted(peer.ask(ops.GetEphemerals(prefix))) == ["/e1", "/e2", "/p/e"]
    assert sorted(peer.ask(ops.GetEphemerals("/e"))) == ["/e1", "/e2"]
    assert peer.ask(ops.GetEphemerals("/e3")) == []


def test_all_below_a_node_are_counted_and_not_the_node(peer: Peer) -> None:
    assert peer.ask(ops.GetAllChildrenNumber("/")) == 3
    for path in ("/p", "/p/a", "/p/a/x", "/p/b", "/pp"):
        peer.ask(ops.Create(path))

    assert peer.ask(ops.GetAllChildrenNumber("/")) == 8
    assert peer.ask(ops.GetAllChildrenNumber("/p")) == 3
    assert peer.ask(ops.GetAllChildrenNumber("/pp")) == 0


def test_counting_needs_read_on_the_node_alone(peer: Peer) -> None:
    peer.ask(ops.Create("/p"))
    peer.ask(ops.Create("/p/closed", acl=NO_READ))

    assert peer.ask(ops.GetAllChildrenNumber("/p")) == 1
    assert peer.call(ops.GetAllChildrenNumber("/p/closed")).error == ErrorCode.NO_AUTH
    assert peer.call(ops.GetAllChildrenNumber("/none")).error == ErrorCode.NO_NODE
