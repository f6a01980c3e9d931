"""Who waits to be told of a change: the two tables of watches (protocol.md, 11.2 to 11.4)."""

import sys
from collections.abc import Collection, Iterator
from typing import Protocol

from zc.zk.codes import EventType, KeeperState, Xid
from zc.zk.errors import QuotaExceededError
from zc.zk.jute import INT, Writer
from zc.zk.records import REPLY_HEADER, WatchedEvent
from zc.zk.security import Id, Permissions
from zc.zk.server.acl import allows
from zc.zk.server.tree import Happening


class Watcher(Protocol):
    """A connection, as far as watches know one."""

    @property
    def identities(self) -> Collection[Id]:
        """Whom the connection may speak for."""

    @property
    def session_id(self) -> int:
        """The session that the connection is attached to."""

    def send(self, frame: bytes) -> None:
        """Write a frame that is complete with its length."""


# How a watch waits, as bits: one watcher may do so in several ways on one path.
ONCE, PERSISTENT, RECURSIVE = 1, 2, 4
IN_ANY_WAY = ONCE | PERSISTENT | RECURSIVE
_WATCH_BYTES = 100  # that a watch takes besides its path, and more


class WatchTable:
    """Watches of one kind: which watchers wait for which paths, and how.

    With `one_way` a watcher waits for a path in the way that it asked for last, as in 3.8. The
    paths that one watcher waits for, and 100 for each, are `most_bytes` at the most.
    """

    def __init__(self, *, one_way: bool = False, most_bytes: int = sys.maxsize) -> None:
        self._ways: dict[str, dict[Watcher, int]] = {}
        self._paths: dict[Watcher, set[str]] = {}
        self._bytes: dict[Watcher, int] = {}  # of its paths
        self._most_bytes = most_bytes
        self._recursive_count = 0  # without any, an event looks at its own path alone
        self._is_one_way = one_way

    def __len__(self) -> int:
        return sum(map(len, self._paths.values()))

    @property
    def watcher_count(self) -> int:
        """How many wait for anything."""
        return len(self._paths)

    @property
    def path_count(self) -> int:
        """How many paths are waited for."""
        return len(self._ways)

    def items(self) -> Iterator[tuple[str, Collection[Watcher]]]:
        """Give each path that is waited for, and by whom."""
        return iter(self._ways.items())

    def add(self, path: str, watcher: Watcher, way: int = ONCE) -> None:
        """Let `watcher` wait for `path`; a second time changes nothing.

        Raises `QuotaExceededError` for one path too many.
        """
        before = self._ways.get(path, {}).get(watcher, 0)
        if not before and self._bytes.get(watcher, 0) + _weight(path) > self._most_bytes:
            raise QuotaExceededError(path)
        self._set(path, watcher, way if self._is_one_way else before | way)

    def has(self, path: str, watcher: Watcher, ways: int = IN_ANY_WAY) -> bool:
        """Say whether `watcher` waits for exactly `path` in one of `ways`."""
        return self._ways.get(path, {}).get(watcher, 0) & ways != 0

    def is_watched(self, path: str) -> bool:
        """Say whether anybody waits for exactly `path`."""
        return path in self._ways

    def remove(self, path: str, watcher: Watcher, ways: int = IN_ANY_WAY) -> bool:
        """Let `watcher` wait for `path` in none of `ways`; say whether it did."""
        if not self.has(path, watcher, ways):
            return False
        self._set(path, watcher, self._ways[path][watcher] & ~ways)
        return True

    def take(self, path: str, kind: EventType) -> Collection[Watcher]:
        """Return those who are to be told of an event; who waited once does so no more."""
        watchers = self._ways.get(path)
        if watchers is None and not self._recursive_count:
            return ()  # most often nobody waits
        is_about_children = kind is EventType.CHILD  # of which recursive watches are not told
        told: dict[Watcher, None] = {}
        for watcher, way in tuple(watchers.items()) if watchers else ():
            if way != RECURSIVE or not is_about_children:
                told[watcher] = None
                if way & ONCE:
                    self._set(path, watcher, way & ~ONCE)
        if self._recursive_count and not is_about_children:
            for above in _ancestors(path):
                for watcher, way in self._ways.get(above, {}).items():
                    if way & RECURSIVE:
                        told[watcher] = None
        return told

    def forget(self, watcher: Watcher) -> None:
        """Drop all that `watcher` waits for: a watch ends with its connection."""
        for path in tuple(self._paths.get(watcher, ())):
            self._set(path, watcher, 0)

    def _set(self, path: str, watcher: Watcher, way: int) -> None:
        watchers = self._ways.setdefault(path, {})
        before = watchers.pop(watcher, 0)
        self._recursive_count += (way & RECURSIVE > 0) - (before & RECURSIVE > 0)
        if way:
            watchers[watcher] = way
            if not before:
                self._paths.setdefault(watcher, set()).add(path)
                self._bytes[watcher] = self._bytes.get(watcher, 0) + _weight(path)
            return
        if not watchers:
            del self._ways[path]
        if before:
            paths = self._paths[watcher]
            paths.discard(path)
            self._bytes[watcher] -= _weight(path)
            if not paths:
                del self._paths[watcher], self._bytes[watcher]


def _weight(path: str) -> int:
    return len(path) + _WATCH_BYTES


def _ancestors(path: str) -> Iterator[str]:
    above = path
    while above not in ("/", ""):
        above = above.rpartition("/")[0] or "/"
        yield above


class Watches:
    """All watches of a server. `data` waits for a node, `child` for its list of children.

    A persistent watch stands in both, a recursive one in `data`, and for 3.8 in both as well.
    """

    def __init__(self, *, one_way: bool = False, most_bytes: int = sys.maxsize) -> None:
        self.data = WatchTable(one_way=one_way, most_bytes=most_bytes)
        self.child = WatchTable(one_way=one_way, most_bytes=most_bytes)
        self._is_one_way = one_way

    def __len__(self) -> int:
        return len(self.data) + len(self.child)

    def add_lasting(self, path: str, watcher: Watcher, way: int) -> None:
        """Let `watcher` wait for `path` until it says otherwise."""
        self.data.add(path, watcher, way)
        if way == PERSISTENT or self._is_one_way:
            self.child.add(path, watcher, way)

    def forget(self, watcher: Watcher) -> None:
        """Drop all watches of a connection."""
        self.data.forget(watcher)
        self.child.forget(watcher)

    def fire(self, happening: Happening, zxid: int) -> None:
        """Tell those who wait for it that something happened, each at most once.

        A watcher that may not read the node is not told, but its watch is used up.
        """
        kind, path, acl = happening
        watchers: Collection[Watcher]
        if kind is EventType.CHILD:
            watchers = self.child.take(path, kind)
        elif kind is EventType.DELETED:
            watchers = dict.fromkeys((*self.data.take(path, kind), *self.child.take(path, kind)))
        else:
            watchers = self.data.take(path, kind)
        if watchers:
            frame = event_frame(kind, path, zxid)
            for watcher in watchers:
                if allows(acl, Permissions.READ, watcher.identities):
                    watcher.send(frame)


def event_frame(kind: EventType, path: str, zxid: int) -> bytes:
    """Return the frame that tells of an event."""
    out = Writer()
    out.raw(REPLY_HEADER.pack(Xid.EVENT, zxid, 0))
    WatchedEvent(kind, KeeperState.CONNECTED, path).write(out)
    body = out.getvalue()
    return INT.pack(len(body)) + body
