"""The data tree: status fields, system nodes, counters (protocol.md, 8)."""

import pytest

from zc.zk.codes import EventType
from zc.zk.errors import NoNodeError
from zc.zk.security import OPEN_ACL_UNSAFE, READ_ACL_UNSAFE
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, DeleteNode, EndSession, ReplaceACL, ReplaceData
from zc.zk.server.owners import CONTAINER, ttl_owner
from zc.zk.server.tree import Happening, Node, Tree, wrapped

READ = tuple(READ_ACL_UNSAFE)


def test_an_empty_tree_has_the_system_nodes_of_3_5_and_later() -> None:
    tree = Tree()

    stats = {path: node.stat() for path, node in tree.nodes.items() if path}

    assert set(stats) == {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}
    assert (stats["/"].numChildren, stats["/"].cversion) == (1, -1)
    assert (stats["/zookeeper"].numChildren, stats["/zookeeper"].cversion) == (2, -2)
    assert stats["/zookeeper/config"].aversion == -1
    assert tree.nodes["/zookeeper/config"].acl == READ
    assert all(stat.czxid == stat.mzxid == stat.ctime == 0 for stat in stats.values())


def test_the_root_also_stands_under_the_empty_path() -> None:
    tree = Tree()

    assert tree.find("") is tree.find("/")


def test_a_missing_node_is_an_error() -> None:
    with pytest.raises(NoNodeError, match="/x"):
        Tree().find("/x")


def test_a_new_node_has_all_zxids_and_times_of_its_creation() -> None:
    tree = Tree()

    tree.apply(CreateNode("/n", b"abc", OPEN, 7), 5, 1000)

    stat = tree.find("/n").stat()
    assert stat == (5, 5, 1000, 1000, 0, 0, 0, 7, 3, 0, 5)


def test_a_creation_shows_in_the_parents_pzxid_and_cversion_only() -> None:
    tree = Tree()
    tree.apply(CreateNode("/p", b"", OPEN), 1, 10)
    before = tree.find("/p").stat()

    tree.apply(CreateNode("/p/n", b"", OPEN), 2, 20)

    assert tree.find("/p").stat() == before._replace(pzxid=2, cversion=1, numChildren=1)


def test_a_deletion_counts_in_the_parents_cversion_and_sets_its_pzxid() -> None:
    tree = Tree()
    tree.apply(CreateNode("/p", b"", OPEN), 1, 10)
    tree.apply(CreateNode("/p/n", b"", OPEN), 2, 20)

    tree.apply(DeleteNode("/p/n"), 3, 30)

    stat = tree.find("/p").stat()
    assert (stat.pzxid, stat.cversion, stat.numChildren, stat.mzxid) == (3, 2, 0, 1)


def test_shown_cversion_is_twice_the_creations_less_the_children() -> None:
    tree = Tree()
    for number in range(5):
        tree.apply(CreateNode(f"/n{number}", b"", OPEN), number + 1, 0)

    tree.apply(DeleteNode("/n0"), 9, 0)

    root = tree.find("/")
    assert root.created == 5
    assert root.stat().cversion == 2 * 5 - 5  # four of five, and /zookeeper


def test_new_data_move_mzxid_mtime_and_version() -> None:
    tree = Tree()
    tree.apply(CreateNode("/n", b"abc", OPEN), 1, 10)

    tree.apply(ReplaceData("/n", b"abcde"), 2, 20)

    stat = tree.find("/n").stat()
    assert (stat.czxid, stat.mzxid, stat.ctime, stat.mtime) == (1, 2, 10, 20)
    assert (stat.version, stat.dataLength, stat.pzxid) == (1, 5, 1)


def test_a_new_acl_moves_aversion_alone() -> None:
    tree = Tree()
    tree.apply(CreateNode("/n", b"", OPEN), 1, 10)
    before = tree.find("/n").stat()

    tree.apply(ReplaceACL("/n", READ), 2, 20)

    assert tree.find("/n").stat() == before._replace(aversion=1)


@pytest.mark.parametrize("data", [None, b""])
def test_null_data_stay_null_and_have_no_length(data: bytes | None) -> None:
    tree = Tree()

    tree.apply(CreateNode("/n", data, OPEN), 1, 0)

    assert tree.find("/n").data == data
    assert tree.find("/n").stat().dataLength == 0


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, 0), (2**31 - 1, 2**31 - 1), (2**31, -(2**31)), (-(2**31) - 1, 2**31 - 1), (2**32, 0)],
)
def test_counters_are_signed_32_bits(number: int, shown: int) -> None:
    assert wrapped(number) == shown


def test_versions_wrap() -> None:
    tree = Tree()
    tree.apply(CreateNode("/n", b"", OPEN), 1, 0)
    tree.find("/n").version = 2**31 - 1

    tree.apply(ReplaceData("/n", b""), 2, 0)

    assert tree.find("/n").stat().version == -(2**31)


def test_the_create_counter_wraps() -> None:
    tree = Tree()
    tree.find("/").created = 2**31 - 1

    tree.apply(CreateNode("/n", b"", OPEN), 1, 0)

    assert tree.find("/").created == -(2**31)


def test_a_node_happens_before_its_parent() -> None:
    tree = Tree()

    created = tree.apply(CreateNode("/n", b"", OPEN), 1, 0)
    deleted = tree.apply(DeleteNode("/n"), 2, 0)

    assert created == (
        Happening(EventType.CREATED, "/n", OPEN),
        Happening(EventType.CHILD, "/", OPEN),
    )
    assert deleted == (
        Happening(EventType.DELETED, "/n", OPEN),
        Happening(EventType.CHILD, "/", OPEN),
    )


def test_a_deletion_is_told_under_the_acl_that_the_node_had() -> None:
    tree = Tree()
    tree.apply(CreateNode("/n", b"", READ), 1, 0)

    happenings = tree.apply(DeleteNode("/n"), 2, 0)

    assert happenings[0].acl == READ


def test_new_data_happen_to_the_node_alone_and_a_new_acl_to_nobody() -> None:
    tree = Tree()
    tree.apply(CreateNode("/n", b"", OPEN), 1, 0)

    assert tree.apply(ReplaceData("/n", b""), 2, 0) == (Happening(EventType.CHANGED, "/n", OPEN),)
    assert tree.apply(ReplaceACL("/n", READ), 3, 0) == ()


def test_a_change_that_is_none_of_the_trees_leaves_it_alone() -> None:
    assert Tree().apply(EndSession(1), 1, 0) == ()


def test_ephemeral_nodes_are_known_by_their_owner() -> None:
    tree = Tree()
    tree.apply(CreateNode("/a", b"", OPEN, 7), 1, 0)
    tree.apply(CreateNode("/b", b"", OPEN, 7), 2, 0)

    tree.apply(DeleteNode("/a"), 3, 0)

    assert {owner: list(paths) for owner, paths in tree.ephemerals.items()} == {7: ["/b"]}


def test_an_owner_without_nodes_is_forgotten() -> None:
    tree = Tree()
    tree.apply(CreateNode("/a", b"", OPEN, 7), 1, 0)

    tree.apply(DeleteNode("/a"), 2, 0)

    assert tree.ephemerals == {}


def test_the_bytes_of_all_data_are_counted() -> None:
    tree = Tree()
    tree.apply(CreateNode("/a", b"12345", OPEN), 1, 0)
    tree.apply(CreateNode("/b", b"123", OPEN), 2, 0)
    tree.apply(ReplaceData("/a", b"1"), 3, 0)
    assert tree.data_bytes == 4

    tree.apply(DeleteNode("/b"), 4, 0)

    assert tree.data_bytes == 1


def test_the_bytes_of_paths_and_acls_are_counted() -> None:
    tree = Tree()
    before = tree.other_bytes
    tree.apply(CreateNode("/a", b"12345", OPEN), 1, 0)
    assert tree.other_bytes == before + len("/a")

    tree.apply(CreateNode("/b", b"", READ), 2, 0)
    tree.apply(ReplaceACL("/a", READ), 3, 0)
    assert tree.other_bytes == before + len("/a/b") + 2 * (100 + len("worldanyone"))

    tree.apply(ReplaceACL("/a", OPEN), 4, 0)
    tree.apply(DeleteNode("/b"), 5, 0)
    assert tree.other_bytes == before + len("/a")


def test_the_open_acl_is_held_once() -> None:
    tree = Tree()

    tree.apply(CreateNode("/n", b"", tuple(OPEN_ACL_UNSAFE)), 1, 0)

    assert tree.find("/n").acl is OPEN


def test_leaves_share_their_lack_of_children() -> None:
    tree = Tree()
    tree.apply(CreateNode("/a", b"", OPEN), 1, 0)
    tree.apply(CreateNode("/b", b"", OPEN), 2, 0)
    tree.apply(CreateNode("/b/c", b"", OPEN), 3, 0)

    tree.apply(DeleteNode("/b/c"), 4, 0)

    assert tree.find("/a").children is tree.find("/b").children


def test_a_node_put_down_is_not_counted_as_created() -> None:
    tree = Tree()

    tree.put("/n", Node(b"x", OPEN, 1, 0))

    root = tree.find("/").stat()
    assert (root.numChildren, root.cversion) == (2, -2)


def test_containers_and_ttl_nodes_are_known_and_shown_without_an_owner() -> None:
    tree = Tree()
    tree.apply(CreateNode("/c", b"", OPEN, CONTAINER), 1, 10)
    tree.apply(CreateNode("/t", b"", OPEN, ttl_owner(5)), 2, 10)
    tree.apply(CreateNode("/e", b"", OPEN, 7), 3, 10)

    assert list(tree.swept) == ["/c", "/t"]
    assert list(tree.ephemerals) == [7]
    assert [tree.find(path).stat().ephemeralOwner for path in ("/c", "/t", "/e")] == [0, 0, 7]

    for path in ("/c", "/t", "/e"):
        tree.apply(DeleteNode(path), 4, 10)
    assert (tree.swept, tree.ephemerals) == ({}, {})


def test_what_is_taken_can_be_put_back_as_it_was() -> None:
    tree = Tree()
    tree.apply(CreateNode("/c", b"data", OPEN, CONTAINER), 1, 10)
    before = tree.find("/").stat()

    node = tree.take("/c")
    assert "/c" not in tree.nodes
    assert tree.data_bytes == 0
    tree.put("/c", node)

    assert tree.find("/c") is node
    assert tree.find("/").stat() == before
    assert tree.data_bytes == 4
