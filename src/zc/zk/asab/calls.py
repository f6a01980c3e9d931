"""The calls on nodes that a container offers as coroutines: a node that is not there is None."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zc.zk import aio
from zc.zk.asab.addresses import absolute
from zc.zk.asab.blocking import BlockingClient
from zc.zk.asab.explaining import Explaining
from zc.zk.codes import ANY_VERSION
from zc.zk.drivers.aio.driver import AioDriver
from zc.zk.errors import NodeExistsError, NoNodeError
from zc.zk.records import Stat

log = logging.getLogger("zc.zk.asab")


class LoopClient(Explaining[AioDriver], aio.Client):
    """The client on the application's event loop."""


class ZooKeeper:
    """A container's connection: coroutines for its nodes, on the application's own event loop.

    Paths are from the root, whatever the container's `Path`; the first slash may be missing. `AioClient` is the
    `zc.zk.aio.Client` behind them, `Client` a blocking client for functions given to `ProactorService.execute`. Of
    errors, see `zc.zk.Client`.
    """

    def __init__(
        self,
        app: Any,  # Any: asab's, which has no types
        proactor: Any,  # Any: the same
        servers: str,
        timeout: float,
    ) -> None:
        self.App = app
        self.ProactorService = proactor
        self.AioClient = LoopClient(servers, timeout)
        self.Client = BlockingClient(servers, timeout, self.AioClient)
        self.is_stopped = False

    async def stop(self) -> None:
        """End the sessions of both clients."""
        self.is_stopped = True
        # First, so that its watches are not told of what ends with the other session.
        await self._stop_blocking_client()
        await self.AioClient.stop()

    async def _stop(self) -> None:  # as asab's modules call it
        await self.stop()

    async def _stop_blocking_client(self) -> None:
        if not self.Client.is_used:
            self.Client.stop()  # which has nothing to wait for
            return
        # A thread of its own: those of the proactor may all be waiting for this very client.
        with ThreadPoolExecutor(1, "zc.zk.asab") as thread:
            await asyncio.get_running_loop().run_in_executor(thread, self.Client.stop)

    async def ensure_path(self, path: str) -> bool:
        """Create a node and those above it, as far as they are missing."""
        return await self.AioClient.ensure_path(absolute(path))

    async def exists(self, path: str, watch: Callable[..., object] | None = None) -> Stat | None:
        """Return a node's status."""
        return await self.AioClient.exists(absolute(path), watch)

    async def get_children(
        self, path: str, watch: Callable[..., object] | None = None
    ) -> list[str] | None:
        """Return the names of a node's children."""
        try:
            return await self.AioClient.get_children(absolute(path), watch)
        except NoNodeError:
            return None

    async def get(
        self, path: str, watch: Callable[..., object] | None = None
    ) -> tuple[bytes, Stat] | None:
        """Return a node's data and status."""
        try:
            return await self.AioClient.get(absolute(path), watch)
        except NoNodeError:
            return None

    async def get_data(self, path: str, watch: Callable[..., object] | None = None) -> bytes | None:
        """Return a node's data."""
        found = await self.get(path, watch)
        return None if found is None else found[0]

    async def set_data(
        self, path: str, data: bytes | None, version: int = ANY_VERSION
    ) -> Stat | None:
        """Write a node's data; return its new status."""
        try:
            return await self.AioClient.set(absolute(path), data, version)
        except NoNodeError:
            log.warning("nothing was written, there is no node %s", path)
            return None

    async def delete(
        self, path: str, version: int = ANY_VERSION, recursive: bool = False
    ) -> bool | None:
        """Delete a node, and all below it where that is asked for."""
        try:
            return await self.AioClient.delete(absolute(path), version, recursive)
        except NoNodeError:
            log.warning("nothing was deleted, there is no node %s", path)
            return None

    async def create(
        self,
        path: str,
        value: bytes | None,
        sequence: bool = False,
        ephemeral: bool = False,
        makepath: bool = False,
    ) -> str:
        """Create a node; return its path."""
        whole = absolute(path, keeps_last_slash=sequence)
        return await self.AioClient.create(
            whole, value, ephemeral=ephemeral, sequence=sequence, makepath=makepath
        )

    async def upsert(self, path: str, value: bytes | None) -> Stat | str:
        """Write a node's data, or create the node with them; return its new status, or its path."""
        whole = absolute(path)
        while True:
            try:
                return await self.AioClient.set(whole, value)
            except NoNodeError:
                pass
            try:
                return await self.AioClient.create(whole, value, makepath=True)
            except NodeExistsError:
                continue  # somebody else was quicker: now it can be written
