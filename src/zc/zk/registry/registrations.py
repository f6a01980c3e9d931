"""What one client has registered: what is known of it, and the steps of making, keeping and ending it."""

import random
from typing import Any

from zc.zk import paths
from zc.zk.drivers.background import Background
from zc.zk.drivers.nesting import Guard
from zc.zk.errors import (
    ConnectionClosedError,
    NodeExistsError,
    OperationTimeoutError,
    UsageError,
    ZooKeeperError,
)
from zc.zk.faces import Face
from zc.zk.registry.properties import Data, decode, encode
from zc.zk.registry.servers import Registration
from zc.zk.security import ACL

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


class Registrations:
    """What was registered through one client, as far as nothing has to be waited for."""

    def __init__(self, client: Face[Any]) -> None:  # Any: with a driver of either kind
        self._client = client
        client.inherit(self)
        self.begin()

    def begin(self) -> None:
        """Begin with nothing kept: in a child of our process as well, where what was registered is the parent's."""
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

    def is_leaving(self, registration: Registration) -> bool:
        """Whether a node is being removed, or its removal was not seen to the end."""
        return self.leaving(registration.path) is registration

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
