"""Which watches the server holds for us, and what to ask of the next server so that none of them is lost."""

from collections.abc import Iterator

from zc.zk.codes import SET_WATCHES_BYTES, EventType
from zc.zk.operations import SetWatches, Watch
from zc.zk.records import WatchedEvent

# What each event uses up: a standard watch fires once.
_DRAINED: dict[EventType, tuple[str, ...]] = {
    EventType.CREATED: ("data", "exist"),
    EventType.CHANGED: ("data", "exist"),
    EventType.DELETED: ("data", "exist", "child"),
    EventType.CHILD: ("child",),
}
_KINDS = ("data", "exist", "child")
_LENGTH_BYTES = 4
_NO_WATCHES_BYTES = 8 + 8 + 3 * _LENGTH_BYTES  # the header, the zxid, and three empty lists
_Holders = (
    Watch | tuple[Watch, ...]
)  # one watch stands for itself: most paths have one, and there are many paths


class WatchTables:
    """The one-shot watches by kind and path; the server keeps one for each, however many of ours share it."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, _Holders]] = {kind: {} for kind in _KINDS}

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
            left = tuple(holder for holder in _holders(table.get(path)) if holder is not watch)
            _put(table, path, left)

    def fire(self, event: WatchedEvent) -> None:
        """Tell everybody whom the event uses up."""
        path = event.path
        if path is None:
            return
        for kind in _DRAINED.get(event.type, ()):
            for watch in _holders(self._tables[kind].pop(path, None)):
                watch.fire(event)

    def restart(self) -> None:
        """For a new session keep what shall be armed again, and let go of what will be read anew."""
        for table in self._tables.values():
            for path, holders in list(table.items()):
                _put(table, path, tuple(watch for watch in _holders(holders) if watch.restart()))

    def rearming(self, zxid: int, root: str) -> Iterator[SetWatches]:
        """Yield the requests that arm everything again relative to `zxid`, each of a size that servers accept."""
        batch: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        size, prefix = _NO_WATCHES_BYTES, len(root.encode()) + _LENGTH_BYTES
        for kind in _KINDS:
            for path in self._tables[kind]:
                more = prefix + len(path.encode())
                if size + more > SET_WATCHES_BYTES and size > _NO_WATCHES_BYTES:
                    yield SetWatches(zxid, *(tuple(batch[each]) for each in _KINDS))
                    batch = {each: [] for each in _KINDS}
                    size = _NO_WATCHES_BYTES
                size += more
                batch[kind].append(path)
        if size > _NO_WATCHES_BYTES:
            yield SetWatches(zxid, *(tuple(batch[each]) for each in _KINDS))


def _holders(holders: _Holders | None) -> tuple[Watch, ...]:
    if holders is None:
        return ()
    return holders if isinstance(holders, tuple) else (holders,)


def _put(table: dict[str, _Holders], path: str, holders: tuple[Watch, ...]) -> None:
    if not holders:
        table.pop(path, None)
    else:
        table[path] = holders[0] if len(holders) == 1 else holders
