"""Who waits to be told of a change: the two tables of one-shot watches (protocol.md, 11.2)."""

from collections.abc import Collection, Iterable
from typing import Protocol

from zc.zk.codes import EventType, KeeperState, Xid
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

    def send(self, frame: bytes) -> None:
        """Write a frame that is complete with its length."""


class WatchTable:
    """One-shot watches of one kind: which watchers wait for which paths."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[Watcher, None]] = {}
        self._paths: dict[Watcher, set[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._paths.values()))

    def add(self, path: str, watcher: Watcher) -> None:
        """Let `watcher` wait for `path`; a second time changes nothing."""
        self._watchers.setdefault(path, {})[watcher] = None
        self._paths.setdefault(watcher, set()).add(path)

    def take(self, path: str) -> Iterable[Watcher]:
        """Return those who wait for `path`, who then do so no more."""
        watchers = self._watchers.pop(path, None)
        if watchers is None:
            return ()
        for watcher in watchers:
            paths = self._paths[watcher]
            paths.discard(path)
            if not paths:
                del self._paths[watcher]
        return watchers

    def forget(self, watcher: Watcher) -> None:
        """Drop all that `watcher` waits for: a watch ends with its connection."""
        for path in self._paths.pop(watcher, ()):
            watchers = self._watchers[path]
            del watchers[watcher]
            if not watchers:
                del self._watchers[path]


class Watches:
    """All watches of a server. `data` waits for a node, `child` for its list of children."""

    def __init__(self) -> None:
        self.data = WatchTable()
        self.child = WatchTable()

    def __len__(self) -> int:
        return len(self.data) + len(self.child)

    def forget(self, watcher: Watcher) -> None:
        """Drop all watches of a connection."""
        self.data.forget(watcher)
        self.child.forget(watcher)

    def fire(self, happening: Happening, zxid: int) -> None:
        """Tell those who wait for it that something happened, each at most once.

        A watcher that may not read the node is not told, but its watch is used up.
        """
        kind, path, acl = happening
        watchers: Iterable[Watcher]
        if kind is EventType.CHILD:
            watchers = self.child.take(path)
        elif kind is EventType.DELETED:
            watchers = dict.fromkeys((*self.data.take(path), *self.child.take(path)))
        else:
            watchers = self.data.take(path)
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
