"""The tree of nodes, and how each change of it shows in their status (protocol.md, 8)."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import ClassVar, NamedTuple

from zc.zk.codes import EventType
from zc.zk.errors import NoNodeError
from zc.zk.records import Stat
from zc.zk.security import ACL, READ_ACL_UNSAFE
from zc.zk.server import changes
from zc.zk.server.acl import OPEN, size_of
from zc.zk.server.owners import NOBODY, is_session, is_swept

SYSTEM_PATHS = ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")
_NO_CHILDREN: frozenset[str] = frozenset()


def wrapped(number: int) -> int:
    """Return `number` as the signed 32 bits that counters have on the wire."""
    return (number + 0x80000000 & 0xFFFFFFFF) - 0x80000000


class Node:
    """One node.

    `created` counts the children it ever had; `owner` says of which kind it is (see `owners`).
    """

    __slots__ = (
        "acl",
        "aversion",
        "children",
        "created",
        "ctime",
        "czxid",
        "data",
        "mtime",
        "mzxid",
        "owner",
        "pzxid",
        "version",
    )

    def __init__(self, data: bytes | None, acl: tuple[ACL, ...], zxid: int, time: int) -> None:
        self.data = data
        self.acl = acl
        self.czxid = self.mzxid = self.pzxid = zxid
        self.ctime = self.mtime = time
        self.version = self.aversion = self.created = self.owner = 0
        self.children: AbstractSet[str] = _NO_CHILDREN  # shared by all leaves: most nodes are

    def copy(self) -> "Node":
        """Return the node as it is now, for the log: without its children."""
        node = Node(self.data, self.acl, self.czxid, self.ctime)
        node.mzxid, node.pzxid, node.mtime = self.mzxid, self.pzxid, self.mtime
        node.version, node.aversion = self.version, self.aversion
        node.created, node.owner = self.created, self.owner
        return node

    def stat(self) -> Stat:
        """Return the status as clients are shown it."""
        data, count = self.data, len(self.children)
        return Stat(
            self.czxid,
            self.mzxid,
            self.ctime,
            self.mtime,
            self.version,
            # Only the creations are counted: creations plus deletions, as far as this tree knows.
            wrapped(2 * self.created - count),
            self.aversion,
            self.owner if is_session(self.owner) else NOBODY,
            len(data) if data else 0,
            count,
            self.pzxid,
        )

    def add(self, name: str) -> None:
        """Take note of a new child."""
        if isinstance(self.children, set):
            self.children.add(name)
        else:
            self.children = {name}

    def remove(self, name: str) -> None:
        """Take note that a child went."""
        if isinstance(self.children, set):
            self.children.discard(name)
        if not self.children:
            self.children = _NO_CHILDREN


class Happening(NamedTuple):
    """What a change did to one node, for those who watch it; `acl` says who may know."""

    type: EventType
    path: str
    acl: tuple[ACL, ...]


class Tree:
    """All nodes by path.

    The root stands under "/" and also under "", which is what stands before its children's names.
    `keep` is told of each node that is about to change, other than in its children. `other_bytes`
    are those of paths and ACLs.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.ephemerals: dict[int, dict[str, None]] = {}
        self.swept: dict[str, None] = {}  # the paths of containers and TTL nodes
        self.data_bytes = self.other_bytes = 0
        self.keep: Callable[[Node], None] | None = None
        for path in SYSTEM_PATHS:
            self._add_system_node(path)

    def _add_system_node(self, path: str) -> None:
        node = Node(b"", OPEN, 0, 0)
        if path == "/zookeeper/config":
            node.acl = tuple(READ_ACL_UNSAFE)
            node.aversion = -1
        self.put(path, node)

    def clear(self) -> None:
        """Take up all nodes, the system's as well: a log has them all."""
        self.nodes.clear()
        self.data_bytes = self.other_bytes = 0

    def find(self, path: str) -> Node:
        """Return the node at `path`; raises `NoNodeError`."""
        try:
            return self.nodes[path]
        except KeyError:
            raise NoNodeError(path) from None

    def put(self, path: str, node: Node) -> None:
        """Set a node down as it is, below its parent; the parent does not count it as created."""
        self.nodes[path] = node
        self.data_bytes += len(node.data or b"")
        self.other_bytes += len(path) + size_of(node.acl)
        if is_session(node.owner):
            self.ephemerals.setdefault(node.owner, {})[path] = None
        elif is_swept(node.owner):
            self.swept[path] = None
        if path == "/":
            self.nodes[""] = node
        else:
            above, _, name = path.rpartition("/")
            self.nodes[above].add(name)

    def take(self, path: str) -> Node:
        """Pick a node up that has no children, as if `put` had never set it down; return it."""
        above, _, name = path.rpartition("/")
        node = self.nodes.pop(path)
        self.data_bytes -= len(node.data or b"")
        self.other_bytes -= len(path) + size_of(node.acl)
        self.nodes[above].remove(name)
        if is_session(node.owner):
            owned = self.ephemerals[node.owner]
            del owned[path]
            if not owned:
                del self.ephemerals[node.owner]
        elif is_swept(node.owner):
            del self.swept[path]
        return node

    def apply(self, change: changes.Change, zxid: int, time: int) -> tuple[Happening, ...]:
        """Make a change, which must be possible, and return what happened, in order."""
        make = self._MAKE.get(type(change))
        return make(self, change, zxid, time) if make is not None else ()

    def _create(self, change: changes.CreateNode, zxid: int, time: int) -> tuple[Happening, ...]:
        path = change.path
        above = path.rpartition("/")[0]
        parent = self.nodes[above]
        node = Node(change.data, OPEN if change.acl == OPEN else change.acl, zxid, time)
        node.owner = change.owner
        if self.keep is not None:
            self.keep(parent)
        self.put(path, node)
        parent.created = wrapped(parent.created + 1)
        parent.pzxid = zxid
        return (
            Happening(EventType.CREATED, path, node.acl),
            Happening(EventType.CHILD, above or "/", parent.acl),
        )

    def _delete(self, change: changes.DeleteNode, zxid: int, _time: int) -> tuple[Happening, ...]:
        path = change.path
        node = self.take(path)
        above = path.rpartition("/")[0]
        parent = self.nodes[above]
        if self.keep is not None:
            self.keep(parent)
        parent.pzxid = zxid
        return (
            Happening(EventType.DELETED, path, node.acl),
            Happening(EventType.CHILD, above or "/", parent.acl),
        )

    def _replace_data(
        self, change: changes.ReplaceData, zxid: int, time: int
    ) -> tuple[Happening, ...]:
        node = self.nodes[change.path]
        if self.keep is not None:
            self.keep(node)
        self.data_bytes += len(change.data or b"") - len(node.data or b"")
        node.data = change.data
        node.mzxid, node.mtime = zxid, time
        node.version = wrapped(node.version + 1)
        return (Happening(EventType.CHANGED, change.path, node.acl),)

    def _replace_acl(
        self, change: changes.ReplaceACL, _zxid: int, _time: int
    ) -> tuple[Happening, ...]:
        node = self.nodes[change.path]
        if self.keep is not None:
            self.keep(node)
        self.other_bytes -= size_of(node.acl)
        node.acl = OPEN if change.acl == OPEN else change.acl
        self.other_bytes += size_of(node.acl)
        node.aversion = wrapped(node.aversion + 1)
        return ()

    # Any: each function takes the one class that it is listed under.
    _MAKE: ClassVar[dict[type, Callable[..., tuple[Happening, ...]]]] = {
        changes.CreateNode: _create,
        changes.DeleteNode: _delete,
        changes.ReplaceData: _replace_data,
        changes.ReplaceACL: _replace_acl,
    }
