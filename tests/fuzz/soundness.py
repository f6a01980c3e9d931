"""What is true of every store, whatever was done to it, and what two stores must agree on."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from zc.zk.jute import Writer
from zc.zk.server.changes import Transaction
from zc.zk.server.link import Link
from zc.zk.server.log import Seal, batch, recover, snapshot
from zc.zk.server.owners import is_session, is_swept
from zc.zk.server.store import Store


def state(store: Store) -> dict[str, Any]:  # Any: a line for each thing that is known
    """Give all that a store would tell about its nodes and sessions."""
    told: dict[str, Any] = {
        path: (node.stat(), node.data, node.acl, node.created, node.owner, sorted(node.children))
        for path, node in store.tree.nodes.items()
    }
    told["data bytes"] = store.tree.data_bytes
    told["sessions"] = {session.id: session.password for session in store.sessions}
    told["ephemerals"] = {owner: sorted(paths) for owner, paths in store.tree.ephemerals.items()}
    told["swept"] = sorted(store.tree.swept)
    return told


def copy_of(store: Store) -> Store:
    """Give a store that holds nothing, of the same kind."""
    return Store(store.settings, 0.0, 0.0, bytes)


def remembered(store: Store) -> Callable[[Sequence[Transaction]], Store]:
    """Write a store down; give a function that recovers it with transactions that came later."""
    head, store_zxid = b"".join(snapshot(store)), store.zxid

    def recovered(transactions: Sequence[Transaction]) -> Store:
        after = copy_of(store)
        data, last = head, store_zxid
        for each in transactions:
            data += batch([each], Seal(last))
            last = each.zxid
        assert recover(data, after, 0.0) == len(data)
        return after

    return recovered


def check_store(store: Store, links: Collection[Link] | None = None) -> None:
    """Insist that everything that a store holds fits together; watches are of `links` alone."""
    tree = store.tree
    children: dict[str, set[str]] = {path: set() for path in tree.nodes}
    ephemerals: dict[int, set[str]] = {}
    for path, node in tree.nodes.items():
        node.stat().write(Writer())
        if not path:
            assert node is tree.nodes["/"]
            continue
        above, _, name = path.rpartition("/")
        if path != "/":
            children[above].add(name)
        if is_session(node.owner):
            ephemerals.setdefault(node.owner, set()).add(path)
            assert not node.children
        assert is_swept(node.owner) == (path in tree.swept)
    children["/"] = children[""]
    assert {path: set(node.children) for path, node in tree.nodes.items()} == children
    assert {owner: set(paths) for owner, paths in tree.ephemerals.items()} == ephemerals
    assert set(tree.swept) <= set(tree.nodes)
    assert all(store.sessions.find(owner) is not None for owner in ephemerals)
    nodes = {id(node): node for node in tree.nodes.values()}.values()
    assert tree.data_bytes == sum(len(node.data or b"") for node in nodes)
    if links is not None:
        for table in (store.watches.data, store.watches.child):
            assert {each for _, watchers in table.items() for each in watchers} <= set(links)
