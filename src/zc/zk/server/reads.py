"""What the server does for each operation that changes no node.

The checks stand in the order of protocol.md, section 9: the first that fails is the answer.
"""

from zc.zk import operations as ops
from zc.zk.errors import BadArgumentsError, NoNodeError
from zc.zk.records import ClientInfo, Stat
from zc.zk.security import ACL, Permissions
from zc.zk.server import acl as acls
from zc.zk.server.caller import Caller, permit
from zc.zk.server.store import Store
from zc.zk.server.tree import Node


def get_data(store: Store, caller: Caller, request: ops.GetData) -> tuple[bytes | None, Stat]:
    """Give a node's data and status, and leave a watch if asked to."""
    node = _readable(store, caller, request.path)
    if request.watch is not None:
        store.watches.data.add(request.path, caller)
    return node.data, node.stat()


def exists(store: Store, caller: Caller, request: ops.Exists) -> Stat:
    """Give a node's status, and leave a watch if asked to, whether there is a node or not."""
    if "\0" in request.path:
        raise BadArgumentsError(request.path)
    node = store.tree.nodes.get(request.path)
    if node is not None and store.settings.exists_needs_read:
        permit(node, Permissions.READ, caller)
    if request.watch is not None:
        store.watches.data.add(request.path, caller)  # where there is no node, for its creation
    if node is None:
        raise NoNodeError(request.path)
    return node.stat()


def get_children(store: Store, caller: Caller, request: ops.GetChildren) -> list[str]:
    """Give the names of a node's children, and leave a watch if asked to."""
    return _children(store, caller, request)[0]


def get_children2(
    store: Store, caller: Caller, request: ops.GetChildren2
) -> tuple[list[str], Stat]:
    """Give the names of a node's children and its status, and leave a watch if asked to."""
    names, node = _children(store, caller, request)
    return names, node.stat()


def _children(
    store: Store, caller: Caller, request: ops.GetChildren | ops.GetChildren2
) -> tuple[list[str], Node]:
    node = _readable(store, caller, request.path)
    if request.watch is not None:
        store.watches.child.add(request.path, caller)
    return list(node.children), node


def get_acl(store: Store, caller: Caller, request: ops.GetACL) -> tuple[list[ACL], Stat]:
    """Give a node's ACL, without the hashes of passwords to those who may not change it."""
    node = store.tree.find(request.path)
    permit(node, Permissions.READ | Permissions.ADMIN, caller)
    if acls.allows(node.acl, Permissions.ADMIN, caller.identities):
        return list(node.acl), node.stat()
    return acls.masked(node.acl), node.stat()


def sync(_store: Store, _caller: Caller, request: ops.Sync) -> str:
    """Give the path back: a server alone is always up to date."""
    return request.path


def ping(_store: Store, _caller: Caller, _request: ops.Ping) -> None:
    """Give nothing: any packet has kept the session alive by now."""


def close_local_session(store: Store, caller: Caller, _request: ops.CloseSession) -> None:
    """End a session that only a read-only server knows."""
    store.end_local_session(caller.session.id)


def who_am_i(_store: Store, caller: Caller, _request: ops.WhoAmI) -> list[ClientInfo]:
    """Give the identities that the connection speaks for; of a digest the user's name alone."""
    return [
        ClientInfo(scheme, name.partition(":")[0] if scheme == "digest" else name)
        for scheme, name in caller.identities
    ]


def get_ephemerals(store: Store, caller: Caller, request: ops.GetEphemerals) -> list[str]:
    """Give the session's ephemeral nodes whose paths begin with the prefix, as text."""
    prefix = request.prefix.strip()
    return [
        path
        for path in store.tree.ephemerals.get(caller.session.id, ())
        if not prefix or path.startswith(request.prefix)
    ]


def get_all_children_number(store: Store, caller: Caller, request: ops.GetAllChildrenNumber) -> int:
    """Give the number of nodes below a node; only the node itself must be readable."""
    node = _readable(store, caller, request.path)
    count, unseen = 0, [("" if request.path == "/" else request.path, node)]
    while unseen:
        path, node = unseen.pop()
        count += len(node.children)
        below = (f"{path}/{name}" for name in node.children)
        unseen += [(each, store.tree.nodes[each]) for each in below]
    return count


def _readable(store: Store, caller: Caller, path: str) -> Node:
    node = store.tree.find(path)
    permit(node, Permissions.READ, caller)
    return node
