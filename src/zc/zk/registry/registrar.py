"""The registrations of one client on threads: makes them, keeps them, ends them."""

import contextlib
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from zc.zk.arguments import MOST_SECONDS
from zc.zk.drivers.nesting import Bells
from zc.zk.errors import ConnectionClosedError, OperationTimeoutError
from zc.zk.registry.properties import Data, merged
from zc.zk.registry.registrations import CLOSING, Registered, Registrations
from zc.zk.registry.servers import Registration, claim
from zc.zk.security import ACL

if TYPE_CHECKING:
    from zc.zk.client import Client


class RegisteredServer(Registered):
    """A registration, as its owner holds it; dropping this object changes nothing."""

    _registrar: "Registrar"

    def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        """Set some of the node's properties; they come back with it after a lost session.

        A node whose ACL does not allow to write it, as by default, is deleted and created again.
        """
        self._registrar.update(self._registration, merged(data, properties))

    def withdraw(self) -> None:
        """Remove the node for good; does nothing when it is gone already.

        Raises `OperationTimeoutError` when that could not be done in time; it is still done as soon as a server is
        there, and to call this again waits for that.
        """
        self._registrar.withdraw(self._registration)


class Registrar(Registrations):
    """Keeps what was registered through one client, for threads."""

    _client: "Client"

    def begin(self) -> None:
        super().begin()
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
        """Remove a registered node, and wait until it is gone; who asks again meanwhile waits as well."""
        if registration.is_wanted:
            self.leave(registration)
        elif not self.is_leaving(registration):
            return
        self._settle(registration, self._client.patience)
        if self.is_leaving(registration):
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
