"""What the server does for the operations about watches alone (protocol.md, 11.4 to 11.6)."""

from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, EventType, WatcherType
from zc.zk.errors import NoWatcherError, ProtocolError
from zc.zk.server.caller import Caller
from zc.zk.server.store import Store
from zc.zk.server.watches import IN_ANY_WAY, ONCE, PERSISTENT, RECURSIVE, WatchTable, event_frame


def add_watch(store: Store, caller: Caller, request: ops.AddWatch) -> None:
    """Leave a watch that stays, whether there is a node or not, readable or not."""
    is_recursive = request.mode is AddWatchMode.PERSISTENT_RECURSIVE
    store.watches.add_lasting(request.path, caller, RECURSIVE if is_recursive else PERSISTENT)


def check_watches(store: Store, caller: Caller, request: ops.CheckWatches) -> None:
    """Insist that the connection has such a watch; in 3.8 anybody's will do."""
    places = _places(store, request.kind)
    if store.settings.checks_only_own_watches:
        found = any(table.has(request.path, caller, ways) for table, ways in places)
    else:
        found = any(table.is_watched(request.path) for table, _ in places)
    if not found:
        raise NoWatcherError(request.path)


def remove_watches(store: Store, caller: Caller, request: ops.RemoveWatches) -> None:
    """Remove such watches of the connection, of which there must be one."""
    places = _places(store, request.kind)
    removed = [table.remove(request.path, caller, ways) for table, ways in places]
    if not any(removed):
        raise NoWatcherError(request.path)


def _places(store: Store, kind: WatcherType) -> list[tuple[WatchTable, int]]:
    """Return where watches of a kind are, and which ways of waiting it means."""
    data, child = store.watches.data, store.watches.child
    if kind is WatcherType.ANY:
        return [(data, IN_ANY_WAY), (child, IN_ANY_WAY)]
    once = ONCE if store.settings.keeps_ways_of_watching_apart else IN_ANY_WAY
    if kind is WatcherType.DATA:
        return [(data, once)]
    if kind is WatcherType.CHILDREN:
        return [(child, once)]
    if not store.settings.keeps_ways_of_watching_apart:
        raise ProtocolError(f"watcher type {kind:d}, which is new in 3.9")
    way = PERSISTENT if kind is WatcherType.PERSISTENT else RECURSIVE
    return [(data, way), (child, way)]


def set_watches2(store: Store, caller: Caller, request: ops.SetWatches2) -> None:
    """Do as `set_watches`, and arm the watches that stay, without a word of what they missed."""
    set_watches(store, caller, request)
    for path in request.persistent:
        store.watches.add_lasting(path, caller, PERSISTENT)
    for path in request.recursive:
        store.watches.add_lasting(path, caller, RECURSIVE)


def set_watches(store: Store, caller: Caller, request: ops.SetWatches | ops.SetWatches2) -> None:
    """Fire what was missed, at once, and arm the rest, by the table of protocol.md, 11.6."""
    nodes, watches, since = store.tree.nodes, store.watches, request.relative_zxid

    def tell(kind: EventType, path: str) -> None:
        caller.send(event_frame(kind, path, -1))  # nobody knows under which zxid

    for path in request.data:
        node = nodes.get(path)
        if node is None:
            tell(EventType.DELETED, path)
        elif node.mzxid > since:
            tell(EventType.CHANGED, path)
        else:
            watches.data.add(path, caller)
    for path in request.exist:
        if path in nodes:
            tell(EventType.CREATED, path)
        else:
            watches.data.add(path, caller)
    for path in request.child:
        node = nodes.get(path)
        if node is None:
            tell(EventType.DELETED, path)
        elif node.pzxid > since:
            tell(EventType.CHILD, path)
        else:
            watches.child.add(path, caller)
