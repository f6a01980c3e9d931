"""What became of a write whose reply was lost: found out where the node itself tells.

Before anything is looked at, the server catches up with its leader. By then what was sent over the old connection has
been done, or will never be: a leader takes no request of a session from a server that it has moved away from. So what
is not there now was not applied, and may be asked for again. A node that was made after the last transaction that we
had heard of when the connection was lost, by our session, was made by this very request: replies come in order, and of
two writes of ours to one node that were cut off together none is looked into.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from zc.zk import paths
from zc.zk.codes import ANY_VERSION, CreateFlag
from zc.zk.errors import (
    ConnectionLoss,
    NetworkError,
    NodeExistsError,
    NoNodeError,
    ServerError,
    SessionExpiredError,
)
from zc.zk.operations import (
    Create,
    Creates,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Operation,
    SetData,
    Sync,
)
from zc.zk.plans import Plan, Whoami

R = TypeVar("R")
_Look = Callable[
    [Any, ConnectionLoss], Plan[tuple[Any] | None]
]  # Any: the operation, and its answer


def protected(path: str, guid: str) -> str:
    """Return the path of a node to create, with a prefix to its name that tells whose creation it is."""
    parent, _, name = path.rpartition("/")
    return f"{parent}/{_PREFIX}{guid}-{name}"


def surely(operation: Operation[R], *, is_protected: bool = False) -> Plan[R]:
    """Ask for a write; when its reply is lost, find out what became of it."""
    try:
        return (yield from operation)
    except ConnectionLoss as lost:
        return (yield from settle(operation, lost, is_protected=is_protected))


def settle(operation: Operation[R], lost: ConnectionLoss, *, is_protected: bool = False) -> Plan[R]:
    """Return the answer to a write whose reply was lost; ask again for one that was not applied.

    Raises `lost` where the node does not tell, and `SessionExpiredError` where the session ended meanwhile.
    """
    look = _look_for(operation, is_protected=is_protected)
    while True:
        if look is None or not lost.session_id:
            raise lost
        answer = yield from _answer(look, operation, lost)
        if answer is not None:
            found: R = answer[0]
            return found
        try:
            return (yield from operation)
        except ConnectionLoss as again:
            lost = again


def _answer(look: _Look, operation: Operation[R], lost: ConnectionLoss) -> Plan[tuple[R] | None]:
    path = lost.path or "/"
    try:
        yield from Sync(path)
        answer = yield from look(operation, lost)
        ids = yield from Whoami()
    except NetworkError as error:
        error.maybe_applied = True
        raise
    except NodeExistsError:
        raise
    except ServerError as error:
        raise lost from error  # such as a node that we may not read
    if ids.current != lost.session_id:
        raise SessionExpiredError(path, maybe_applied=True) from lost
    return answer


def _look_for(operation: Operation[Any], *, is_protected: bool) -> _Look | None:
    """Return the plan that gives the answer in a tuple, None where nothing was done; or none, where nothing tells."""
    if isinstance(operation, Creates):
        if is_protected:
            return _protected_node
        return _ephemeral_node if operation.flags == CreateFlag.EPHEMERAL else None
    if isinstance(operation, Delete):
        return _deleted_node
    if isinstance(operation, SetData) and operation.version != ANY_VERSION:
        return _written_node
    return None


def _protected_node(create: Creates[Any], lost: ConnectionLoss) -> Plan[tuple[Any] | None]:
    parent, name = paths.parent(create.path), paths.name(create.path)
    try:
        names = yield from GetChildren(parent)
    except NoNodeError:
        return None
    for each in names:
        if each.startswith(name):
            path = paths.join(parent, each)
            if isinstance(create, Create):
                return (path,)
            stat = yield from Exists(path)
            if stat is None:
                raise lost  # it was there, and somebody deleted it
            return ((path, stat),)
    return None


def _ephemeral_node(create: Creates[Any], lost: ConnectionLoss) -> Plan[tuple[Any] | None]:
    path = create.path
    stat = yield from Exists(path)
    if stat is None:
        return None
    if stat.owner_session_id != lost.session_id or stat.czxid <= lost.zxid:
        raise NodeExistsError(path, stat.owner_session_id)
    return (path,) if isinstance(create, Create) else ((path, stat),)


def _deleted_node(delete: Delete, lost: ConnectionLoss) -> Plan[tuple[bool] | None]:
    stat = yield from Exists(delete.path)
    if stat is None:
        return (True,)
    if stat.czxid > lost.zxid:
        lost.reason = "there is a node, and it may be another one"
        raise lost
    return None


def _written_node(write: SetData, lost: ConnectionLoss) -> Plan[None]:
    # Whoever else wrote the same data at the same version left just what we would have: "done" is never certain, and
    # to say so of a counter would lose a count. That it was not done is certain of any other data at our version.
    data, stat = yield from GetData(write.path)
    is_same = stat.czxid <= lost.zxid
    if is_same and stat.version == write.version:
        return
    if is_same and stat.version == write.version + 1 and data != (write.data or b""):
        return
    lost.reason = f"the node has version {stat.version} now, by whomever"
    raise lost


_PREFIX = "_c_"  # as other clients of ZooKeeper have it
