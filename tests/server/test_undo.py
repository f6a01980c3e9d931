"""What was taken back was never there."""

import random

import pytest

from zc.zk.server.acl import OPEN
from zc.zk.server.changes import Change, CreateNode, DeleteNode, ReplaceACL, ReplaceData
from zc.zk.server.owners import CONTAINER, ttl_owner
from zc.zk.server.tree import Tree
from zc.zk.server.undo import undo_of

SESSION = 1 << 56


def grown() -> Tree:
    tree = Tree()
    for change in (
        CreateNode("/p", b"data", OPEN),
        CreateNode("/p/e", b"x", OPEN, SESSION),
        CreateNode("/p/c", None, OPEN, CONTAINER),
        CreateNode("/p/gone", None, OPEN),
        DeleteNode("/p/gone"),
    ):
        tree.apply(change, 5, 1000)
    return tree


def state(tree: Tree) -> object:
    nodes = {
        path: (node.stat(), node.data, node.acl, node.created, node.owner, set(node.children))
        for path, node in tree.nodes.items()
    }
    return nodes, tree.ephemerals, tree.swept, tree.data_bytes


@pytest.mark.parametrize(
    "change",
    [
        CreateNode("/p/n", b"abc", OPEN),
        CreateNode("/p/n", b"abc", OPEN, SESSION),
        CreateNode("/p/n", b"abc", OPEN, SESSION + 1),
        CreateNode("/p/n", None, OPEN, ttl_owner(7)),
        CreateNode("/n", None, OPEN, CONTAINER),
        DeleteNode("/p/e"),
        DeleteNode("/p/c"),
        ReplaceData("/p", b"longer than before"),
        ReplaceData("/p", None),
        ReplaceData("/", b"x"),
    ],
)
def test_each_change_can_be_taken_back(change: Change) -> None:
    tree = grown()

    undo = undo_of(tree, change)
    tree.apply(change, 9, 2000)
    undo()

    assert state(tree) == state(grown())


def test_many_changes_are_taken_back_from_the_last_to_the_first() -> None:
    dice = random.Random(7)
    for _ in range(300):
        tree, undoes = grown(), []
        for zxid in range(10, 30):
            change = random_change(dice, tree)
            undoes.append(undo_of(tree, change))
            tree.apply(change, zxid, zxid * 100)

        for undo in reversed(undoes):
            undo()

        assert state(tree) == state(grown())
        parents = {path.rpartition("/")[0] for path in tree.nodes}
        order = list(tree.nodes)
        assert all(
            order.index(each) < order.index(path)  # as a snapshot needs it
            for path in order
            for each in parents
            if each and path.rpartition("/")[0] == each
        )


def random_change(dice: random.Random, tree: Tree) -> Change:
    paths = [path for path in tree.nodes if path.startswith("/p")]
    path = dice.choice(paths or [""])
    match dice.randrange(3):
        case 0 if path and not tree.nodes[path].children:
            return DeleteNode(path)
        case 1 if path:
            return ReplaceData(path, dice.choice([None, b"", b"abc"]))
    while True:
        new = f"{dice.choice([*paths, ''])}/p{dice.randrange(1000)}"
        if new not in tree.nodes:
            return CreateNode(new, b"new", OPEN, dice.choice([0, 0, SESSION, CONTAINER]))


def test_what_no_multi_consists_of_cannot_be_taken_back() -> None:
    with pytest.raises(KeyError):
        undo_of(grown(), ReplaceACL("/p", OPEN))
