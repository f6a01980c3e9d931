"""What the blocking client and the asyncio one share: settings, states, listeners, and how long calls wait."""

import random
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, ClassVar, Literal, NoReturn, Protocol

from zc.zk import arguments, paths
from zc.zk.asking import Asking, D
from zc.zk.codes import KeeperState, State
from zc.zk.drivers.connected import Light
from zc.zk.drivers.journal import Logger, open_to_everybody
from zc.zk.drivers.reporting import Reporter
from zc.zk.drivers.retrying import Policy, Retry
from zc.zk.drivers.tls import Setting, secured
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    ConnectionClosedError,
    FailedConnect,
    ZooKeeperError,
)
from zc.zk.metrics import Metrics
from zc.zk.operations import Operation
from zc.zk.protocol import ensemble
from zc.zk.protocol.ensemble import Ensemble, EvenJitter
from zc.zk.protocol.measuring import MeasuredSession
from zc.zk.protocol.requests import Request, encode
from zc.zk.protocol.sasl import Mechanism
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Settings, StateChange
from zc.zk.protocol.vitals import Vitals, vitals
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, checked_acl

Listener = Callable[[State], object]
START_TIMEOUT = 15.0  # seconds
_jitter = EvenJitter(random.random())  # for all clients of this process


class Heir(Protocol):
    """Has a part of its own in a client."""

    def begin(self) -> None:
        """Begin, with nothing that is the parent's."""


class Face(Asking[D]):
    """A client's session, as far as nothing has to be waited for."""

    _connected: Light[Any]  # Any: bells of either kind
    _retries: ClassVar[tuple[type[Policy], ...]] = (Retry,)

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
        command_retry: Policy | None = None,
        logger: Logger | None = None,
        after_fork: Literal["error", "new session"] = "error",
        driver: Literal["threads", "gevent"] | None = None,
    ) -> None:
        timeout = arguments.seconds(timeout, "the session time-out", arguments.MOST_SESSION_SECONDS)
        attempt = max(1.0, min(timeout / 3, 5.0)) if connect_timeout is None else connect_timeout
        if after_fork not in ("error", "new session"):
            msg = f'after_fork must be "error" or "new session", not {after_fork!r}'
            raise ArgumentError(msg)
        self._choose(driver)
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
        self._command_retry = self._checked(command_retry)
        self._logger = None if logger is None else arguments.logger(logger)
        self._mechanism, self._security, self._metrics = sasl, secured(tls), metrics
        self._after_fork = after_fork
        self._heirs: weakref.WeakSet[Heir] = weakref.WeakSet()
        self._session, runner = self._make(endpoints)
        super().__init__(runner, acl, operation_timeout, fail_fast)
        if client_id is not None:
            self._session.attach(*arguments.client_id(client_id))
        for identity in arguments.identities(auth_data):
            self._show(identity)

    def _make(self, endpoints: Sequence[ensemble.Endpoint]) -> tuple[Session, D]:
        kind = Session if self._metrics is None else MeasuredSession
        session = kind(
            Ensemble(endpoints, random.random, shuffled=self._is_shuffled, jitter=_jitter),
            self._settings,
            self._state_changed,
            self.chroot,
        )
        driver = self._new_driver(session, f"zc.zk {self._hosts}")
        if self._metrics is not None and isinstance(session, MeasuredSession):
            Reporter(self._metrics, session, driver)
        if self._after_fork == "new session":
            driver.when_forked(self._begin_anew)
        return session, driver

    def _checked(self, retry: object) -> Policy | None:
        if retry is not None and not isinstance(retry, self._retries):
            msg = f"command_retry must be a zc.zk.Retry, not {type(retry).__name__}"
            raise ArgumentTypeError(msg)
        return retry

    def _choose(self, driver: str | None) -> None:
        """Take note of which driver is to be made; raises `ArgumentError` for one that this face has not."""
        raise NotImplementedError

    def _new_driver(self, session: Session, name: str) -> D:
        """Return a driver, and set `_connected`."""
        raise NotImplementedError

    def _show(self, identity: Operation[None]) -> None:
        self.driver.submit(Request(identity, encode(identity, self.chroot)))

    def _begin_anew(self, was_running: bool) -> None:
        # In a child, where only this thread is left. Nothing of the parent's driver is used, but what its session knows
        # by heart.
        identities = self._session.identities
        endpoints, _ = ensemble.parse(self._hosts)
        self._session, self.driver = self._make(endpoints)
        for identity in identities:
            self._show(identity)
        for heir in self._heirs:
            heir.begin()
        if was_running:
            self.driver.start_at_first_use()

    def inherit(self, heir: Heir) -> None:
        """Have an heir, while there is one, begin in each child of this process where this client begins anew."""
        self._heirs.add(heir)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be saved or copied: it has a session, and secrets")

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

    # --- being told of states

    def add_listener(self, listener: Listener) -> Listener:
        """Have `listener` called with each new `State`, in order, one call at a time; also a decorator.

        It may call this client. One that returns True is not called again.
        """
        if not callable(listener):
            raise arguments.ArgumentTypeError(f"a listener must be callable: {listener!r}")
        self.driver.require_own_place()
        with self.driver.lock:
            if listener not in self._listeners:
                self._listeners += (listener,)
        return listener

    def remove_listener(self, listener: Listener) -> None:
        """Undo `add_listener`."""
        self.driver.require_own_place()
        with self.driver.lock:
            self._listeners = tuple(each for each in self._listeners if each != listener)

    def _state_changed(self, change: StateChange) -> None:
        self._connected.look()
        for listener in self._listeners:
            self.driver.callbacks.post(listener, partial(self._tell, listener, change.state))

    def _tell(self, listener: Listener, state: State) -> None:
        if listener(state) is True:
            self.remove_listener(listener)

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

    def _acl(self, acl: Sequence[ACL] | None) -> Sequence[ACL]:
        if acl is None and self._is_silently_open:
            self._is_silently_open = False  # once is enough
            self.driver.journal.take(open_to_everybody(repr(self)))
        return super()._acl(acl)


def _name(sasl: object) -> str:
    if sasl is None:
        return ""
    if not isinstance(sasl, Mechanism):
        # It may well be a password: it is not shown.
        msg = f"sasl must be a SASL mechanism such as zc.zk.DigestMD5, not {type(sasl).__name__}"
        raise ArgumentTypeError(msg)
    return sasl.name
