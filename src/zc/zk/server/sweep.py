"""Which containers and TTL nodes have had their time, and their end (protocol.md, 6)."""

from zc.zk.server.changes import DeleteNode
from zc.zk.server.owners import ttl_of
from zc.zk.server.store import Store
from zc.zk.server.tree import Node


class Sweep:
    """Deletes what nobody needs any more, at most once an interval."""

    def __init__(self, store: Store, now: float) -> None:
        self._store = store
        self._next = now + store.settings.sweep_interval

    def deadline(self) -> float | None:
        """Return when `run` has something to do, or None while there are no such nodes."""
        return self._next if self._store.tree.swept else None

    def run(self, now: float) -> None:
        """Delete each of the nodes that is due, in a transaction of its own; not before its time.

        A parent that becomes empty by it stays until the next sweep, as Apache's does.
        """
        store = self._store
        if not store.tree.swept or now < self._next:
            return
        self._next = now + store.settings.sweep_interval
        time = int(store.wall(now) * 1000)
        nodes = store.tree.nodes
        due = [path for path in store.tree.swept if self._is_due(nodes[path], time)]
        for path in due[: store.settings.most_swept_at_once]:
            draft = store.begin(now)
            draft.make(DeleteNode(path))
            draft.commit()

    def _is_due(self, node: Node, time: int) -> bool:
        if node.children:
            return False
        age = time - node.mtime
        ttl = ttl_of(node.owner)
        if ttl is not None:
            return age > ttl
        if node.created:
            return True
        patience = self._store.settings.never_used_interval
        return patience > 0 and age > patience * 1000
