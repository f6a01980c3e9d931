"""How changes of the tree are taken back, when a later step of their transaction fails."""

from collections.abc import Callable

from zc.zk.server.changes import Change, CreateNode, DeleteNode, ReplaceData
from zc.zk.server.tree import Tree

Undo = Callable[[], None]


def undo_of(tree: Tree, change: Change) -> Undo:
    """Return what takes `change` back, which is about to be made.

    It may be called once everything that was changed later has been taken back.
    """
    return _UNDO[type(change)](tree, change)


def _undo_create(tree: Tree, change: CreateNode) -> Undo:
    parent = tree.nodes[change.path.rpartition("/")[0]]
    created, pzxid = parent.created, parent.pzxid

    def undo() -> None:
        tree.take(change.path)
        parent.created, parent.pzxid = created, pzxid

    return undo


def _undo_delete(tree: Tree, change: DeleteNode) -> Undo:
    node, parent = tree.nodes[change.path], tree.nodes[change.path.rpartition("/")[0]]
    pzxid = parent.pzxid

    def undo() -> None:
        tree.put(change.path, node)
        parent.pzxid = pzxid

    return undo


def _undo_data(tree: Tree, change: ReplaceData) -> Undo:
    node = tree.nodes[change.path]
    data, mzxid, mtime, version = node.data, node.mzxid, node.mtime, node.version

    def undo() -> None:
        tree.data_bytes += len(data or b"") - len(node.data or b"")
        node.data, node.mzxid, node.mtime, node.version = data, mzxid, mtime, version

    return undo


# Only what a multi can consist of. Any: each function takes the one class that it is listed under.
_UNDO: dict[type, Callable[..., Undo]] = {
    CreateNode: _undo_create,
    DeleteNode: _undo_delete,
    ReplaceData: _undo_data,
}
