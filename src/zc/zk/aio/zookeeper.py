"""The registry helper on an event loop: what the blocking one does, awaited."""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Self

import simplejson

from zc.zk import paths, zookeeper
from zc.zk.aio.client import Client
from zc.zk.aio.documented import documented
from zc.zk.aio.live import Children, Properties, children_of, properties_of
from zc.zk.aio.registrar import RegisteredServer, Registrar
from zc.zk.asking import WatchCallback
from zc.zk.codes import ANY_VERSION
from zc.zk.protocol.live import LiveChildren, LiveData
from zc.zk.records import Stat
from zc.zk.registry.addresses import Address
from zc.zk.registry.properties import Data, decode
from zc.zk.registry.standing import Standing
from zc.zk.security import ACL, READ_ACL_UNSAFE
from zc.zk.zookeeper import DEFAULT_SESSION_TIMEOUT, DEFAULT_START_TIMEOUT, servers


@documented(zookeeper.ZooKeeper)
class ZooKeeper(Standing[Client]):
    """A connection to a service registry, on an event loop.

    The arguments, the methods and the errors are those of `zc.zk.ZooKeeper`, and `connection_string` may be a
    `zc.zk.aio.Client`. It is connected once it was awaited, `zk = await ZooKeeper(...)`, or entered,
    `async with ZooKeeper(...) as zk:`. What waits there is awaited here; live objects are ready when they are there,
    and their callbacks may be coroutine functions.
    """

    _title = "zc.zk.aio.ZooKeeper"
    _registrar: Registrar
    connected: asyncio.Event

    def __init__(
        self,
        connection_string: str | int | Client | None = None,
        session_timeout: float | None = None,
        wait: bool = False,
        *,
        start_timeout: float = DEFAULT_START_TIMEOUT,
    ) -> None:
        self._owns_client = not isinstance(connection_string, Client)
        if isinstance(connection_string, Client):
            self._client = client = connection_string
        else:
            timeout = DEFAULT_SESSION_TIMEOUT if session_timeout is None else session_timeout
            self._client = client = Client(servers(connection_string, "zc.zk.aio.Client"), timeout)
        self.connected = asyncio.Event()
        self.zkaddr = client.hosts + client.chroot
        self._registrar = Registrar(client)
        self._start_timeout = start_timeout
        self._waits = wait

    def __await__(self) -> Generator[Any, None, Self]:
        return self._start().__await__()

    async def _start(self) -> Self:
        client = self.client
        was_running = client.driver.is_running
        client.add_listener(self._state_changed)
        if not client.connected:
            try:
                if self._waits:
                    await client.wait_for_start()
                else:
                    await client.start(self._start_timeout)
            except BaseException:
                client.remove_listener(self._state_changed)
                if not was_running:  # else it is somebody else's, and may have a session
                    await client.stop()
                raise
        self.connected.set()
        return self

    # --- servers

    async def register(
        self,
        path: str,
        address: Address,
        acl: Sequence[ACL] | ACL = tuple(READ_ACL_UNSAFE),
        *,
        wait_for_name: float | None = None,
        **data: Any,
    ) -> RegisteredServer:
        wanted = self._wanted(path, address, acl, wait_for_name, data)
        return await self._registrar.register(*wanted)

    register_server = register

    async def children(self, path: str) -> Children:
        live = LiveChildren(self.client.driver.session, paths.validate(path))
        async with self.client.kept([live]):
            return Children(self.client, path, live)

    async def children_of(self, paths: Iterable[str]) -> dict[str, Children]:
        return await children_of(self.client, paths)

    # --- configuration

    async def properties(self, path: str, watch: bool = True) -> Properties:
        live = LiveData(self.client.driver.session, paths.validate(path))
        async with self.client.kept([live]):
            return Properties(self.client, path, watch, live)

    async def properties_of(self, paths: Iterable[str]) -> dict[str, Properties]:
        return await properties_of(self.client, paths)

    async def get_properties(self, path: str) -> Data:
        return decode((await self.client.get(path))[0], path)

    async def print_tree(self, path: str = "/", indent: int = 0) -> None:
        lines = await self._tree_lines(paths.validate(path), indent)
        print("\n".join(lines))  # noqa: T201 (this is what it is for)

    async def _tree_lines(self, path: str, indent: int) -> list[str]:
        client = self.client
        prefix = " " * indent
        lines = [f"{prefix}/{paths.name(path)}"]
        properties = await self.get_properties(path)
        if properties:
            text = simplejson.dumps(properties, indent=2, sort_keys=True)
            lines += [f"{prefix}  {line}" for line in text.splitlines()]
        for name in sorted(await client.get_children(path)):
            lines += await self._tree_lines(paths.join(path, name), indent + 2)
        return lines

    # --- the lower level

    async def exists(self, path: str, watch: WatchCallback | None = None) -> Stat | None:
        """See `zc.zk.aio.Client.exists`."""
        return await self.client.exists(path, watch)

    async def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        *,
        container: bool = False,
        ttl: int | None = None,
    ) -> str:
        """See `zc.zk.aio.Client.create`."""
        return await self.client.create(
            path, value, acl, ephemeral, sequence, makepath, container=container, ttl=ttl
        )

    async def delete(self, path: str, version: int = ANY_VERSION, recursive: bool = False) -> bool:
        """See `zc.zk.aio.Client.delete`; a registration of ours is withdrawn."""
        registration = self._registrar.at(path)
        if registration is None:
            return await self.client.delete(path, version, recursive)
        await self._registrar.withdraw(registration)
        return True

    async def get_children(self, path: str, watch: WatchCallback | None = None) -> list[str]:
        """See `zc.zk.aio.Client.get_children`."""
        return await self.client.get_children(path, watch)

    async def get(self, path: str, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        """See `zc.zk.aio.Client.get`."""
        return await self.client.get(path, watch)

    async def set(self, path: str, value: bytes | None, version: int = ANY_VERSION) -> Stat:
        """See `zc.zk.aio.Client.set`."""
        return await self.client.set(path, value, version)

    # --- the end

    async def close(self) -> None:
        client = self._client
        if client is None or client.driver.is_forked:
            self._client = None
            return
        client.driver.require_own_place()
        self._client = None
        client.remove_listener(self._state_changed)
        self.connected.clear()
        if self._owns_client:
            await client.stop()
            self._registrar.wake()
        else:
            await self._registrar.withdraw_all()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
