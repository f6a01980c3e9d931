"""Trees on their way out of a ZooKeeper, and into one, many nodes in each round trip."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from zc.zk import paths
from zc.zk.cli.treelines import Entry
from zc.zk.client import Client
from zc.zk.errors import NoNodeError, ZooKeeperError
from zc.zk.records import Stat
from zc.zk.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, Permissions
from zc.zk.server.owners import CONTAINER, is_session, ttl_of

Told = Callable[[int], None]  # how many nodes are done

_MOST_AT_ONCE = 50  # nodes asked for together: their data may be a megabyte each
_MOST_STEPS = 200  # in one transaction
_MOST_BYTES = 256 << 10  # of data in one transaction, unless a single node has more
T = TypeVar("T")
_SYSTEM = "zookeeper"  # below the root: each ZooKeeper has its own


class HiddenACLError(ZooKeeperError):
    """A server shows only a part of an ACL, which would be another ACL elsewhere."""


class TakenError(ZooKeeperError):
    """Nodes that were to be created are there already."""


class TreeReader:
    """Reads what stands at `top` and below it; counts the ephemeral nodes that it leaves out.

    What changes meanwhile is read before or after: a tree is not read at one moment.
    """

    def __init__(self, client: Client, top: str, told: Told) -> None:
        self.ephemerals = 0
        self._client = client
        self._top = top
        self._told = told

    def entries(self) -> Iterator[Entry]:
        """Give the nodes, parents first, under their paths below the top.

        Raises `NoNodeError` where there is no top, and `HiddenACLError`.
        """
        level, done = ["/"], 0
        while level:
            below: list[str] = []
            for batch in _batched(level):
                for entry, names in self._read(batch):
                    yield entry
                    below += [paths.join(entry.path, name) for name in names]
                    done += 1
                self._told(done)
            level = below

    def _read(self, batch: Sequence[str]) -> Iterator[tuple[Entry, list[str]]]:
        client = self._client
        asked = [
            (path, full, client.get_async(full), client.get_acls_async(full))
            for path, full in ((path, _under(self._top, path)) for path in batch)
        ]
        listed = [client.get_children_async(full) for _, full, _, _ in asked]
        for (path, full, getting, getting_acl), listing in zip(asked, listed, strict=True):
            try:
                (data, stat), (acl, _), names = getting.get(), getting_acl.get(), listing.get()
            except NoNodeError:
                if path == "/":
                    raise
                continue  # gone since its parent was read
            if is_session(stat.ephemeralOwner):
                self.ephemerals += 1
                continue
            _require_whole(full, acl)
            if full == "/" and not client.chroot:
                names = [name for name in names if name != _SYSTEM]
            owner = stat.ephemeralOwner  # Apache's servers since 3.5.3 show sessions alone
            entry = Entry(path, data or b"", tuple(acl), owner == CONTAINER, ttl_of(owner))
            yield entry, sorted(names)


def _require_whole(path: str, acl: Sequence[ACL]) -> None:
    for each in acl:
        if each.id.scheme == "digest" and each.id.id.endswith(":x"):
            raise HiddenACLError(
                f"the ACL of {path} is shown only to those who may administer it: use --auth"
            )


class Outcome(NamedTuple):
    """What was done to a tree, or would have been: how many nodes of each kind."""

    created: int
    changed: int
    unchanged: int


class _Present(NamedTuple):
    """A node that is there before anything is written."""

    data: bytes
    acl: tuple[ACL, ...]
    stat: Stat


class TreeWriter:
    """Writes a tree to a client's root and below it; a chroot that is missing is made.

    Nothing is written unless everything can be, as far as that shows beforehand. ACLs that would keep us
    from creating what stands below them are set last; until then those nodes are the authenticated
    identities' alone, or open where there are none (`is_known` says which).
    """

    def __init__(self, client: Client, told: Told, *, is_known: bool) -> None:
        self._client = client
        self._told = told
        self._first_acl = tuple(CREATOR_ALL_ACL if is_known else OPEN_ACL_UNSAFE)

    def write(
        self, entries: Sequence[Entry], *, overwrite: bool = False, dry_run: bool = False
    ) -> Outcome:
        """Write the nodes, parents first, and say what was done; with `dry_run` what would be.

        Raises `TakenError` for nodes that are there, unless they may be overwritten. What is there
        and is not in `entries` stays.
        """
        present = self._look(entries)
        fresh = [each for each in entries if each.path not in present]
        changed = [each for each in entries if _differs(each, present.get(each.path))]
        if not overwrite:
            self._require_free(entries, present)
        outcome = Outcome(len(fresh), len(changed), len(entries) - len(fresh) - len(changed))
        if not dry_run:
            if "/" not in present:
                self._client.ensure_path("/", OPEN_ACL_UNSAFE)
                present |= self._look([each for each in entries if each.path == "/"])
            self._write(entries, present)
        return outcome

    def _look(self, entries: Sequence[Entry]) -> dict[str, _Present]:
        present = {}
        for batch in _batched(entries):
            asked = [
                (
                    each.path,
                    self._client.get_async(each.path),
                    self._client.get_acls_async(each.path),
                )
                for each in batch
            ]
            for path, getting, getting_acl in asked:
                try:
                    (data, stat), (acl, _) = getting.get(), getting_acl.get()
                except NoNodeError:
                    continue
                present[path] = _Present(data or b"", tuple(acl), stat)
        return present

    def _require_free(self, entries: Sequence[Entry], present: dict[str, _Present]) -> None:
        taken = [
            each.path
            for each in entries
            if each.path in present
            and (each.path != "/" or (_differs(each, present["/"]) and self._is_used(present["/"])))
        ]
        if taken:
            raise TakenError(
                f"{taken[0]} is there already: use --overwrite"
                if len(taken) == 1
                else f"{len(taken)} nodes are there already, {taken[0]} is the first: use --overwrite"
            )

    def _is_used(self, top: _Present) -> bool:
        own = 0 if self._client.chroot else 1  # `/zookeeper`
        return bool(top.data) or top.stat.numChildren > own

    def _write(self, entries: Sequence[Entry], present: dict[str, _Present]) -> None:
        parents = {paths.parent(each.path) for each in entries if each.path != "/"}
        later: list[Entry] = []
        for each in entries:
            there = present.get(each.path)
            if there is None:
                acl, is_parent = each.acl, each.path in parents
                if is_parent and not _lets_anyone_create(acl):
                    later.append(each)
            elif there.acl != each.acl:
                later.append(each)
        held_back = {each.path for each in later}
        done = 0
        for batch in _by_size(entries):
            self._commit(batch, present, held_back)
            done += len(batch)
            self._told(done)
        for few in _batched(list(reversed(later))):  # from below: who loses rights loses them last
            setting = [self._client.set_acls_async(each.path, each.acl) for each in few]
            for result in setting:
                result.get()

    def _commit(
        self, batch: Sequence[Entry], present: dict[str, _Present], held_back: set[str]
    ) -> None:
        transaction = self._client.transaction(raising=True)
        for each in batch:
            there = present.get(each.path)
            if there is None:
                acl = self._first_acl if each.path in held_back else each.acl
                transaction.create(
                    each.path, each.data, acl, container=each.container, ttl=each.ttl or 0
                )
            elif there.data != each.data:
                transaction.set_data(each.path, each.data)
        if transaction.operations:
            transaction.commit()


def _differs(entry: Entry, there: _Present | None) -> bool:
    return there is not None and (there.data, there.acl) != (entry.data, entry.acl)


def _lets_anyone_create(acl: Sequence[ACL]) -> bool:
    return any(each.id.scheme == "world" and each.perms & Permissions.CREATE for each in acl)


def _under(top: str, path: str) -> str:
    return path if top == "/" else top if path == "/" else top + path


def _by_size(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for each in entries:
        if batch and (len(batch) == _MOST_STEPS or size + len(each.data) > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each.data)
    if batch:
        yield batch


def _batched(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for begin in range(0, len(things), _MOST_AT_ONCE):
        yield things[begin : begin + _MOST_AT_ONCE]
