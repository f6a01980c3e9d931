"""The registrations of one client on an event loop: makes them, keeps them, ends them."""

import contextlib
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from zc.zk.aio.documented import documented
from zc.zk.arguments import MOST_SECONDS
from zc.zk.drivers.aio.future import LoopBells
from zc.zk.errors import ConnectionClosedError, OperationTimeoutError
from zc.zk.registry import registrar
from zc.zk.registry.properties import Data, merged
from zc.zk.registry.registrations import CLOSING, Registered, Registrations
from zc.zk.registry.servers import Registration, claim
from zc.zk.security import ACL

if TYPE_CHECKING:
    from zc.zk.aio.client import Client


@documented(registrar.RegisteredServer)
class RegisteredServer(Registered):
    """A registration, as its owner holds it; dropping this object changes nothing."""

    _registrar: "Registrar"

    async def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        await self._registrar.update(self._registration, merged(data, properties))

    async def withdraw(self) -> None:
        await self._registrar.withdraw(self._registration)


@documented(registrar.Registrar)
class Registrar(Registrations):
    """Keeps what was registered through one client."""

    _client: "Client"

    def begin(self) -> None:
        super().begin()
        self._settled = LoopBells()

    def wake(self) -> None:
        self._settled.ring()

    async def register(
        self, path: str, data: bytes, acl: tuple[ACL, ...], patience: float | None
    ) -> RegisteredServer:
        registration = self.reserve(path, data, acl)
        try:
            earlier = self.leaving(path)
            if earlier is not None:
                await self._settle(earlier, self._client.patience)
            self.gone(path)
            await self._claim(registration, self.patience(patience))
            self.claimed(registration)
        finally:
            self.release(path)
        try:
            await self._client.catch_up(path)
        except BaseException:  # cancelled: nobody will know that it is registered
            self.leave(registration)
            raise
        return RegisteredServer(self, registration)

    async def _claim(self, registration: Registration, patience: float) -> None:
        plan = claim(registration.path, registration.data, registration.acl, patience)
        try:
            await self._client.run(plan)
        except BaseException as error:  # cancelled, too
            self.give_up(registration, error)
            raise

    async def update(self, registration: Registration, changes: Data) -> None:
        self.want(registration, changes)
        await self._settle(registration, self._client.patience)

    async def withdraw(self, registration: Registration) -> None:
        if registration.is_wanted:
            self.leave(registration)
        elif not self.is_leaving(registration):
            return
        await self._settle(registration, self._client.patience)
        if self.is_leaving(registration):
            self.gone(registration.path)

    async def _settle(self, registration: Registration, seconds: float) -> None:
        await self._settled.wait_for(
            lambda: self.is_decided(registration), min(seconds, MOST_SECONDS)
        )
        self.require_settled(registration)
        await self._client.catch_up(registration.path)

    async def withdraw_all(self) -> None:
        registrations = self.leave_all()
        until = monotonic() + min(CLOSING, self._client.patience)
        with contextlib.suppress(ConnectionClosedError, OperationTimeoutError):
            for registration in registrations:
                await self._settle(registration, until - monotonic())
