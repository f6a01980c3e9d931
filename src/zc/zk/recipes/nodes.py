"""Plans for whole branches of nodes."""

from collections.abc import Sequence
from typing import Any, TypeVar

from zc.zk import paths
from zc.zk.errors import ConnectionLoss, NodeExistsError, NoNodeError, NotEmptyError
from zc.zk.operations import Create, Creates, Delete, Exists, GetChildren
from zc.zk.plans import Plan
from zc.zk.recipes.outcomes import surely
from zc.zk.retry import widened
from zc.zk.security import ACL

R = TypeVar("R")


def ensure_path(path: str, acl: Sequence[ACL], root: str = "") -> Plan[bool]:
    """Create a node without data, and those above it, as far as they are missing; those of the chroot `root`, too."""
    return (yield from widened(_ensuring(path, acl, root)))


def _ensuring(path: str, acl: Sequence[ACL], root: str) -> Plan[bool]:
    if (yield from Exists(path)) is not None:
        return True
    missing = [path]
    while missing:
        try:
            yield from Create(missing[-1], b"", tuple(acl))
        except NodeExistsError:
            missing.pop()
        except ConnectionLoss as error:
            if not error.maybe_applied:
                raise
        except NoNodeError:
            above = _above(missing[-1], root)
            if above == missing[-1]:
                raise
            missing.append(above)
        else:
            missing.pop()
    return True


def _above(path: str, root: str) -> str:
    """Return the node above, which for a client's root may be one that it has no name for."""
    if path == "/" and root:
        return paths.ServerPath(paths.parent(root))
    above = paths.parent(path)
    return paths.ServerPath(above) if isinstance(path, paths.ServerPath) else above


def create_with_parents(
    create: Creates[R], *, is_protected: bool = False, root: str = ""
) -> Plan[R]:
    """Create a node, and those above it as far as they are missing, with the same ACL."""
    return (yield from widened(_creating(create, is_protected=is_protected, root=root)))


def _creating(create: Creates[R], *, is_protected: bool, root: str) -> Plan[R]:
    try:
        return (yield from surely(create, is_protected=is_protected))
    except NoNodeError:
        yield from _ensuring(_above(create.path, root), create.acl, root)
        return (yield from surely(create, is_protected=is_protected))


def create(
    operation: Creates[Any],
    *,
    makepath: bool,
    include_data: bool,
    is_protected: bool = False,
    root: str = "",
) -> Plan[Any]:  # Any: str, or with `include_data` a tuple
    """Create a node, with `makepath` those above it, too; give its path, with `include_data` its path and status."""
    answer = yield from (
        create_with_parents(operation, is_protected=is_protected, root=root)
        if makepath
        else surely(operation, is_protected=is_protected)
    )
    return answer if include_data or isinstance(answer, str) else answer[0]


def delete_recursively(path: str) -> Plan[bool]:
    """Delete a node and all below it; what others delete or create meanwhile is gone in the end, too."""
    return (yield from widened(_deleting(path)))


def _deleting(path: str) -> Plan[bool]:
    doomed = [path]
    while doomed:
        try:
            names = yield from GetChildren(doomed[-1])
            if not names:
                yield from Delete(doomed[-1])
        except NoNodeError:
            doomed.pop()
        except NotEmptyError:
            continue
        except ConnectionLoss as error:
            if not error.maybe_applied:
                raise
        else:
            if names:
                doomed += (paths.join(doomed[-1], name) for name in names)
            else:
                doomed.pop()
    return True
