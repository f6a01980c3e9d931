"""Which watches the server holds for us, and what to ask of the next server so that none of them is lost.

Standard watches fire once; those of AddWatch stand until they are removed. Servers before 3.9 know one mode for each
path (protocol.md, 11.4): a standard watch set there would end the standing one. So where a path has a standing watch,
standard ones lean on it: they are not sent, and its events use them up.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from zc.zk import paths
from zc.zk.codes import SET_WATCHES_BYTES, AddWatchMode, EventType, KeeperState, WatcherType
from zc.zk.operations import AddWatch, Operation, RemoveWatches, SetWatches, SetWatches2, Watch
from zc.zk.records import WatchedEvent

# What each event uses up: a standard watch fires once.
_DRAINED: dict[EventType, tuple[str, ...]] = {
    EventType.CREATED: ("data", "exist"),
    EventType.CHANGED: ("data", "exist"),
    EventType.DELETED: ("data", "exist", "child"),
    EventType.CHILD: ("child",),
}
STANDARD = ("data", "exist", "child")
STANDING = ("persistent", "recursive")
KINDS = (
    STANDARD + STANDING
)  # in the order in which servers arm them: of two modes, the last one counts before 3.9
_OF_TYPE: dict[WatcherType, tuple[str, ...]] = {
    WatcherType.CHILDREN: ("child",),
    WatcherType.DATA: ("data", "exist"),
    WatcherType.ANY: KINDS,
    WatcherType.PERSISTENT: ("persistent",),
    WatcherType.PERSISTENT_RECURSIVE: ("recursive",),
}
_REMOVED = {
    "data": EventType.DATA_WATCH_REMOVED,
    "exist": EventType.DATA_WATCH_REMOVED,
    "child": EventType.CHILD_WATCH_REMOVED,
    "persistent": EventType.PERSISTENT_WATCH_REMOVED,
    "recursive": EventType.PERSISTENT_WATCH_REMOVED,
}
_LENGTH_BYTES = 4
_NO_WATCHES_BYTES = 8 + 8 + 5 * _LENGTH_BYTES  # the header, the zxid, and empty lists
_Holders = (
    Watch | tuple[Watch, ...]
)  # one watch stands for itself: most paths have one, and there are many paths


class WatchTables:
    """The watches by kind and path; the server keeps one for each, however many of ours share it.

    `modes_coexist` says whether this server keeps standard and standing watches of one path apart (3.9 and later).
    """

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, _Holders]] = {kind: {} for kind in KINDS}
        self._recursive = self._tables["recursive"]
        self.standing: set[str] = set()  # paths with a watch that stands, or was asked for
        self._expected: set[str] = set()  # paths for which a recursive one was asked
        self._under_way: Counter[str] = Counter()  # requests for watches that stand, by their paths
        self._held: set[str] = set()  # paths of which the server is to learn later what was removed
        self._fading: set[str] = set()  # paths where it still has a recursive one that was removed
        self.modes_coexist = False

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    @property
    def paths(self) -> set[str]:
        """The paths of the nodes that are watched, however and by whomever."""
        return set[str]().union(*self._tables.values())

    def add(self, kind: str, path: str, watch: Watch) -> None:
        """Note that the server has armed `watch`."""
        table = self._tables[kind]
        holders = table.get(path)
        if kind in STANDING:
            self.standing.add(path)
        if holders is None:
            table[path] = watch
        elif isinstance(holders, tuple):
            if watch not in holders:
                _put(table, path, (*(each for each in holders if not each.is_spent), watch))
        elif holders != watch:
            table[path] = watch if holders.is_spent else (holders, watch)

    def discard(self, path: str, watch: Watch) -> None:
        """Forget a watch; the server's stays until it fires, which then concerns nobody."""
        for table in self._tables.values():
            holders = table.get(path)
            if holders is watch:
                del table[path]
            elif isinstance(holders, tuple):
                _put(table, path, tuple(holder for holder in holders if holder is not watch))
        self._look_again(path)

    def leans(self, path: str) -> bool:
        """Whether a standard watch on this path would end one that stands."""
        return path in self.standing and not self.modes_coexist

    def covers(self, path: str) -> bool:
        """Whether a recursive watch on this path serves a persistent one, too: asked for, it would end the other."""
        return not self.modes_coexist and (path in self._recursive or path in self._expected)

    def ask(self, path: str, *, recursive: bool) -> None:
        """Note that a watch that stands was asked for: what is asked after it must lean on it already."""
        self._under_way[path] += 1
        self._expect(path, recursive=recursive)

    def answered(self, path: str) -> None:
        """Note that a request for a watch that stands was answered."""
        self._under_way[path] -= 1
        if self._under_way[path] <= 0:
            del self._under_way[path]

    def _expect(self, path: str, *, recursive: bool) -> None:
        self.standing.add(path)
        if recursive:
            self._expected.add(path)

    # --- what happens

    def fire(self, event: WatchedEvent) -> None:
        """Tell everybody whom the event concerns; standard watches are used up by it."""
        path = event.path
        if path is None:
            return
        for kind in _DRAINED.get(event.type, ()):
            for watch in _holders(self._tables[kind].pop(path, None)):
                watch.fire(event)
        if self.standing or self._fading:
            self._fire_standing(event, path)

    def _fire_standing(self, event: WatchedEvent, path: str) -> None:
        for watch in _holders(self._tables["persistent"].get(path)):
            watch.fire(event)
        if event.type is EventType.CHILD or not (self._recursive or self._fading):
            return  # a recursive watch is told of the child itself
        for above in _line_of(path):
            for watch in _holders(self._recursive.get(above)):
                watch.fire(event)
        above = paths.parent(path)
        if event.type is not EventType.CHANGED and path != "/" and self._lacks_child_events(above):
            self.fire(WatchedEvent(EventType.CHILD, event.state, above, event.zxid))

    def _lacks_child_events(self, path: str) -> bool:
        return not self.modes_coexist and (path in self._recursive or path in self._fading)

    def tell_of_gap(self) -> None:
        """Tell the watches that stand that they may have missed something: servers replay nothing for them."""
        for kind in STANDING:
            for path, holders in list(self._tables[kind].items()):
                for watch in _holders(holders):
                    watch.fire(WatchedEvent(EventType.NONE, KeeperState.CONNECTED, path))

    def restart(self) -> None:
        """For a new session keep what shall be armed again, and let go of what will be read anew."""
        for table in self._tables.values():
            for path, holders in list(table.items()):
                _put(table, path, tuple(watch for watch in _holders(holders) if watch.restart()))
        self.reconnected()

    # --- removing

    def remove(self, path: str, which: WatcherType) -> set[str]:
        """Drop the watches of users, and tell them; return of which kinds there were any."""
        removed: list[tuple[str, Watch]] = []
        for kind in _OF_TYPE[which]:
            table = self._tables[kind]
            holders = _holders(table.get(path))
            removed += ((kind, watch) for watch in holders if watch.is_removable)
            _put(table, path, tuple(watch for watch in holders if not watch.is_removable))
        self._look_again(path)
        for kind, watch in removed:
            watch.fire(WatchedEvent(_REMOVED[kind], KeeperState.CONNECTED, path))
        return {kind for kind, _ in removed}

    def removal(
        self, asked: RemoveWatches, removed: set[str], coming: set[str], zxid: int
    ) -> list[Operation[Any]] | None:
        """Return what brings the server in line with what is left on a path; nothing, where it may stay as it is.

        `coming` are the kinds of watches that requests under way may leave there. None stands for: not before these
        were answered.
        """
        path = asked.path
        left = coming.union(kind for kind, table in self._tables.items() if path in table)
        standing = left.intersection(STANDING)
        if not left:
            return [RemoveWatches(path)]
        stood = not removed.isdisjoint(STANDING)
        if self.modes_coexist or not (stood or standing or path in self._held):
            return [
                RemoveWatches(path, which)
                for which, kinds in _OF_TYPE.items()
                if not removed.isdisjoint(kinds) and left.isdisjoint(kinds)
            ]
        if stood and not standing:
            # The server has one mode for the path, and takes it away: what leaned on it must stand by itself. Armed
            # relative to a time before its answer, it would be told of what that answer has shown.
            lists = [(path,) if path in self._tables[kind] else () for kind in STANDARD]
            return None if coming else [RemoveWatches(path), SetWatches(zxid, *lists)]
        if "recursive" in removed and standing == {"persistent"} - coming:
            (watch, *_) = _holders(self._tables["persistent"][path])
            return [AddWatch(path, watch, AddWatchMode.PERSISTENT)]
        return []

    def hold(self, path: str, removed: set[str]) -> None:
        """Go on as if what was removed still stood: the server is not told of it yet."""
        self._held.add(path)
        self._expect(path, recursive="recursive" in removed)
        self._fade(path, removed)

    def release(self, path: str, removed: set[str]) -> None:
        """Note that the server is told now of what was removed; it has it until `faded`."""
        if not removed.isdisjoint(STANDING):
            self._held.discard(path)
            self._look_again(path)
            self._fade(path, removed)

    def _fade(self, path: str, removed: set[str]) -> None:
        if "recursive" in removed:
            self._fading.add(path)

    def faded(self, path: str) -> None:
        """Note that the server has no recursive watch any more that was removed."""
        self._fading.discard(path)

    def _look_again(self, path: str) -> None:
        if path in self._held or path in self._under_way:
            return
        if path in self.standing and not any(path in self._tables[kind] for kind in STANDING):
            self.standing.discard(path)
        if path not in self._recursive:
            self._expected.discard(path)

    # --- a new connection

    def reconnected(self) -> None:
        """Forget what was true of the last server."""
        self.standing = {path for kind in STANDING for path in self._tables[kind]}
        for of_the_last in (self._expected, self._under_way, self._held, self._fading):
            of_the_last.clear()
        self.modes_coexist = False

    def rearming(
        self, zxid: int, root: str, kinds: Sequence[str] = KINDS
    ) -> Iterator[SetWatches | SetWatches2]:
        """Yield the requests that arm everything again relative to `zxid`, each of a size that servers accept."""
        batch: dict[str, list[str]] = {kind: [] for kind in KINDS}
        size, prefix = _NO_WATCHES_BYTES, len(root.encode()) + _LENGTH_BYTES
        for kind in kinds:
            for path in self._tables[kind]:
                more = prefix + len(path.encode())
                if size + more > SET_WATCHES_BYTES and size > _NO_WATCHES_BYTES:
                    yield _request(zxid, batch)
                    batch = {each: [] for each in KINDS}
                    size = _NO_WATCHES_BYTES
                size += more
                batch[kind].append(path)
        if size > _NO_WATCHES_BYTES:
            yield _request(zxid, batch)


def _request(zxid: int, batch: dict[str, list[str]]) -> SetWatches | SetWatches2:
    # Servers before 3.6 do not know the second one; before 3.6, nothing stands.
    kinds = KINDS if any(batch[kind] for kind in STANDING) else STANDARD
    lists = (tuple(batch[kind]) for kind in kinds)
    return SetWatches2(zxid, *lists) if kinds is KINDS else SetWatches(zxid, *lists)


def _line_of(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = paths.parent(path)
    yield "/"


def _holders(holders: _Holders | None) -> tuple[Watch, ...]:
    if holders is None:
        return ()
    return holders if isinstance(holders, tuple) else (holders,)


def _put(table: dict[str, _Holders], path: str, holders: tuple[Watch, ...]) -> None:
    if not holders:
        table.pop(path, None)
    else:
        table[path] = holders[0] if len(holders) == 1 else holders
