"""The registrations of one client: makes them, keeps them, ends them."""

import contextlib
import random
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from zc.zk import paths
from zc.zk.arguments import MOST_SECONDS
from zc.zk.drivers.background import Background
from zc.zk.drivers.nesting import Bells, Guard
from zc.zk.errors import (
    ConnectionClosedError,
    NodeExistsError,
    OperationTimeoutError,
    UsageError,
    ZooKeeperError,
)
from zc.zk.faces import Face
from zc.zk.registry.properties import Data, decode, encode, merged
from zc.zk.registry.servers import Registration, claim
from zc.zk.security import ACL

if TYPE_CHECKING:
    from zc.zk.client import Client

Kept = tuple[Registration, Background]
CLOSING = 1.8  # seconds: closing takes no longer than two, whatever the network does
_NAME_PATIENCE = (
    2.0  # seconds beyond the session time-out: a crashed predecessor's node is gone by then
)
_FEW = 50  # registrations that come back all at once
_LONGEST_SPREAD = 0.5  # seconds over which many come back


class Registered:
    """A registration, as its owner sees it."""

    def __init__(self, registrar: "Registrations", registration: Registration) -> None:
        self._registrar = registrar
        self._registration = registration

    @property
    def path(self) -> str:
        """The path of the server's node."""
        return self._registration.path

    @property
    def address(self) -> str:
        """The address, as the node's name."""
        return paths.name(self.path)

    @property
    def is_held(self) -> bool:
        """Whether the node was there, and of our present session, when it was last looked at."""
        registration = self._registration
        is_held = registration.is_wanted and registration.is_held
        return is_held and registration.holder == self._registrar.session_id

    @property
    def data(self) -> Data:
        """The latest properties that are known of the node."""
        return decode(self._registration.data, self.path)

    def __repr__(self) -> str:
        is_wanted = self._registration.is_wanted
        standing = "held" if self.is_held else "not held" if is_wanted else "withdrawn"
        return f"<RegisteredServer {self.path} {standing}>"


class RegisteredServer(Registered):
    """A registration, as its owner holds it; dropping this object changes nothing."""

    _registrar: "Registrar"

    def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        """Set some of the node's properties; they come back with it after a lost session.

        A node whose ACL does not allow to write it, as by default, is deleted and created again.
        """
        self._registrar.update(self._registration, merged(data, properties))

    def withdraw(self) -> None:
        """Remove the node for good; does nothing when it was withdrawn already.

        Raises `OperationTimeoutError` when that could not be done in time; it is still done as soon as a server is
        there.
        """
        if self._registration.is_wanted:
            self._registrar.withdraw(self._registration)


class Registrations:
    """What was registered through one client, as far as nothing has to be waited for."""

    def __init__(self, client: Face[Any]) -> None:  # Any: with a driver of either kind
        self._client = client
        client.inherit(self._begin)
        self._begin()

    def _begin(self) -> None:
        # With nothing kept: in a child of our process as well, where what was registered is the parent's.
        self._lock = Guard()
        self._kept: dict[str, Kept] = {}
        self._claimed: set[str] = set()
        self._leaving: dict[str, Kept] = {}
        self._updating = Guard()

    def wake(self) -> None:
        """Have those who wait for a registration look again."""
        raise NotImplementedError

    @property
    def session_id(self) -> int:
        """The id of the client's present session, 0 for none."""
        identity = self._client.client_id
        return identity[0] if identity else 0

    def resume(self) -> None:
        """Keep again what a closed client had stopped keeping."""
        with self._lock:
            for path, (registration, background) in list(self._kept.items()):
                if background.has_ended and registration.is_wanted:
                    self._kept[path] = registration, self.keep(registration)

    def at(self, path: str) -> Registration | None:
        """Return our registration of the node at `path`, if that is what it is."""
        kept = self._kept.get(path)
        return None if kept is None else kept[0]

    # --- the steps of registering

    def reserve(self, path: str, data: bytes, acl: tuple[ACL, ...]) -> Registration:
        """Begin to register; `release` ends that. Raises `NodeExistsError` where we have registered it."""
        with self._lock:
            if path in self._kept or path in self._claimed:
                raise NodeExistsError(path, self.session_id or None)
            self._claimed.add(path)
        return Registration(path, data, acl, self._spread, self.wake, self._restored)

    def release(self, path: str) -> None:
        """End to register."""
        with self._lock:
            self._claimed.discard(path)

    def patience(self, seconds: float | None) -> float:
        """Return how many seconds to wait for a node of another session to go."""
        return self._client.session_timeout + _NAME_PATIENCE if seconds is None else seconds

    def leaving(self, path: str) -> Registration | None:
        """Return an earlier registration of that name that has not gone yet: it would take the next one's node, too."""
        with self._lock:
            leaving = self._leaving.get(path)
        return None if leaving is None or leaving[1].has_ended else leaving[0]

    def claimed(self, registration: Registration) -> None:
        """Keep a node that was made."""
        registration.holder = self.session_id
        with self._lock:
            self._kept[registration.path] = registration, self.keep(registration)

    def give_up(self, registration: Registration, error: BaseException) -> None:
        """Have a node go again where it is unknown whether there is one now: nobody knows it as registered."""
        if not isinstance(error, ZooKeeperError) or error.maybe_applied:
            registration.withdraw()
            with self._lock:
                self._leaving[registration.path] = registration, self.keep(registration)

    def keep(self, registration: Registration) -> Background:
        """Begin to keep a registration."""
        return Background(self._client.driver, registration.keep(), repr(registration)).start()

    def _restored(self) -> None:
        with self._client.driver.lock:
            self._client.driver.session.chronicle.count("restores")

    def _spread(self) -> float:
        count = len(self._kept)
        return 0.0 if count <= _FEW else random.random() * min(_LONGEST_SPREAD, count / 1000)

    # --- the steps of changing and ending

    def want(self, registration: Registration, changes: Data) -> None:
        """Begin to set some properties of a registered node."""
        self._require_kept(registration)
        with self._updating:  # what another thread wants at the same time is kept
            data = encode({**decode(registration.wanted_data, registration.path), **changes})
            registration.require_sendable(data, self._client.chroot)
            with self._client.driver.lock:
                registration.want(data)

    def leave(self, registration: Registration) -> None:
        """Begin to remove a registered node."""
        self._require_kept(registration)
        path = registration.path
        with self._client.driver.lock:
            registration.withdraw()
        with self._lock:
            kept = self._kept.pop(path, None)
            if kept is not None:
                self._leaving[path] = kept

    def leave_all(self) -> list[Registration]:
        """Begin to remove every registered node; return which."""
        self._client.driver.require_own_place()
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        with self._client.driver.lock:
            for registration, _ in kept:
                registration.withdraw()
        return [registration for registration, _ in kept]

    def gone(self, path: str) -> None:
        """Note that a node was removed."""
        with self._lock:
            self._leaving.pop(path, None)

    def _require_kept(self, registration: Registration) -> None:
        self._client.driver.require_own_place()
        if self.at(registration.path) is not registration:  # the name may be another's by now
            raise UsageError(f"the registration was withdrawn: {registration.path}")

    def is_decided(self, registration: Registration) -> bool:
        """Whether there is nothing to wait for."""
        return registration.is_settled or self._client.driver.session.phase.is_ending

    def require_settled(self, registration: Registration) -> None:
        """Raise why a registration is not what was wanted, where it is not."""
        session = self._client.driver.session
        if registration.is_settled:
            return
        if session.phase.is_ending:
            raise ConnectionClosedError(registration.path)
        raise OperationTimeoutError(registration.path, reason=session.standing, maybe_applied=True)


class Registrar(Registrations):
    """Keeps what was registered through one client, for threads."""

    _client: "Client"

    def _begin(self) -> None:
        super()._begin()
        self._settled = Bells(self._client.driver.new_lock)

    def wake(self) -> None:
        self._settled.ring()

    def register(
        self, path: str, data: bytes, acl: tuple[ACL, ...], patience: float | None
    ) -> RegisteredServer:
        """Make a node and keep it; see `zc.zk.ZooKeeper.register`."""
        registration = self.reserve(path, data, acl)
        try:
            earlier = self.leaving(path)
            if earlier is not None:
                self._settle(earlier, self._client.patience)
            self.gone(path)
            self._claim(registration, self.patience(patience))
            self.claimed(registration)
        finally:
            self.release(path)
        try:
            self._client.catch_up(path)
        except BaseException:  # interrupted: nobody will know that it is registered
            self.leave(registration)
            raise
        return RegisteredServer(self, registration)

    def _claim(self, registration: Registration, patience: float) -> None:
        plan = claim(registration.path, registration.data, registration.acl, patience)
        try:
            self._client.run(plan)
        except BaseException as error:
            self.give_up(registration, error)
            raise

    def update(self, registration: Registration, changes: Data) -> None:
        """Set some properties of a registered node, and wait until it has them."""
        self.want(registration, changes)
        self._settle(registration, self._client.patience)

    def withdraw(self, registration: Registration) -> None:
        """Remove a registered node, and wait until it is gone."""
        self.leave(registration)
        self._settle(registration, self._client.patience)
        self.gone(registration.path)

    def _settle(self, registration: Registration, seconds: float) -> None:
        self._settled.wait_for(lambda: self.is_decided(registration), min(seconds, MOST_SECONDS))
        self.require_settled(registration)
        self._client.catch_up(registration.path)

    def withdraw_all(self) -> None:
        """Remove every registered node; those of a client that was closed went with its session.

        Returns within two seconds; what could not be removed by then goes as soon as a server is there.
        """
        registrations = self.leave_all()
        until = monotonic() + min(CLOSING, self._client.patience)
        with contextlib.suppress(ConnectionClosedError, OperationTimeoutError):
            for registration in registrations:
                self._settle(registration, until - monotonic())
