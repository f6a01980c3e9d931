"""Plans for whole branches of nodes."""

from collections.abc import Sequence

from zc.zk import paths
from zc.zk.errors import NodeExistsError, NoNodeError, NotEmptyError
from zc.zk.operations import Create, Create2, Delete, Exists, GetChildren
from zc.zk.plans import Plan
from zc.zk.records import Stat
from zc.zk.security import ACL


def ensure_path(path: str, acl: Sequence[ACL]) -> Plan[bool]:
    """Create a node without data, and those above it, as far as they are missing."""
    if (yield from Exists(path)) is not None:
        return True
    try:
        yield from Create(path, b"", tuple(acl))
    except NodeExistsError:
        return True
    except NoNodeError:
        if path == "/":
            raise
        yield from ensure_path(paths.parent(path), acl)
        return (yield from ensure_path(path, acl))
    return True


def create_with_parents(create: Create2) -> Plan[tuple[str, Stat]]:
    """Create a node, and those above it as far as they are missing, with the same ACL."""
    try:
        return (yield from create)
    except NoNodeError:
        yield from ensure_path(paths.parent(create.path), create.acl)
        return (yield from create)


def delete_recursively(path: str) -> Plan[bool]:
    """Delete a node and all below it; what others delete or create meanwhile is gone in the end, too."""
    while True:
        try:
            names = yield from GetChildren(path)
        except NoNodeError:
            return True
        for name in names:
            yield from delete_recursively(paths.join(path, name))
        try:
            yield from Delete(path)
        except NoNodeError:
            return True
        except NotEmptyError:
            continue
        return True
