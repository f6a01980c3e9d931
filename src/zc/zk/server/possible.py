"""What a log may say: changes and nodes that cannot have been are refused before anything is made of them."""

from collections.abc import Callable
from typing import Any

from zc.zk import paths
from zc.zk.errors import ArgumentError, ProtocolError
from zc.zk.server import changes
from zc.zk.server.owners import is_session
from zc.zk.server.sessions import Sessions
from zc.zk.server.tree import SYSTEM_PATHS, Tree

_MOST_ZXID = 0x7FFF_FFFE << 32  # after which an epoch is left
_MOST_SESSION_ID = (1 << 63) - 2
_SHOWN = 100  # characters of a path


def require_zxid(zxid: int) -> None:
    """Raise `ProtocolError` for a zxid that no server gives."""
    if not 0 <= zxid <= _MOST_ZXID:
        raise ProtocolError(f"no server gives the zxid {zxid:#x}")


def require_change(tree: Tree, sessions: Sessions, change: changes.Change) -> None:
    """Raise `ProtocolError` where a change does not fit what there is."""
    check = _CHECKS.get(type(change))
    fault = check(tree, sessions, change) if check is not None else ""
    if fault:
        shown = getattr(change, "path", "")[:_SHOWN]
        raise ProtocolError(f"{type(change).__name__} {shown!r}: {fault}")


def require_node(tree: Tree, path: str) -> None:
    """Raise `ProtocolError` where a node cannot be set down."""
    fault = _place_fault(tree, path) if path != "/" or path in tree.nodes else ""
    if fault:
        raise ProtocolError(f"a node {path[:_SHOWN]!r}: {fault}")


def require_session(sessions: Sessions, session_id: int) -> None:
    """Raise `ProtocolError` for a session that cannot begin."""
    fault = _session_fault(sessions, session_id)
    if fault:
        raise ProtocolError(f"a session {session_id:#x}: {fault}")


def require_whole(tree: Tree, sessions: Sessions) -> None:
    """Raise `ProtocolError` where a snapshot lacks what every server has, or owners of its nodes."""
    if not all(path in tree.nodes for path in SYSTEM_PATHS):
        raise ProtocolError("nodes that every server has are not there")
    if not all(sessions.find(owner) for owner in tree.ephemerals):
        raise ProtocolError("owners of ephemeral nodes are not there")


def _place_fault(tree: Tree, path: str) -> str:
    try:
        paths.validate(path)
    except ArgumentError:
        return "that is no path"
    if path in tree.nodes:
        return "it is there already"
    parent = tree.nodes.get(path.rpartition("/")[0])
    if parent is None:
        return "its parent is not there"
    return "its parent is ephemeral" if is_session(parent.owner) else ""


def _session_fault(sessions: Sessions, session_id: int) -> str:
    if not 0 < session_id <= _MOST_SESSION_ID:
        return "no server gives such an id"
    return "it is there already" if sessions.find(session_id) else ""


def _create_fault(tree: Tree, sessions: Sessions, change: changes.CreateNode) -> str:
    if is_session(change.owner) and sessions.find(change.owner) is None:
        return "its owner is not there"
    return _place_fault(tree, change.path)


def _delete_fault(tree: Tree, _sessions: Sessions, change: changes.DeleteNode) -> str:
    if change.path in ("", *SYSTEM_PATHS):
        return "no server deletes it"
    node = tree.nodes.get(change.path)
    if node is None:
        return "it is not there"
    return "it has children" if node.children else ""


def _replace_fault(
    tree: Tree, _sessions: Sessions, change: changes.ReplaceData | changes.ReplaceACL
) -> str:
    return "" if change.path and change.path in tree.nodes else "it is not there"


def _begin_fault(_tree: Tree, sessions: Sessions, change: changes.BeginSession) -> str:
    return _session_fault(sessions, change.session_id)


def _end_fault(tree: Tree, sessions: Sessions, change: changes.EndSession) -> str:
    if sessions.find(change.session_id) is None:
        return "it is not there"
    return "it has nodes" if change.session_id in tree.ephemerals else ""


# Any: each function takes the one class that it is listed under.
_CHECKS: dict[type, Callable[[Tree, Sessions, Any], str]] = {
    changes.CreateNode: _create_fault,
    changes.DeleteNode: _delete_fault,
    changes.ReplaceData: _replace_fault,
    changes.ReplaceACL: _replace_fault,
    changes.BeginSession: _begin_fault,
    changes.EndSession: _end_fault,
}
