"""How a registry stands with the client that it is built on, whichever face that has."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from zc.zk import arguments, paths
from zc.zk.codes import KeeperState, State
from zc.zk.errors import ConnectionClosedError
from zc.zk.faces import Face
from zc.zk.registry.addresses import Address, format_addr
from zc.zk.registry.properties import encode
from zc.zk.registry.registrations import Registrations
from zc.zk.security import ACL, checked_acl

F = TypeVar("F", bound=Face[Any])  # Any: with a driver of either kind


class Flag(Protocol):
    """An event, for threads or for tasks."""

    def set(self) -> None:
        """Let those go on who wait."""

    def clear(self) -> None:
        """Have others wait from now on."""


class Standing(Generic[F]):
    """What a registry is, as far as nothing has to be waited for."""

    _title: ClassVar[str]
    _client: F | None
    _registrar: Registrations
    zkaddr: str
    connected: Flag

    def _state_changed(self, state: State) -> None:
        if state is State.CONNECTED:
            self.connected.set()
            self._registrar.resume()
        else:
            self.connected.clear()
            self._registrar.wake()

    @property
    def client(self) -> F:
        """The client that this stands on. Raises `ConnectionClosedError` after `close`."""
        if self._client is None:
            raise ConnectionClosedError
        return self._client

    @property
    def handle(self) -> F | None:
        """The client, for the lower-level calls; None after `close`."""
        return self._client

    @property
    def state(self) -> KeeperState:
        """How we stand with the server; `KeeperState.CONNECTING` too when there is no handle."""
        return KeeperState.CONNECTING if self._client is None else self._client.client_state

    @property
    def watches(self) -> set[str]:
        """The paths of the nodes that the client watches at the moment, those of our registrations included."""
        if self._client is None:
            return set()
        driver = self._client.driver
        with driver.lock:
            watched: set[str] = driver.session.trail.watches.paths
        return watched

    def _wanted(
        self,
        path: str,
        address: Address,
        acl: Sequence[ACL] | ACL,
        wait_for_name: float | None,
        data: Mapping[str, Any],
    ) -> tuple[str, bytes, tuple[ACL, ...], float | None]:
        """Return what a registrar is to register."""
        node = paths.join(paths.validate(path), format_addr(address))
        encoded = encode({**data, "pid": os.getpid()})
        if wait_for_name is not None and wait_for_name != 0:
            arguments.seconds(wait_for_name, "wait_for_name")
        self.client.driver.require_own_place()
        return node, encoded, checked_acl(acl), wait_for_name

    def __repr__(self) -> str:
        return f"<{self._title} {self.zkaddr} {self.state if self._client else 'closed'}>"
