"""Create, delete, setData, setACL: checks in their order, and what they do (protocol.md, 6 to 9)."""

import pytest

from tests.server.conversation import Peer, World, stat_of
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, ErrorCode
from zc.zk.security import ACL, CREATOR_ALL_ACL, READ_ACL_UNSAFE, Id, Permissions
from zc.zk.server.settings import Settings

SEQUENTIAL, EPHEMERAL = CreateFlag.SEQUENTIAL, CreateFlag.EPHEMERAL
NOTHING = (ACL(0, Id("world", "anyone")),)
READ_ONLY = tuple(READ_ACL_UNSAFE)


def but(permission: int) -> tuple[ACL, ...]:
    """Give everybody everything but `permission`."""
    return (ACL(Permissions.ALL & ~permission, Id("world", "anyone")),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


# Create


def test_create_gives_the_path_and_takes_a_zxid(world: World, peer: Peer) -> None:
    before = world.zxid

    assert peer.ask(ops.Create("/n", b"data")) == "/n"

    assert world.zxid == before + 1
    assert peer.ask(ops.GetData("/n"))[0] == b"data"


def test_create2_gives_the_status_too(world: World, peer: Peer) -> None:
    path, stat = peer.ask(ops.Create2("/n", b"data"))

    assert path == "/n"
    assert stat == stat_of(peer, "/n")
    assert stat.czxid == stat.mzxid == stat.pzxid == world.zxid
    assert stat.ctime == stat.mtime == int((world.now + 1_000_000_000) * 1000)


def test_a_reply_to_a_write_carries_its_zxid_also_when_it_fails(world: World, peer: Peer) -> None:
    before = world.zxid

    replies = [peer.call(ops.Create("/n")), peer.call(ops.Create("/n")), peer.call(ops.Sync("/"))]

    assert [reply.zxid for reply in replies] == [before + 1, before + 2, before + 2]
    assert replies[1].error == ErrorCode.NODE_EXISTS


def test_a_sequential_name_counts_all_children_ever_created(peer: Peer) -> None:
    peer.ask(ops.Create("/p"))
    peer.ask(ops.Create("/p/a"))
    peer.ask(ops.Create("/p/b"))
    peer.ask(ops.Delete("/p/a"))
    peer.call(ops.Create("/p/b"))

    assert peer.ask(ops.Create("/p/n-", flags=SEQUENTIAL)) == "/p/n-0000000002"
    assert peer.ask(ops.Create("/p/", flags=SEQUENTIAL)) == "/p/0000000003"


def test_sequence_numbers_wrap_as_signed_32_bits(world: World, peer: Peer) -> None:
    world.core.store.tree.find("/").created = 2**31 - 1

    names = [peer.ask(ops.Create("/n", flags=SEQUENTIAL)) for _ in range(3)]

    assert names == ["/n2147483647", "/n-2147483648", "/n-2147483647"]


def test_an_ephemeral_node_is_its_sessions(peer: Peer) -> None:
    peer.ask(ops.Create("/e", flags=EPHEMERAL))

    assert stat_of(peer, "/e").ephemeralOwner == peer.session_id


def test_an_ephemeral_node_has_no_children(peer: Peer) -> None:
    peer.ask(ops.Create("/e", flags=EPHEMERAL))

    assert peer.call(ops.Create("/e/n")).error == ErrorCode.NO_CHILDREN_FOR_EPHEMERALS
    assert peer.ask(ops.GetChildren("/e")) == []


def test_the_container_bit_makes_a_plain_node(peer: Peer) -> None:
    assert peer.ask(ops.Create("/n", flags=CreateFlag(4))) == "/n"

    assert stat_of(peer, "/n").ephemeralOwner == 0


@pytest.mark.parametrize("flags", [5, 6, 7, 8, 100])
def test_other_flags_are_bad_arguments(flags: int, peer: Peer) -> None:
    assert peer.call(ops.Create("/n", flags=CreateFlag(flags))).error == ErrorCode.BAD_ARGUMENTS


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", ErrorCode.BAD_ARGUMENTS),
        ("n", ErrorCode.BAD_ARGUMENTS),
        ("/n\0", ErrorCode.BAD_ARGUMENTS),
        ("/", ErrorCode.NODE_EXISTS),
        ("//n", ErrorCode.BAD_ARGUMENTS),
        ("/x/n", ErrorCode.NO_NODE),
        ("/x/", ErrorCode.NO_NODE),
        ("/./n", ErrorCode.NO_NODE),
        ("/n/", ErrorCode.NO_NODE),
        ("/.", ErrorCode.BAD_ARGUMENTS),
        ("/..", ErrorCode.BAD_ARGUMENTS),
        ("/\x01", ErrorCode.BAD_ARGUMENTS),
        ("/\U0001f600", ErrorCode.BAD_ARGUMENTS),
        ("/zookeeper", ErrorCode.NODE_EXISTS),
        ("/zookeeper/config/n", ErrorCode.NO_AUTH),
    ],
)
def test_a_path_that_cannot_be_created_is_refused(path: str, error: int, peer: Peer) -> None:
    assert peer.call(ops.Create(path)).error == error


def test_the_checks_of_create_come_in_their_order(peer: Peer) -> None:
    """Each of these creates breaks the rule of its own line and all those below."""
    peer.ask(ops.Create("/locked", acl=but(Permissions.CREATE)))
    peer.ask(ops.Create("/e", flags=EPHEMERAL))
    bad_flags, no_acl = CreateFlag(8), ()

    errors = [
        peer.call(ops.Create("x\0", acl=no_acl, flags=bad_flags)).error,
        peer.call(ops.Create("x\0", acl=no_acl)).error,
        peer.call(ops.Create("/none/./x", acl=no_acl)).error,
        peer.call(ops.Create("/none/.")).error,
        peer.call(ops.Create("/locked/.")).error,
        peer.call(ops.Create("/e/.")).error,
        peer.call(ops.Create("/e/x")).error,
    ]

    assert errors == [-8, -8, -114, -101, -102, -8, -108]


def test_an_existing_child_counts_before_an_ephemeral_parent(world: World, peer: Peer) -> None:
    peer.ask(ops.Create("/e"))
    peer.ask(ops.Create("/e/x"))
    world.core.store.tree.find("/e").owner = peer.session_id

    assert peer.call(ops.Create("/e/x")).error == ErrorCode.NODE_EXISTS


def test_a_pipelined_child_sees_its_parent(peer: Peer) -> None:
    replies = [peer.call(ops.Create("/p")), peer.call(ops.Create("/p/n"))]

    assert [reply.error for reply in replies] == [0, 0]


def test_auth_in_an_acl_stands_for_who_created_the_node(peer: Peer) -> None:
    peer.ask(ops.Auth("digest", b"bob:pw"))

    peer.ask(ops.Create("/n", acl=tuple(CREATOR_ALL_ACL)))

    (entry,) = peer.ask(ops.GetACL("/n"))[0]
    assert entry.id.id == "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="


def test_null_data_are_stored_as_null(peer: Peer) -> None:
    peer.ask(ops.Create("/n", None))

    assert peer.call(ops.GetData("/n")).body[:4] == b"\xff\xff\xff\xff"


def test_a_full_server_says_so_and_takes_no_more() -> None:
    world = World(Settings(first_zxid=0, most_nodes=6, most_data_bytes=500))
    peer = world.connect()
    peer.ask(ops.Create("/n", bytes(8)))

    assert peer.call(ops.SetData("/n", bytes(500))).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.Create("/m")).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.SetData("/n", bytes(100))).error == 0


def test_paths_and_acls_take_room_as_data_do() -> None:
    peer = World(Settings(first_zxid=0, most_data_bytes=1000)).connect()
    long = tuple(ACL(1, Id("digest", f"{number}:x")) for number in range(10))
    peer.ask(ops.Create("/n"))

    assert peer.call(ops.Create("/" + "m" * 1000)).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.Create("/m", b"", long)).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.SetACL("/n", long)).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.SetACL("/n", long[:2])).error == 0
    assert peer.call(ops.Create("/" + "m" * 200)).error == 0


# Delete


def test_delete_removes_the_node(peer: Peer) -> None:
    peer.ask(ops.Create("/n"))

    peer.ask(ops.Delete("/n"))

    assert peer.call(ops.Exists("/n")).error == ErrorCode.NO_NODE


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", ErrorCode.BAD_ARGUMENTS),
        ("n", ErrorCode.BAD_ARGUMENTS),
        ("/n\0", ErrorCode.BAD_ARGUMENTS),
        ("/", ErrorCode.BAD_ARGUMENTS),
        ("/zookeeper", ErrorCode.BAD_ARGUMENTS),
        ("/zookeeper/quota", ErrorCode.BAD_ARGUMENTS),
        ("/zookeeper/config", ErrorCode.BAD_ARGUMENTS),
        ("/n", ErrorCode.NO_NODE),
        ("/n/x", ErrorCode.NO_NODE),
        ("/./.", ErrorCode.NO_NODE),
    ],
)
def test_what_cannot_be_deleted_is_refused(path: str, error: int, peer: Peer) -> None:
    assert peer.call(ops.Delete(path)).error == error


def test_the_checks_of_delete_come_in_their_order(peer: Peer) -> None:
    peer.ask(ops.Create("/locked", acl=but(Permissions.DELETE)))
    peer.ask(ops.Create("/p"))
    peer.ask(ops.Create("/p/n"))

    errors = [
        peer.call(ops.Delete("/locked/none", 7)).error,
        peer.call(ops.Delete("/none", 7)).error,
        peer.call(ops.Delete("/p", 7)).error,
        peer.call(ops.Delete("/p", 0)).error,
    ]

    assert errors == [-102, -101, -103, -111]


# SetData and SetACL


@pytest.mark.parametrize(("version", "error"), [(-1, 0), (0, 0), (1, -103), (-2, -103)])
def test_a_version_must_match_unless_it_is_any(version: int, error: int, peer: Peer) -> None:
    peer.ask(ops.Create("/n"))

    assert peer.call(ops.SetData("/n", b"x", version)).error == error
    assert peer.call(ops.SetACL("/n", READ_ONLY, version)).error == error


def test_set_data_gives_the_new_status(world: World, peer: Peer) -> None:
    peer.ask(ops.Create("/n"))

    stat = peer.ask(ops.SetData("/n", b"xyz"))

    assert (stat.version, stat.dataLength, stat.mzxid) == (1, 3, world.zxid)


def test_set_acl_compares_with_the_aversion(peer: Peer) -> None:
    peer.ask(ops.Create("/n"))
    peer.ask(ops.SetData("/n", b""))
    peer.ask(ops.SetACL("/n", but(0), 0))

    assert peer.call(ops.SetACL("/n", but(0), 0)).error == ErrorCode.BAD_VERSION
    assert peer.ask(ops.SetACL("/n", but(0), 1)).aversion == 2


@pytest.mark.parametrize("path", ["", "n", "/n/", "//n", "/.", "/\x01"])
def test_a_path_that_cannot_be_is_a_bad_argument(path: str, peer: Peer) -> None:
    assert peer.call(ops.SetData(path, b"")).error == ErrorCode.BAD_ARGUMENTS
    assert peer.call(ops.SetACL(path, ())).error == ErrorCode.BAD_ARGUMENTS


def test_the_checks_of_set_data_come_in_their_order(peer: Peer) -> None:
    peer.ask(ops.Create("/locked", acl=READ_ONLY))

    errors = [
        peer.call(ops.SetData("/none", b"", 7)).error,
        peer.call(ops.SetData("/locked", b"", 7)).error,
    ]

    assert errors == [-101, -102]


def test_the_checks_of_set_acl_come_in_their_order(peer: Peer) -> None:
    peer.ask(ops.Create("/locked", acl=READ_ONLY))

    errors = [
        peer.call(ops.SetACL("/none", (), 7)).error,
        peer.call(ops.SetACL("/none", READ_ONLY, 7)).error,
        peer.call(ops.SetACL("/locked", READ_ONLY, 7)).error,
    ]

    assert errors == [-114, -101, -102]


def test_the_configuration_is_not_to_be_written(peer: Peer) -> None:
    assert peer.call(ops.SetData("/zookeeper/config", b"")).error == ErrorCode.NO_AUTH


def test_super_may_do_everything() -> None:
    world = World(Settings(first_zxid=0, super_digest="bob:ikIaKsbtGweaHnb/jKn7OHqbunM="))
    peer = world.connect()
    peer.ask(ops.Create("/n", acl=NOTHING))
    assert peer.call(ops.GetData("/n")).error == ErrorCode.NO_AUTH

    peer.ask(ops.Auth("digest", b"bob:pw"))

    assert peer.call(ops.SetData("/n", b"x")).error == 0
    assert peer.call(ops.SetData("/zookeeper/config", b"x")).error == 0


# CloseSession


def test_the_end_of_a_session_deletes_its_ephemerals_under_one_zxid(
    world: World, peer: Peer
) -> None:
    other = world.connect()
    for name in ("/a", "/b", "/c"):
        peer.ask(ops.Create(name, flags=EPHEMERAL))
    other.ask(ops.Create("/d", flags=EPHEMERAL))
    before = world.zxid

    reply = peer.call(ops.CloseSession())

    assert reply[1:] == (before + 1, 0, b"")
    assert peer.link.is_closing
    assert sorted(other.ask(ops.GetChildren("/"))) == ["d", "zookeeper"]
    assert stat_of(other, "/").pzxid == world.zxid == before + 1


# Containers, TTL nodes and what a server alone refuses


def test_a_container_is_shown_without_an_owner_and_may_have_children(peer: Peer) -> None:
    path, stat = peer.ask(ops.CreateContainer("/c", b"data"))

    assert (path, stat.ephemeralOwner, stat.dataLength) == ("/c", 0, 4)
    assert peer.call(ops.Create("/c/n")).error == 0


@pytest.mark.parametrize(("flags", "path"), [(0, "/c"), (2, "/c0000000000"), (4, "/c")])
def test_createcontainer_makes_one_whatever_the_flags_say(
    flags: int, path: str, world: World, peer: Peer
) -> None:
    assert peer.ask(ops.CreateContainer("/c", flags=CreateFlag(flags)))[0] == path

    assert list(world.core.store.tree.swept) == [path]


@pytest.mark.parametrize("flags", [1, 3])
def test_a_container_is_not_ephemeral_either(flags: int, peer: Peer) -> None:
    peer.ask(ops.CreateContainer("/c", flags=CreateFlag(flags)))

    assert peer.ask(ops.GetEphemerals("/")) == []


@pytest.mark.parametrize(
    ("flags", "ttl", "error"),
    [
        (5, 1, 0),
        (6, 2**40 - 1, 0),
        (5, 0, -8),
        (5, -1, -8),
        (5, 2**40, -8),
        (0, 1, -8),
        (1, 1, -8),
        (4, 1, -8),
        (0, -1, -8),
        (7, 1, -8),
    ],
)
def test_a_ttl_node_wants_flags_and_a_time_of_its_own(
    flags: int, ttl: int, error: int, peer: Peer
) -> None:
    assert peer.call(ops.CreateTTL("/t", flags=CreateFlag(flags), ttl=ttl)).error == error


def test_a_ttl_node_can_be_sequential_and_have_children(peer: Peer) -> None:
    path, stat = peer.ask(ops.CreateTTL("/t-", flags=CreateFlag.SEQUENTIAL_TTL, ttl=5000))

    assert (path, stat.ephemeralOwner) == ("/t-0000000000", 0)
    assert peer.call(ops.Create(f"{path}/n")).error == 0


def test_reconfiguring_is_refused_and_takes_a_zxid(world: World, peer: Peer) -> None:
    before = world.zxid

    reply = peer.call(ops.Reconfig("server.1=localhost:1:2;3"))

    assert reply[1:3] == (before + 1, ErrorCode.RECONFIG_DISABLED)
