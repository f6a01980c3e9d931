"""What the server does for each operation that takes a zxid.

The checks stand in the order of protocol.md, section 9: the first that fails is the answer.
"""

from typing import Any

from zc.zk import operations as ops
from zc.zk import paths
from zc.zk.codes import ANY_VERSION, CreateFlag
from zc.zk.errors import (
    ArgumentError,
    BadArgumentsError,
    BadVersionError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NotEmptyError,
    QuotaExceededError,
    ReconfigDisabledError,
    UnimplementedError,
)
from zc.zk.records import Stat
from zc.zk.security import ACL, Permissions
from zc.zk.server import acl as acls
from zc.zk.server import owners, quota
from zc.zk.server.caller import Caller, permit
from zc.zk.server.changes import CreateNode, DeleteNode, ReplaceACL, ReplaceData
from zc.zk.server.store import Draft, Store
from zc.zk.server.tree import SYSTEM_PATHS


def create(draft: Draft, caller: Caller, request: ops.Create) -> str:
    """Create a node and give its path."""
    return _create_node(draft, caller, request)


def create2(draft: Draft, caller: Caller, request: ops.Create2) -> tuple[str, Stat]:
    """Create a node and give its path and status."""
    path = _create_node(draft, caller, request)
    return path, draft.store.tree.nodes[path].stat()


def create_container(
    draft: Draft, caller: Caller, request: ops.CreateContainer
) -> tuple[str, Stat]:
    """Create a container, whatever the flags call it, and give its path and status."""
    path = _create_node(draft, caller, request)
    return path, draft.store.tree.nodes[path].stat()


def create_ttl(draft: Draft, caller: Caller, request: ops.CreateTTL) -> tuple[str, Stat]:
    """Create a TTL node and give its path and status."""
    path = _create_node(draft, caller, request)
    return path, draft.store.tree.nodes[path].stat()


_TTL_FLAGS = (CreateFlag.TTL, CreateFlag.SEQUENTIAL_TTL)
_SEQUENTIAL_FLAGS = (2, 3, CreateFlag.SEQUENTIAL_TTL)
_EPHEMERAL_FLAGS = (1, 3)
_LAST_FLAGS = 6


def _owner(store: Store, caller: Caller, request: ops.Creates[Any]) -> int:
    """Return what makes the node one of its kind, which the operation says more than the flags."""
    flags, path = request.flags, request.path
    if not 0 <= flags <= _LAST_FLAGS:
        raise BadArgumentsError(path)
    if flags in _TTL_FLAGS and not store.settings.extended_types:
        raise UnimplementedError(path)
    if isinstance(request, ops.CreateTTL) != (flags in _TTL_FLAGS):
        raise BadArgumentsError(path)
    if isinstance(request, ops.CreateTTL):
        try:
            return owners.ttl_owner(request.ttl)
        except ValueError as error:
            raise BadArgumentsError(path) from error
    if isinstance(request, ops.CreateContainer):
        return owners.CONTAINER
    return caller.session.id if flags in _EPHEMERAL_FLAGS else owners.NOBODY


def _create_node(draft: Draft, caller: Caller, request: ops.Creates[Any]) -> str:
    store, path = draft.store, request.path
    owner = _owner(store, caller, request)
    above, slash, _ = path.rpartition("/")
    if not slash or "\0" in path:
        raise BadArgumentsError(path)
    acl = _settled(store, caller, request.acl)
    parent = store.tree.find(above)
    permit(parent, Permissions.CREATE, caller)
    if request.flags in _SEQUENTIAL_FLAGS:
        path += f"{parent.created:010d}"
    _check_path(path)
    if path in store.tree.nodes:
        raise NodeExistsError(path)
    if owners.is_session(parent.owner):
        raise NoChildrenForEphemeralsError(path)
    _check_quota(store, path, 1, len(request.data or b""))
    more = len(path) + acls.size_of(acl) + len(request.data or b"")
    _check_room(store, path, more, nodes=1)
    draft.make(CreateNode(path, request.data, acl, owner))
    return path


def delete(draft: Draft, caller: Caller, request: ops.Delete) -> None:
    """Delete a node that has no children."""
    path, tree = request.path, draft.store.tree
    above, slash, _ = path.rpartition("/")
    if not slash or "\0" in path or path in SYSTEM_PATHS:
        raise BadArgumentsError(path)
    permit(tree.find(above), Permissions.DELETE, caller)
    node = tree.find(path)
    _check_version(path, node.version, request.version)
    if node.children:
        raise NotEmptyError(path)
    draft.make(DeleteNode(path))


def set_data(draft: Draft, caller: Caller, request: ops.SetData) -> Stat:
    """Replace a node's data and give its status."""
    path, store = request.path, draft.store
    _check_path(path)
    node = store.tree.find(path)
    permit(node, Permissions.WRITE, caller)
    more = len(request.data or b"") - len(node.data or b"")
    _check_quota(store, path, 0, more)
    _check_version(path, node.version, request.version)
    _check_room(store, path, more)
    draft.make(ReplaceData(path, request.data))
    return node.stat()


def check(draft: Draft, caller: Caller, request: ops.Check) -> None:
    """Insist on a node's version, for the rest of a multi."""
    path = request.path
    _check_path(path)
    node = draft.store.tree.find(path)
    permit(node, Permissions.READ, caller)
    _check_version(path, node.version, request.version)


def set_acl(draft: Draft, caller: Caller, request: ops.SetACL) -> Stat:
    """Replace a node's ACL and give its status."""
    path = request.path
    _check_path(path)
    acl = _settled(draft.store, caller, request.acl)
    node = draft.store.tree.find(path)
    permit(node, Permissions.ADMIN, caller)
    _check_version(path, node.aversion, request.version)
    _check_room(draft.store, path, acls.size_of(acl) - acls.size_of(node.acl))
    draft.make(ReplaceACL(path, acl))
    return node.stat()


def reconfig(_draft: Draft, _caller: Caller, _request: ops.Reconfig) -> tuple[bytes, Stat]:
    """Refuse: a server alone has nothing to configure, and Apache's default is to refuse, too."""
    raise ReconfigDisabledError


def close_session(draft: Draft, caller: Caller, _request: ops.CloseSession) -> None:
    """End the session; its connection ends after the answer."""
    draft.end_session(caller.session.id)


def _settled(store: Store, caller: Caller, acl: tuple[ACL, ...]) -> tuple[ACL, ...]:
    settings = store.settings
    return acls.settled(
        acl,
        caller.identities,
        ipv6=settings.knows_ipv6_acls,
        schemes=settings.acl_schemes,
    )


def _check_path(path: str) -> None:
    try:
        paths.validate(path)
    except ArgumentError as error:
        raise BadArgumentsError(path) from error


def _check_version(path: str, actual: int, wanted: int) -> None:
    if wanted not in (ANY_VERSION, actual):
        raise BadVersionError(path)


def _check_quota(store: Store, path: str, count: int, data_bytes: int) -> None:
    if store.settings.enforce_quotas and quota.has_quotas(store.tree):
        quota.check(store.tree, path, count, data_bytes)


def _check_room(store: Store, path: str, more: int, nodes: int = 0) -> None:
    settings, tree = store.settings, store.tree
    if (
        len(tree.nodes) + nodes > settings.most_nodes
        or tree.data_bytes + tree.other_bytes + more > settings.most_data_bytes
    ):
        raise QuotaExceededError(path)
