"""The registrations of one client, on threads: makes them, keeps them, ends them."""

import random
import threading
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from zc.zk import paths
from zc.zk.drivers.planning import Background
from zc.zk.errors import ConnectionClosedError, NodeExistsError, OperationTimeoutError
from zc.zk.registry.properties import Data, decode, encode
from zc.zk.registry.servers import Registration, claim
from zc.zk.security import ACL

if TYPE_CHECKING:
    from zc.zk.client import Client

_NAME_PATIENCE = (
    2.0  # seconds beyond the session time-out: a crashed predecessor's node is gone by then
)
_FEW = 50  # registrations that come back all at once
_LONGEST_SPREAD = 0.5  # seconds over which many come back


class RegisteredServer:
    """A registration, as its owner holds it; dropping this object changes nothing."""

    def __init__(self, registrar: "Registrar", registration: Registration) -> None:
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
        """Whether the node was there and ours when it was last looked at."""
        return self._registration.is_wanted and self._registration.is_held

    @property
    def data(self) -> Data:
        """The latest properties that are known of the node."""
        return decode(self._registration.data, self.path)

    def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        """Set some of the node's properties; they come back with it after a lost session.

        A node whose ACL does not allow to write it, as by default, is deleted and created again.
        """
        new = {**self.data, **(data or {}), **properties}
        self._registrar.write(self.path, encode(new))

    def withdraw(self) -> None:
        """Remove the node for good.

        Raises `OperationTimeoutError` when that could not be done in time; it is still done as soon as a server is
        there.
        """
        self._registrar.withdraw(self.path)

    def __repr__(self) -> str:
        return repr(self._registration)


class Registrar:
    """Keeps what was registered through one client."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Registration, Background]] = {}
        self._claimed: set[str] = set()

    def register(
        self, path: str, data: bytes, acl: tuple[ACL, ...], patience: float | None
    ) -> RegisteredServer:
        """Make a node and keep it; see `zc.zk.ZooKeeper.register`."""
        with self._lock:
            if path in self._kept or path in self._claimed:
                identity = self._client.client_id
                raise NodeExistsError(path, identity[0] if identity else None)
            self._claimed.add(path)
        try:
            if patience is None:
                patience = self._client.session_timeout + _NAME_PATIENCE
            longest = max(self._client.operation_timeout, patience + 1)
            self._client.run(claim(path, data, acl, patience), longest)
            registration = Registration(path, data, acl, self._spread)
            with self._lock:
                self._kept[path] = registration, self._keep(registration)
        finally:
            with self._lock:
                self._claimed.discard(path)
        return RegisteredServer(self, registration)

    def _keep(self, registration: Registration) -> Background:
        return Background(self._client.driver, registration.keep(), repr(registration))

    def _spread(self) -> float:
        count = len(self._kept)
        return 0.0 if count <= _FEW else random.random() * min(_LONGEST_SPREAD, count / 1000)

    def resume(self) -> None:
        """Keep again what a closed client had stopped keeping."""
        with self._lock:
            for path, (registration, background) in list(self._kept.items()):
                if background.has_ended and registration.is_wanted:
                    self._kept[path] = registration, self._keep(registration)

    def has(self, path: str) -> bool:
        """Whether the node at `path` is a registration of ours."""
        return path in self._kept

    def write(self, path: str, data: bytes) -> None:
        """Give a registered node other data, and wait until it has them."""
        registration = self._registration(path)
        with self._client.driver.lock:
            registration.want(data)
        self._settle(registration)

    def withdraw(self, path: str) -> None:
        """Remove a registered node, and wait until it is gone."""
        registration = self._registration(path)
        with self._client.driver.lock:
            registration.withdraw()
        try:
            self._settle(registration)
        finally:
            with self._lock:
                self._kept.pop(path, None)

    def _registration(self, path: str) -> Registration:
        kept = self._kept.get(path)
        if kept is None:
            raise ConnectionClosedError(path, reason="the registration was withdrawn")
        return kept[0]

    def _settle(self, registration: Registration) -> None:
        settled = threading.Event()
        registration.settled = settled.set
        until = monotonic() + self._client.operation_timeout
        while not registration.is_settled:
            if self._client.driver.session.phase.is_ending:
                raise ConnectionClosedError(registration.path)
            if not settled.wait(max(0.0, until - monotonic())):
                standing = self._client.driver.session.standing
                raise OperationTimeoutError(registration.path, reason=standing, maybe_applied=True)
            settled.clear()

    def withdraw_all(self) -> None:
        """Remove every registered node."""
        for path in list(self._kept):
            self.withdraw(path)
