"""The blocking client: ZooKeeper's operations one to one, over a session that heals itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Self

from zc.zk import arguments
from zc.zk.calls import Calls
from zc.zk.drivers import words
from zc.zk.drivers.connected import Connected
from zc.zk.drivers.journal import chroot_missing
from zc.zk.drivers.results import AsyncResult
from zc.zk.drivers.retrying import FOREVER, Retry
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.errors import (
    ArgumentError,
    UsageError,
    ZooKeeperError,
)
from zc.zk.faces import START_TIMEOUT, Face
from zc.zk.protocol.live import Live
from zc.zk.protocol.session import Session
from zc.zk.recipes import watchers
from zc.zk.recipes.watchers import ChildrenWatch, DataWatch
from zc.zk.within import Policy

LONGEST_PAUSE = 2.0  # seconds between two attempts at a function
LONGEST_LOOK = 1.0  # seconds that looking for the chroot may add to starting


class Client(Calls, Face[ThreadDriver]):
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

    _connected: Connected

    def _choose(self, driver: str | None) -> None:
        self._driver_class = _driver_class(driver)

    def _new_driver(self, session: Session, name: str) -> ThreadDriver:
        self._connected = Connected(session, self._driver_class.new_lock)
        return self._driver_class(
            session,
            name,
            self._connected.look,
            self._mechanism,
            self._security,
            self._logger,
        )

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Open the session and return when it is there.

        Raises `FailedConnect` after `timeout` seconds, naming each server tried and why it did not do,
        `AuthFailedError` when a server refuses an identity, and `ConnectionClosedError` when the client is stopped
        meanwhile. Nothing is left running then that was not running before, but for a thread that hangs in a name
        look-up or a Kerberos library. A chroot that does not exist is logged as a warning.
        """
        seconds = arguments.seconds(timeout, "the start time-out")
        until = monotonic() + seconds
        was_running = self.driver.is_running
        if not self.start_async().wait(seconds):
            error = self._start_error() or self._failed_connect(seconds)
            if not was_running:
                self.stop()
            raise error
        self._look_for_chroot(until - monotonic())

    def _look_for_chroot(self, seconds: float) -> None:
        if not self.chroot or seconds <= 0:
            return
        looking = self.within(min(seconds, LONGEST_LOOK), fail_fast=True)
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
        retry = self._command_retry
        if isinstance(retry, Retry):
            return retry
        return Retry(
            FOREVER,
            max_delay=LONGEST_PAUSE,
            sleep_func=self.driver.sleep,
            deadline=self.operation_timeout,
        )

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

        Raises `AuthFailedError` when it is refused; that ends the client. One that no server has accepted before the
        call failed in another way, or was cancelled, is not shown to the next server.
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


def _driver_class(driver: str | None) -> type[ThreadDriver]:
    if driver in {None, "threads"}:
        return ThreadDriver
    if driver != "gevent":
        raise ArgumentError(f'driver must be "threads" or "gevent", not {driver!r}')
    try:
        from zc.zk.drivers.gevent import GeventDriver  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise UsageError('driver="gevent" needs gevent: pip install "zc.zk[gevent]"') from error
    return GeventDriver


class _Within(Policy, Client):
    """A client by another policy."""
