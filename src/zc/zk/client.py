"""The blocking client: ZooKeeper's operations one to one, over a session that heals itself."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, Literal, Self

from zc.zk import arguments, paths
from zc.zk.calls import Calls
from zc.zk.codes import KeeperState, State
from zc.zk.drivers import words
from zc.zk.drivers.connected import Connected
from zc.zk.drivers.journal import Logger, chroot_missing, open_to_everybody
from zc.zk.drivers.reporting import Reporter
from zc.zk.drivers.results import AsyncResult
from zc.zk.drivers.retrying import FOREVER, Retry
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.drivers.tls import Setting, secured
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    ConnectionClosedError,
    FailedConnect,
    UsageError,
    ZooKeeperError,
)
from zc.zk.metrics import Metrics
from zc.zk.protocol import ensemble
from zc.zk.protocol.ensemble import Ensemble, EvenJitter
from zc.zk.protocol.live import Live
from zc.zk.protocol.measuring import MeasuredSession
from zc.zk.protocol.requests import NEVER
from zc.zk.protocol.sasl import Mechanism
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Settings, StateChange
from zc.zk.protocol.vitals import Vitals, vitals
from zc.zk.recipes import watchers
from zc.zk.recipes.watchers import ChildrenWatch, DataWatch
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, checked_acl

Listener = Callable[[State], object]
START_TIMEOUT = 15.0  # seconds
_jitter = EvenJitter(random.random())  # for all clients of this process
_LONGEST_PAUSE = 2.0  # seconds between two attempts at a function
_LONGEST_LOOK = 1.0  # seconds that looking for the chroot may add to starting


class Client(Calls):
    """A session with a ZooKeeper ensemble.

    `hosts` is `host:port[,host:port...][/chroot]` or a list of `host:port`; an IPv6 address stands in brackets.
    `timeout` is the session time-out asked for, `operation_timeout` the longest that a call waits for its answer,
    `connect_timeout` the longest for one attempt to reach one server, and for that to answer, all in seconds.
    `tls` secures the connections: True, a `zc.zk.TLS`, or an `ssl.SSLContext`, which is used as it is.

    `auth_data` lists identities as pairs of a scheme and a credential, as `add_auth` takes them. `sasl` is how to
    authenticate to each server before anything else is said: a `zc.zk.DigestMD5` or a `zc.zk.GSSAPI`.
    With `read_only` a server that has lost its ensemble will do for reading, where it allows that: `client_state` is
    CONNECTED_RO then, and writes raise `NotReadOnlyCallError`. A server that takes writes is looked for meanwhile.
    `metrics` is told what the client counts and measures, see `zc.zk.metrics`.
    `default_acl` is the ACL of every node that is created without one; unless it is given, everybody may do everything
    with them, as is ZooKeeper's way.

    `client_id` is that of a session to take up. Servers are tried in random order, without `randomize_hosts` in the
    order given. `command_retry` is what `retry` then is. `logger` takes what would go to the loggers
    `ZooKeeper` and, of callbacks, `zc.zk`.

    A client belongs to the process that made it. In a child made by `os.fork` it is of no use: every call raises
    `ForkedClientError`, and only `stop` does nothing, also for the parent. With `after_fork="new session"` it opens a
    session of its own there when it is first used, with the same settings, identities and listeners; watches, live
    objects, registrations and ephemeral nodes stay the parent's.

    With `driver="gevent"` (extra `gevent`) calls block the calling greenlet alone, without monkey-patching, and
    callbacks run in greenlets; only the thread that made the client may use it.

    While the connection is lost, calls wait for the next one until their time is over. A read that was cut off is
    asked again. A write that was cut off raises `ConnectionLoss`, whose `maybe_applied` is true: its outcome is
    unknown; where the node tells what became of it, that is found out, or the write is made again. A call that gets no
    answer in time raises `OperationTimeoutError`, where `maybe_applied` says the same. Every error of that kind is an
    `OutcomeUnknown`, too. With `operation_timeout=None` calls wait for as long as it takes. With `fail_fast` they do
    not wait for a connection: without one, or when it is lost meanwhile, they raise `ConnectionLoss`. `within` gives
    single calls another policy.
    Watches outlive the connection and the session. All methods may be called from any thread, and from watches and
    listeners. A signal handler or a `__del__` may call them, too, but gets a `UsageError` where it interrupted one of
    them in the middle: better let it set an event that another thread waits for.
    """

    def __init__(
        self,
        hosts: str | Sequence[str] = "127.0.0.1:2181",
        timeout: float = 10.0,
        client_id: tuple[int, bytes] | None = None,
        *,
        default_acl: Sequence[ACL] | None = None,
        auth_data: Sequence[tuple[str, str | bytes]] = (),
        operation_timeout: float | None = 10.0,
        fail_fast: bool = False,
        connect_timeout: float | None = None,
        sasl: Mechanism | None = None,
        tls: Setting = None,
        metrics: Metrics | None = None,
        read_only: bool = False,
        randomize_hosts: bool = True,
        command_retry: Retry | None = None,
        logger: Logger | None = None,
        after_fork: Literal["error", "new session"] = "error",
        driver: Literal["threads", "gevent"] = "threads",
    ) -> None:
        timeout = arguments.seconds(timeout, "the session time-out", arguments.MOST_SESSION_SECONDS)
        attempt = max(1.0, min(timeout / 3, 5.0)) if connect_timeout is None else connect_timeout
        if after_fork not in ("error", "new session"):
            msg = f'after_fork must be "error" or "new session", not {after_fork!r}'
            raise ArgumentError(msg)
        self._driver_class = _driver_class(driver)
        endpoints, self.chroot = ensemble.parse(hosts)
        self._is_silently_open = default_acl is None
        acl = OPEN_ACL_UNSAFE if default_acl is None else checked_acl(default_acl)
        self._settings = Settings(
            timeout,
            arguments.seconds(attempt, "the connect time-out"),
            read_only=bool(read_only),
            mechanism=_name(sasl),
        )
        self._hosts = ",".join(map(str, endpoints))
        self._is_shuffled = randomize_hosts
        self._listeners: tuple[Listener, ...] = ()
        self._command_retry = _checked(command_retry)
        self._logger = None if logger is None else arguments.logger(logger)
        self._mechanism, self._security, self._metrics = sasl, secured(tls), metrics
        self._after_fork = after_fork
        self._heirs: tuple[Callable[[], object], ...] = ()
        self._session, self._connected, runner = self._make(endpoints)
        super().__init__(runner, acl, operation_timeout, fail_fast)
        if client_id is not None:
            self._session.attach(*arguments.client_id(client_id))
        for scheme, credential in auth_data:
            self.add_auth_async(scheme, credential)

    def _make(
        self, endpoints: Sequence[ensemble.Endpoint]
    ) -> tuple[Session, Connected, ThreadDriver]:
        kind = Session if self._metrics is None else MeasuredSession
        session = kind(
            Ensemble(endpoints, random.random, shuffled=self._is_shuffled, jitter=_jitter),
            self._settings,
            self._state_changed,
            self.chroot,
        )
        connected = Connected(session, self._driver_class.new_lock)
        driver = self._driver_class(
            session,
            f"zc.zk {self._hosts}",
            connected.look,
            self._mechanism,
            self._security,
            self._logger,
        )
        if self._metrics is not None and isinstance(session, MeasuredSession):
            Reporter(self._metrics, session, driver)
        if self._after_fork == "new session":
            driver.on_fork = self._begin_anew
        return session, connected, driver

    def _begin_anew(self, was_running: bool) -> None:
        # In a child, where only this thread is left. Nothing of the parent's driver is used, but what its session knows
        # by heart.
        identities = self._session.identities
        endpoints, _ = ensemble.parse(self._hosts)
        self._session, self._connected, self.driver = self._make(endpoints)
        for identity in identities:
            self.driver.call_async(identity, NEVER)
        for call in self._heirs:
            call()
        if was_running:
            self.driver.start_at_first_use()

    def inherit(self, call: Callable[[], object]) -> None:
        """Have a call made in each child of this process where this client begins anew."""
        self._heirs += (call,)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self._hosts}{self.chroot} {self.state}>"

    # --- the session

    @property
    def hosts(self) -> str:
        """The servers, as `host:port`, with commas between."""
        return self._hosts

    def set_hosts(self, hosts: str | Sequence[str]) -> None:
        """Take another list of servers, as `Client` does; the session, its watches and its nodes stay.

        A connection to a server that is in the new list stays, too; of a longer list, some clients go over to the
        new servers, so that each gets its share. Raises `ArgumentError` for another chroot.
        """
        endpoints, chroot = ensemble.parse(hosts)
        if chroot != self.chroot:
            msg = f"the chroot must stay {self.chroot or 'none'}, not become {chroot or 'none'}"
            raise ArgumentError(msg)
        self.driver.move(endpoints)
        self._hosts = ",".join(map(str, endpoints))

    def unchroot(self, path: str) -> str:
        """Return a server's path as this client names the node; one that is not below the chroot stays as it is."""
        return paths.without(self.chroot, path)

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
        return self._connected.is_set()

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

    @property
    def info(self) -> Vitals:
        """How this client is doing: where it is connected to, and what it has been through; takes no time."""
        driver = self.driver
        with driver.lock:
            calls = driver.callbacks
            return vitals(self._session, monotonic(), driver.peer, calls.waiting, calls.failures)

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Open the session and return when it is there.

        Raises `FailedConnect` after `timeout` seconds, naming each server tried and why it did not do,
        `AuthFailedError` when a server refuses an identity, and `ConnectionClosedError` when the client is stopped
        meanwhile. Nothing is left running then, but for a thread that hangs in a name look-up or a Kerberos library.
        A chroot that does not exist is logged as a warning.
        """
        seconds = arguments.seconds(timeout, "the start time-out")
        until = monotonic() + seconds
        if not self.start_async().wait(seconds):
            error = self._start_error() or self._failed_connect(seconds)
            self.stop()
            raise error
        self._look_for_chroot(until - monotonic())

    def _look_for_chroot(self, seconds: float) -> None:
        if not self.chroot or seconds <= 0:
            return
        looking = self.within(min(seconds, _LONGEST_LOOK), fail_fast=True)
        with suppress(ZooKeeperError):  # only a hint is lost
            if looking.exists("/") is None:
                self.driver.journal.take(chroot_missing(self.chroot))

    def wait_for_start(self) -> None:
        """Open the session, however long it takes to find a server.

        Raises `AuthFailedError` when one refuses us, `ConnectionClosedError` when the client is stopped meanwhile.
        """
        error = None if self.start_async().wait() else self._start_error()
        if error is not None:
            self.stop()
            raise error

    def _start_error(self) -> ZooKeeperError | None:
        refusal = self._session.refusal
        if refusal is not None:
            return refusal.about(None)
        if self.client_state is KeeperState.CLOSED:
            return ConnectionClosedError(reason="stopped while it was starting")
        return None

    def _failed_connect(self, seconds: float) -> FailedConnect:
        failures = dict(self._session.ensemble.failures)
        attempts = [(str(endpoint), reason) for endpoint, reason in failures.items()]
        return FailedConnect(attempts, seconds)

    def start_async(self) -> Connected:
        """Begin to open the session, and return at once; it is looked for until `stop`.

        What is returned can be waited for, as an event: `wait(timeout)` returns whether the client is connected.
        """
        self.driver.start()
        return self._connected

    def stop(self) -> None:
        """End the session, and with it our ephemeral nodes; may be called from anywhere, any number of times.

        Returns within two seconds, whatever the network does; where no server can be told, also not over a new
        connection, they end it by its time-out. In a child of the process that made this client, nothing is done.
        What waits for an answer gets `ConnectionClosedError`, and so do later calls.
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

    # --- how long calls wait

    def within(self, seconds: float | None, *, fail_fast: bool | None = None) -> "Client":
        """Return this client with another `operation_timeout` for the calls made on what is returned.

        `client.within(0.5).get(path)`: half a second, for each call. None is for ever; `fail_fast` stays as it is
        unless given. All else, the session, its watches and listeners, is this client's own.
        """
        return _Within(self, seconds, self.fail_fast if fail_fast is None else fail_fast)

    @property
    def retry(self) -> Retry:
        """Calls a whole function again when the network failed it: `client.retry(function, *arguments)`.

        Nothing is begun again when `operation_timeout` has passed. Make a `zc.zk.Retry` for another policy, or give it
        to the client as `command_retry`.
        """
        return self._command_retry or Retry(
            FOREVER,
            max_delay=_LONGEST_PAUSE,
            sleep_func=self.driver.sleep,
            deadline=self.operation_timeout,
        )

    def _acl(self, acl: Sequence[ACL] | None) -> Sequence[ACL]:
        if acl is None and self._is_silently_open:
            self._is_silently_open = False  # once is enough
            self.driver.journal.take(open_to_everybody(repr(self)))
        return super()._acl(acl)

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
        self._connected.look()
        for listener in self._listeners:
            self.driver.callbacks.post(listener, partial(self._tell, listener, change.state))

    def _tell(self, listener: Listener, state: State) -> None:
        if listener(state) is True:
            self.remove_listener(listener)

    # --- what servers say about themselves

    def command(self, cmd: bytes = b"ruok") -> str:
        """Return the server's answer to a four-letter word, on a connection of its own; needs no session.

        Asks the server that we are connected to, else the first that answers. A word that the server does not allow is
        answered by a line that says so. Raises `FailedConnect` where none answers within `operation_timeout`.
        """
        seconds = self.operation_timeout or START_TIMEOUT
        driver = self.driver
        return driver.aside(lambda: words.ask(driver.servers, cmd, driver.security, seconds))

    def server_version(self, retries: int = 3) -> tuple[int, ...]:
        """Return the server's version, such as (3, 8, 0), as a four-letter word tells it.

        Raises `VersionUnknownError` where none is allowed, or the server does not serve, `FailedConnect` as `command`.
        """
        driver, seconds = self.driver, self.operation_timeout or START_TIMEOUT
        return driver.aside(
            lambda: words.server_version(driver.servers, driver.security, seconds, retries)
        )

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

    # --- live nodes

    @contextmanager
    def kept(self, lives: Sequence[Live]) -> Iterator[None]:
        """Make live nodes current, all at once, for those who take them on in this context; or let all go."""
        try:
            if lives:
                self.driver.keep(lives, monotonic() + self.patience, self.fail_fast)
            yield
        except BaseException:
            for live in lives:
                self.driver.drop(live)
            raise


def _checked(retry: object) -> Retry | None:
    if retry is not None and not isinstance(retry, Retry):
        msg = f"command_retry must be a zc.zk.Retry, not {type(retry).__name__}"
        raise ArgumentTypeError(msg)
    return retry


def _driver_class(driver: str) -> type[ThreadDriver]:
    if driver == "threads":
        return ThreadDriver
    if driver != "gevent":
        raise ArgumentError(f'driver must be "threads" or "gevent", not {driver!r}')
    try:
        from zc.zk.drivers.gevent import GeventDriver  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise UsageError('driver="gevent" needs gevent: pip install "zc.zk[gevent]"') from error
    return GeventDriver


def _name(sasl: object) -> str:
    if sasl is None:
        return ""
    if not isinstance(sasl, Mechanism):
        # It may well be a password: it is not shown.
        msg = f"sasl must be a SASL mechanism such as zc.zk.DigestMD5, not {type(sasl).__name__}"
        raise ArgumentTypeError(msg)
    return sasl.name


class _Within(Client):
    """A client by another policy: whatever it has not got itself is the client's, to be read and to be set."""

    def __init__(self, client: Client, seconds: float | None, fail_fast: bool) -> None:
        patience = arguments.patience(seconds, "the operation time-out")
        vars(self).update(_client=client, patience=patience, fail_fast=fail_fast)

    def __getattr__(self, name: str) -> Any:  # Any: as the client's
        return getattr(self._client, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in {"patience", "fail_fast"}:
            vars(self)[name] = value
        elif name == "operation_timeout":
            super().__setattr__(name, value)
        else:
            setattr(self._client, name, value)

    def __repr__(self) -> str:
        return f"<{self._client!r}, each call within {self.patience:g} s>"
