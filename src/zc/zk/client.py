"""The blocking client: ZooKeeper's operations one to one, over a session that heals itself."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any, Literal, Self, TypeVar, overload

from zc.zk import arguments, paths
from zc.zk.codes import ANY_VERSION, KeeperState, State
from zc.zk.drivers import planning
from zc.zk.drivers.results import AsyncResult
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.errors import AuthFailedError, ConnectionClosedError, FailedConnect, ZooKeeperError
from zc.zk.operations import Exists, Operation, Watch
from zc.zk.plans import Plan
from zc.zk.protocol import ensemble
from zc.zk.protocol.ensemble import Ensemble
from zc.zk.protocol.live import Live
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Settings, StateChange
from zc.zk.recipes import nodes, watchers
from zc.zk.recipes.watchers import ChildrenWatch, DataWatch
from zc.zk.records import Stat, WatchedEvent
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, checked_acl

R = TypeVar("R")
WatchCallback = Callable[[WatchedEvent], object]
Listener = Callable[[State], object]
START_TIMEOUT = 15.0  # seconds
_LONGEST_CATCHING_UP = 1.0  # seconds


class Client:
    """A session with a ZooKeeper ensemble.

    `hosts` is `host:port[,host:port...][/chroot]` or a list of `host:port`; an IPv6 address stands in brackets.
    `timeout` is the session time-out asked for, `operation_timeout` the longest that a call waits for its answer,
    `connect_timeout` the longest for one attempt to reach one server, all in seconds.

    While the connection is lost, calls wait for the next one until their time is over. A read that was cut off is
    asked again. A write that was cut off raises `ConnectionLoss`, whose `maybe_applied` is true: its outcome is
    unknown. A call that gets no answer in time raises `OperationTimeoutError`, where `maybe_applied` says the same.
    Watches outlive the connection and the session. All methods may be called from any thread, and from watches and
    listeners; not from a signal handler or a `__del__`, which may interrupt one of them: these can set an event that
    another thread waits for.
    """

    def __init__(
        self,
        hosts: str | Sequence[str] = "127.0.0.1:2181",
        timeout: float = 10.0,
        client_id: tuple[int, bytes] | None = None,
        *,
        default_acl: Sequence[ACL] | None = None,
        auth_data: Sequence[tuple[str, str | bytes]] = (),
        operation_timeout: float = 10.0,
        connect_timeout: float | None = None,
    ) -> None:
        timeout = arguments.seconds(timeout, "the session time-out", arguments.MOST_SESSION_SECONDS)
        attempt = max(1.0, min(timeout / 3, 5.0)) if connect_timeout is None else connect_timeout
        endpoints, self.chroot = ensemble.parse(hosts)
        self.operation_timeout = arguments.seconds(operation_timeout, "the operation time-out")
        self.default_acl = OPEN_ACL_UNSAFE if default_acl is None else checked_acl(default_acl)
        self._settings = Settings(timeout, arguments.seconds(attempt, "the connect time-out"))
        self._session = Session(
            Ensemble(endpoints, random.random), self._settings, self._state_changed, self.chroot
        )
        self._hosts = ",".join(map(str, endpoints))
        self._listeners: tuple[Listener, ...] = ()
        self._settled = threading.Condition()
        self.driver = ThreadDriver(self._session, f"zc.zk {self._hosts}", self._settle)
        if client_id is not None:
            self._session.attach(*arguments.client_id(client_id))
        for scheme, credential in auth_data:
            self.add_auth_async(scheme, credential)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self._hosts}{self.chroot} {self.state}>"

    # --- the session

    @property
    def hosts(self) -> str:
        """The servers, as `host:port`, with commas between."""
        return self._hosts

    @property
    def state(self) -> State:
        """How we stand with the session: LOST also before the first one, and after the last."""
        return self._session.state

    @property
    def client_state(self) -> KeeperState:
        """How we stand with the server, in more detail than `state`."""
        return self._session.keeper_state

    @property
    def connected(self) -> bool:
        """Whether a server answers at the moment."""
        return self._session.state is State.CONNECTED

    @property
    def client_id(self) -> tuple[int, bytes] | None:
        """The session's id and password, None without a session. Whoever has both can take the session over."""
        identity = self._session.identity
        return (identity.session_id, identity.password) if identity.session_id else None

    @property
    def session_timeout(self) -> float:
        """The session time-out that the server granted, in seconds."""
        return self._session.identity.timeout

    @property
    def last_zxid(self) -> int:
        """The highest transaction id that a server has told us."""
        return self._session.trail.zxid

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Open the session and return when it is there.

        Raises `FailedConnect` after `timeout` seconds, naming each server tried and why it did not do,
        `AuthFailedError` when a server refuses an identity, and `ConnectionClosedError` when the client is stopped
        meanwhile. Nothing is left running then.
        """
        seconds = arguments.seconds(timeout, "the start time-out")
        self.start_async()
        with self._settled:
            self._settled.wait_for(self._is_settled, seconds)
        if not self.connected:
            error = self._start_error() or self._failed_connect(seconds)
            self.stop()
            raise error

    def wait_for_start(self) -> None:
        """Open the session, however long it takes to find a server.

        Raises `AuthFailedError` when one refuses us, `ConnectionClosedError` when the client is stopped meanwhile.
        """
        self.start_async()
        with self._settled:
            self._settled.wait_for(self._is_settled)
        error = None if self.connected else self._start_error()
        if error is not None:
            self.stop()
            raise error

    def _start_error(self) -> ZooKeeperError | None:
        if self.client_state is KeeperState.AUTH_FAILED:
            return AuthFailedError()
        if self.client_state is KeeperState.CLOSED:
            return ConnectionClosedError(reason="stopped while it was starting")
        return None

    def _failed_connect(self, seconds: float) -> FailedConnect:
        failures = dict(self._session.ensemble.failures)
        failures.setdefault(self._session.ensemble.current, "no answer so far")
        attempts = [(str(endpoint), reason) for endpoint, reason in failures.items()]
        return FailedConnect(attempts, seconds)

    def start_async(self) -> None:
        """Begin to open the session, and return at once; it is looked for until `stop`."""
        self.driver.start()

    def _is_settled(self) -> bool:
        return self.connected or self._session.keeper_state.is_final

    def stop(self) -> None:
        """End the session, and with it our ephemeral nodes; may be called from anywhere, any number of times.

        Returns within two seconds, whatever the network does; where the server cannot be told, it ends the session by
        its time-out. What waits for an answer gets `ConnectionClosedError`, and so do later calls.
        """
        self.driver.stop()

    close = stop

    def restart(self) -> None:
        """Stop, and start with a new session."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- being told of states

    def add_listener(self, listener: Listener) -> Listener:
        """Have `listener` called with each new `State`, in order, one call at a time; also a decorator.

        It may call this client. One that returns True is not called again.
        """
        if not callable(listener):
            raise arguments.ArgumentTypeError(f"a listener must be callable: {listener!r}")
        with self.driver.lock:
            if listener not in self._listeners:
                self._listeners += (listener,)
        return listener

    def remove_listener(self, listener: Listener) -> None:
        """Undo `add_listener`."""
        with self.driver.lock:
            self._listeners = tuple(each for each in self._listeners if each != listener)

    def _state_changed(self, change: StateChange) -> None:
        self.driver.note(change)
        self._settle()
        for listener in self._listeners:
            self.driver.callbacks.post(listener, partial(self._tell, listener, change.state))

    def _settle(self) -> None:
        with self._settled:
            self._settled.notify_all()

    def _tell(self, listener: Listener, state: State) -> None:
        if listener(state) is True:
            self.remove_listener(listener)

    # --- identities

    def add_auth(self, scheme: str, credential: str | bytes) -> bool:
        """Show an identity to the server, and to every server from now on.

        Raises `AuthFailedError` when it is refused; that ends the client.
        """
        self._call(arguments.auth(scheme, credential))
        return True

    def add_auth_async(self, scheme: str, credential: str | bytes) -> AsyncResult[None]:
        """As `add_auth`, without waiting."""
        return self._call_async(arguments.auth(scheme, credential))

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
    ) -> str | tuple[str, Stat]:
        """Create a node and return its path; with `include_data` its path and status.

        An `ephemeral` node lives as long as the session; a `sequence` node gets a number of ten digits behind its name.
        `makepath` creates missing nodes above. Raises `NodeExistsError`, `NoNodeError` where the parent is missing,
        `NoChildrenForEphemeralsError`, `InvalidACLError`.
        """
        kind = arguments.flags(ephemeral=ephemeral, sequence=sequence)
        if include_data or makepath:
            operation = arguments.create2(path, value, self._acl(acl), kind)
            plan = nodes.create_with_parents(operation) if makepath else iter(operation)
            created = self.run(plan)
            return created if include_data else created[0]
        return self._write(arguments.create(path, value, self._acl(acl), kind), path)

    def create_async(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        include_data: bool = False,
    ) -> AsyncResult[Any]:  # Any: str, or with `include_data` a tuple
        """As `create`, without waiting."""
        kind = arguments.flags(ephemeral=ephemeral, sequence=sequence)
        make = arguments.create2 if include_data else arguments.create
        operation: Operation[Any] = make(path, value, self._acl(acl), kind)
        return self._call_async(operation)

    def ensure_path(self, path: str, acl: Sequence[ACL] | None = None) -> bool:
        """Create a node without data, and those above it, as far as they are missing."""
        return self.run(nodes.ensure_path(paths.validate(path), checked_acl(self._acl(acl))))

    def delete(self, path: str, version: int = ANY_VERSION, recursive: bool = False) -> bool:
        """Delete a node, which must have no children unless `recursive`.

        Raises `NoNodeError` (not when recursive), `NotEmptyError`, `BadVersionError` unless `version` is -1.
        """
        operation = arguments.delete(path, version)
        if recursive:
            return self.run(nodes.delete_recursively(operation.path))
        self._write(operation, path)
        return True

    def delete_async(self, path: str, version: int = ANY_VERSION) -> AsyncResult[None]:
        """As `delete`, without waiting."""
        return self._call_async(arguments.delete(path, version))

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

        Raises `NoNodeError`, `NoAuthError`, `BadVersionError` unless `version` is -1 or the node's.
        """
        return self._write(arguments.set_data(path, value, version), path)

    def set_async(
        self, path: str, value: bytes | None, version: int = ANY_VERSION
    ) -> AsyncResult[Stat]:
        """As `set`, without waiting."""
        return self._call_async(arguments.set_data(path, value, version))

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

    # --- watching for good

    def DataWatch(self, path: str, func: Callable[..., object] | None = None) -> DataWatch:  # noqa: N802 (kazoo's name)
        """Call a function with a node's data and status, now and after each change; see `zc.zk.recipes.watchers`."""
        return DataWatch(self, path, func)

    def data_watches(
        self, functions: Mapping[str, Callable[..., object]]
    ) -> "dict[str, watchers.DataWatch]":
        """Make a `DataWatch` for each path with its function, several times as fast as one by one.

        All the nodes are read at once. The functions are called in this thread, in their order; when one raises, that
        is raised here, and no watch stays.
        """
        return watchers.watch_data(self, functions)

    def ChildrenWatch(  # noqa: N802 (kazoo's name)
        self,
        path: str,
        func: Callable[..., object] | None = None,
        allow_session_lost: bool = True,
        send_event: bool = False,
    ) -> ChildrenWatch:
        """Call a function with a node's children, now and after each change; see `zc.zk.recipes.watchers`."""
        return ChildrenWatch(self, path, func, allow_session_lost, send_event)

    # --- running

    def run(self, plan: Plan[R], timeout: float | None = None) -> R:
        """Run a plan to its end; its steps share one deadline, `operation_timeout` from now unless given.

        No operation of it waits longer than `operation_timeout`, whatever the deadline.
        """
        seconds = self.operation_timeout if timeout is None else timeout
        return planning.run(self.driver, plan, monotonic() + seconds, self.operation_timeout)

    @contextmanager
    def kept(self, lives: Sequence[Live]) -> Iterator[None]:
        """Make live nodes current, all at once, for those who take them on in this context; or let all go."""
        try:
            if lives:
                self.driver.keep(lives, monotonic() + self.operation_timeout)
            yield
        except BaseException:
            for live in lives:
                self.driver.drop(live)
            raise

    def _call(self, operation: Operation[R]) -> R:
        return self.driver.call(operation, monotonic() + self.operation_timeout)

    def _write(self, operation: Operation[R], path: str) -> R:
        answer = self._call(operation)
        self.catch_up(path)
        return answer

    def catch_up(self, path: str) -> None:
        """Return when our live objects show what we just wrote to the node at `path`; they are read again already.

        Replies come in order, so theirs has come when that of a later read has. Gives up when that takes a second.
        """
        readings = self._session.readings
        until = monotonic() + _LONGEST_CATCHING_UP
        while readings.concern(path) or readings.concern(paths.parent(path)):
            try:
                self.driver.call(Exists(path), until)
            except ZooKeeperError:
                return

    def _call_async(self, operation: Operation[R]) -> AsyncResult[R]:
        return self.driver.call_async(operation, monotonic() + self.operation_timeout)

    def _acl(self, acl: Sequence[ACL] | None) -> Sequence[ACL]:
        return self.default_acl if acl is None else acl

    def _watch(self, callback: WatchCallback | None) -> Watch | None:
        return None if callback is None else _Callback(self.driver, callback)


class _Callback(Watch):
    """A user's one-shot watch; the same function set twice on a node is called once, as the server's watch is one."""

    __slots__ = ("_callback", "_driver")

    def __init__(self, driver: ThreadDriver, callback: WatchCallback) -> None:
        if not callable(callback):
            msg = f"a watch must be callable: {callback!r}"
            raise arguments.ArgumentTypeError(msg)
        self._driver = driver
        self._callback = callback

    def fire(self, event: WatchedEvent) -> None:
        self._driver.callbacks.post(self._callback, partial(self._callback, event))

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, _Callback) and bool(other._callback == self._callback)
        except Exception:  # noqa: BLE001 (a user's: it must not end the reading of replies)
            return other is self

    def __hash__(self) -> int:
        return hash(self._callback)
