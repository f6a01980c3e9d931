"""Every call on nodes, blocking and not, over a session that somebody else looks after."""

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, Literal, TypeVar, overload

from zc.zk import arguments, paths
from zc.zk.asking import WatchCallback
from zc.zk.calling import Making, Servers, named, reading
from zc.zk.codes import ANY_VERSION, AddWatchMode, WatcherType
from zc.zk.drivers import planning
from zc.zk.drivers.results import AsyncResult, Work
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.errors import ConnectionLoss, ZooKeeperError
from zc.zk.operations import Create, Exists, Operation, WhoAmI
from zc.zk.plans import Plan
from zc.zk.recipes import nodes, outcomes
from zc.zk.records import ClientInfo, Stat
from zc.zk.security import ACL
from zc.zk.transactions import Transaction

R = TypeVar("R")
LONGEST_CATCHING_UP = 1.0  # seconds


class Calls(Making[ThreadDriver]):
    """The calls on nodes, of one session.

    How long they wait is decided where they run, at the end of this class, and nowhere else.
    """

    # --- nodes

    @overload
    def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: Literal[False] = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> str: ...

    @overload
    def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        *,
        include_data: Literal[True],
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> tuple[str, Stat]: ...

    def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: bool = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> str | tuple[str, Stat]:
        """Create a node and return its path; with `include_data` its path and status.

        An `ephemeral` node lives as long as the session; a `sequence` node gets a number of ten digits behind its name.
        The server removes a `container` some time after its last child has gone, and a node with a `ttl` when it has no
        children and was not written to for so many milliseconds. A node is of one of these kinds alone, though one with
        a `ttl` may be of sequence, too. `makepath` creates missing nodes above.

        Raises `NodeExistsError`, `NoNodeError` where the parent is missing, `NoChildrenForEphemeralsError`,
        `InvalidACLError`, and `UnimplementedError` where the server makes no such nodes: for a `ttl` it must be set up
        with `extendedTypesEnabled`.

        A reply that was lost with the connection is made up for where it can be told whose the node is: of an
        `ephemeral` node that is no `sequence` one, by its owner; and of each `protected` one, which gets a name of its
        own, `_c_<guid>-` and then the name that was given. Of others, the outcome is raised as unknown.
        """
        operation = self._creation(
            path, value, acl, ephemeral, sequence, include_data, container, ttl
        )
        created: str | tuple[str, Stat]
        if type(operation) is Create and not makepath:
            created = self._surely(named(operation, protected), is_protected=protected)
        else:
            created = self.run(self._creating(operation, makepath, include_data, protected))
        self.catch_up(created if isinstance(created, str) else created[0])
        return created

    def create_async(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        include_data: bool = False,
        container: bool = False,
        ttl: int | None = None,
        protected: bool = False,
    ) -> AsyncResult[Any]:  # Any: str, or with `include_data` a tuple
        """As `create`, without waiting."""
        operation = self._creation(
            path, value, acl, ephemeral, sequence, include_data, container, ttl
        )
        if not (makepath or protected) and (include_data or type(operation) is Create):
            return self._write_async(operation)
        creating = self._creating(operation, makepath, include_data, protected)
        return self.run_async(creating, "create", path)

    def ensure_path(self, path: str, acl: Sequence[ACL] | None = None) -> bool:
        """Create a node without data, and those above it, the chroot's among them, as far as they are missing."""
        return self.run(self._ensuring(path, acl))

    def ensure_path_async(self, path: str, acl: Sequence[ACL] | None = None) -> AsyncResult[bool]:
        """As `ensure_path`, without waiting."""
        return self.run_async(self._ensuring(path, acl), "ensure_path", path)

    def delete(self, path: str, version: int = ANY_VERSION, recursive: bool = False) -> bool:
        """Delete a node, which must have no children unless `recursive`.

        Raises `NoNodeError` (not when recursive), `NotEmptyError`, `BadVersionError` unless `version` is -1. When the
        reply is lost with the connection, a node that is gone counts as deleted, by whomever.
        """
        operation = arguments.delete(path, version)
        if recursive:
            return self.run(nodes.delete_recursively(operation.path))
        return self._write(operation, path)

    def delete_async(
        self, path: str, version: int = ANY_VERSION, recursive: bool = False
    ) -> AsyncResult[bool]:
        """As `delete`, without waiting."""
        operation = arguments.delete(path, version)
        if recursive:
            return self.run_async(nodes.delete_recursively(path), "delete", path)
        return self._write_async(operation)

    def exists(self, path: str, watch: WatchCallback | None = None) -> Stat | None:
        """Return the status of a node, None when there is none.

        `watch` is called once, with the first event after this answer: a change, the deletion, or the creation.
        """
        return self._call(arguments.exists(path, self._watch(watch)))

    def exists_async(
        self, path: str, watch: WatchCallback | None = None
    ) -> AsyncResult[Stat | None]:
        """As `exists`, without waiting."""
        return self._call_async(arguments.exists(path, self._watch(watch)))

    def get(self, path: str, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        """Return the data and status of a node.

        `watch` is called once, on the first change or deletion after this answer; losing the connection or the session
        keeps it. Raises `NoNodeError`, `NoAuthError`.
        """
        return self._call(arguments.get(path, self._watch(watch)))

    def get_async(
        self, path: str, watch: WatchCallback | None = None
    ) -> AsyncResult[tuple[bytes, Stat]]:
        """As `get`, without waiting."""
        return self._call_async(arguments.get(path, self._watch(watch)))

    @overload
    def get_children(
        self, path: str, watch: WatchCallback | None = None, include_data: Literal[False] = False
    ) -> list[str]: ...

    @overload
    def get_children(
        self, path: str, watch: WatchCallback | None = None, *, include_data: Literal[True]
    ) -> tuple[list[str], Stat]: ...

    def get_children(
        self, path: str, watch: WatchCallback | None = None, include_data: bool = False
    ) -> list[str] | tuple[list[str], Stat]:
        """Return the names of a node's children, in no order; with `include_data` the names and the node's status.

        `watch` is called once, when a child comes or goes or the node is deleted. Raises `NoNodeError`, `NoAuthError`.
        """
        if include_data:
            return self._call(arguments.get_children2(path, self._watch(watch)))
        return self._call(arguments.get_children(path, self._watch(watch)))

    def get_children_async(
        self, path: str, watch: WatchCallback | None = None, include_data: bool = False
    ) -> AsyncResult[Any]:  # Any: list[str], or with `include_data` a tuple
        """As `get_children`, without waiting."""
        make = arguments.get_children2 if include_data else arguments.get_children
        operation: Operation[Any] = make(path, self._watch(watch))
        return self._call_async(operation)

    def set(self, path: str, value: bytes | None, version: int = ANY_VERSION) -> Stat:
        """Replace a node's data and return its new status.

        Raises `NoNodeError`, `NoAuthError`, `BadVersionError` unless `version` is -1 or the node's. When the reply is
        lost with the connection, a `version` tells whether the data was certainly not written; then it is written now.
        """
        return self._write(arguments.set_data(path, value, version), path)

    def set_async(
        self, path: str, value: bytes | None, version: int = ANY_VERSION
    ) -> AsyncResult[Stat]:
        """As `set`, without waiting."""
        return self._write_async(arguments.set_data(path, value, version))

    def get_acls(self, path: str) -> tuple[list[ACL], Stat]:
        """Return a node's ACL and status. Raises `NoNodeError`, `NoAuthError`."""
        return self._call(arguments.get_acls(path))

    def get_acls_async(self, path: str) -> AsyncResult[tuple[list[ACL], Stat]]:
        """As `get_acls`, without waiting."""
        return self._call_async(arguments.get_acls(path))

    def set_acls(self, path: str, acls: Sequence[ACL], version: int = ANY_VERSION) -> Stat:
        """Replace a node's ACL and return its status; `version` is compared with its ACL version.

        Raises `NoNodeError`, `NoAuthError`, `InvalidACLError`, `BadVersionError`.
        """
        return self._call(arguments.set_acls(path, acls, version))

    def set_acls_async(
        self, path: str, acls: Sequence[ACL], version: int = ANY_VERSION
    ) -> AsyncResult[Stat]:
        """As `set_acls`, without waiting."""
        return self._call_async(arguments.set_acls(path, acls, version))

    def sync(self, path: str) -> str:
        """Let the server catch up with its leader, so that reads after this see what was written before it."""
        return self._call(arguments.sync(path))

    def sync_async(self, path: str) -> AsyncResult[str]:
        """As `sync`, without waiting."""
        return self._call_async(arguments.sync(path))

    # --- watches that stand

    def add_watch(
        self, path: str, watch: WatchCallback, mode: AddWatchMode = AddWatchMode.PERSISTENT
    ) -> None:
        """Have `watch` called with each event of a node, which need not exist, until it is removed.

        A `PERSISTENT` watch is told when the node is created, changed or deleted and when a child comes or goes; a
        `PERSISTENT_RECURSIVE` one when any node from there down is created, changed or deleted, and of no CHILD events.
        Events come one at a time and in order. After a reconnect, and in a new session, the watch is armed again and
        called with an event of type NONE: servers do not repeat what it may have missed, so read again what you keep.
        Raises `UnimplementedError` on servers before 3.6.
        """
        self._call(arguments.add_watch(path, self._watch(watch), mode))

    def add_watch_async(
        self, path: str, watch: WatchCallback, mode: AddWatchMode = AddWatchMode.PERSISTENT
    ) -> AsyncResult[None]:
        """As `add_watch`, without waiting."""
        return self._call_async(arguments.add_watch(path, self._watch(watch), mode))

    def remove_watches(self, path: str, watcher_type: WatcherType = WatcherType.ANY) -> None:
        """Remove the watches that were given to calls about a node, of one type or of all.

        Each is called once more, with an event that ends in `WATCH_REMOVED`, and with none of what happens after this
        was called. Live objects and recipes keep theirs. Raises `NoWatcherError` when there is no such watch.
        """
        self._call(arguments.remove_watches(path, watcher_type))

    def remove_watches_async(
        self, path: str, watcher_type: WatcherType = WatcherType.ANY
    ) -> AsyncResult[None]:
        """As `remove_watches`, without waiting."""
        return self._call_async(arguments.remove_watches(path, watcher_type))

    # --- several at once

    def transaction(self, *, raising: bool = False) -> Transaction:
        """Begin a transaction: writes that are all done, under one zxid, or none of them.

        See `Transaction`; a `raising` one raises what undid it.
        """
        return Transaction(self, raising=raising)

    def multi_read(self, reads: Iterable[tuple[str, str]]) -> list[Any]:
        """Read several nodes in one request: `[("get", path), ("get_children", path), ...]`.

        Returns a value or an exception for each, in their order; one that fails leaves the others alone. Raises
        `UnimplementedError` on servers before 3.6.
        """
        return self.run(reading(reads))

    def multi_read_async(self, reads: Iterable[tuple[str, str]]) -> AsyncResult[list[Any]]:
        """As `multi_read`, without waiting."""
        return self.run_async(reading(reads), "multi_read")

    # --- the session and the ensemble, as the server knows them

    def get_ephemerals(self, prefix: str = "/") -> list[str]:
        """Return the paths of this session's ephemeral nodes that begin with `prefix`, in no order.

        Raises `UnimplementedError` on servers before 3.6.
        """
        return self._call(arguments.get_ephemerals(prefix))

    def get_ephemerals_async(self, prefix: str = "/") -> AsyncResult[list[str]]:
        """As `get_ephemerals`, without waiting."""
        return self._call_async(arguments.get_ephemerals(prefix))

    def get_all_children_number(self, path: str) -> int:
        """Return how many nodes there are below one, at any depth.

        Raises `NoNodeError`, and `UnimplementedError` on servers before 3.6.
        """
        return self._call(arguments.get_all_children_number(path))

    def get_all_children_number_async(self, path: str) -> AsyncResult[int]:
        """As `get_all_children_number`, without waiting."""
        return self._call_async(arguments.get_all_children_number(path))

    def who_am_i(self) -> list[ClientInfo]:
        """Return the identities that the server knows this connection by: scheme and user.

        Raises `UnimplementedError` on servers before 3.7.
        """
        return self._call(WhoAmI())

    def who_am_i_async(self) -> AsyncResult[list[ClientInfo]]:
        """As `who_am_i`, without waiting."""
        return self._call_async(WhoAmI())

    def get_config(self, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        """Return the ensemble's configuration, as text in bytes, and the status of its node, whatever our chroot.

        `watch` is called once, when it has changed; the path of the event is the server's.
        """
        return self._call(arguments.get(paths.CONFIG, self._watch(watch)))

    def get_config_async(
        self, watch: WatchCallback | None = None
    ) -> AsyncResult[tuple[bytes, Stat]]:
        """As `get_config`, without waiting."""
        return self._call_async(arguments.get(paths.CONFIG, self._watch(watch)))

    def reconfig(
        self,
        joining: Servers,
        leaving: Servers,
        new_members: Servers,
        from_config: int = ANY_VERSION,
    ) -> tuple[bytes, Stat]:
        """Change who belongs to the ensemble; return the new configuration and the status of its node.

        Either `joining` servers (`server.ID=HOST:PORT:PORT[:ROLE];[HOST:]PORT`) and the ids of `leaving` ones, or all
        `new_members`, each with commas between or as a list; None for what is not wanted. With `from_config` the
        configuration must have that version.

        Raises `ReconfigDisabledError`, `NoAuthError`, `BadVersionError`, `BadArgumentsError`,
        `ReconfigInProgressError`, `NewConfigNoQuorumError`, and `UnimplementedError` on a server that is alone.
        """
        return self._call(arguments.reconfig(joining, leaving, new_members, from_config))

    def reconfig_async(
        self,
        joining: Servers,
        leaving: Servers,
        new_members: Servers,
        from_config: int = ANY_VERSION,
    ) -> AsyncResult[tuple[bytes, Stat]]:
        """As `reconfig`, without waiting."""
        return self._call_async(arguments.reconfig(joining, leaving, new_members, from_config))

    # --- running

    def run(self, plan: Plan[R], timeout: float | None = None) -> R:
        """Run a plan to its end; its steps share one deadline, `timeout` or `operation_timeout` from now.

        No operation of it waits longer than `operation_timeout`, whatever the deadline.
        """
        until = monotonic() + (self.patience if timeout is None else timeout)
        return planning.run(self.driver, plan, until, self.patience, self.fail_fast)

    def run_async(self, plan: Plan[R], name: str, path: str | None = None) -> AsyncResult[R]:
        """Run a plan in the background, under the same bounds as by `run`.

        `name` and `path` say in errors what is under way.
        """
        until = monotonic() + self.patience
        work = Work(name, path)
        return planning.run_async(self.driver, plan, work, until, self.patience, self.fail_fast)

    def _call(self, operation: Operation[R]) -> R:
        return self.driver.call(operation, monotonic() + self.patience, self.fail_fast)

    def _call_async(self, operation: Operation[R]) -> AsyncResult[R]:
        return self.driver.call_async(operation, monotonic() + self.patience, self.fail_fast)

    def _write_async(self, operation: Operation[R]) -> AsyncResult[R]:
        if self.fail_fast:
            return self._call_async(operation)
        until = monotonic() + self.patience
        return self.driver.promise(planning.Settled(self.driver, operation, outcomes.settle, until))

    def _surely(self, operation: Operation[R], *, is_protected: bool = False) -> R:
        until = monotonic() + self.patience
        try:
            return self.driver.call(operation, until, self.fail_fast)
        except ConnectionLoss as lost:
            if self.fail_fast or not lost.session_id:
                raise
            plan = outcomes.settle(operation, lost, is_protected=is_protected)
            return planning.run(self.driver, plan, until)

    def _write(self, operation: Operation[R], path: str) -> R:
        answer = self._surely(operation)
        self.catch_up(path)
        return answer

    def catch_up(self, *written: str) -> None:
        """Return when our live objects show what we just wrote to these nodes; they are read again already.

        Replies come in order, so theirs has come when that of a later read has. Gives up when that takes a second.
        """
        readings = self.driver.session.readings
        until = monotonic() + LONGEST_CATCHING_UP
        for path in written:
            while readings.concern(path) or readings.concern(paths.parent(path)):
                try:
                    self.driver.call(Exists(path), until, self.fail_fast)
                except ZooKeeperError:
                    return
