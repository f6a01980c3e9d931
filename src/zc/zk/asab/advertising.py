"""What an application advertises of itself: an ephemeral, sequential node that comes back whenever it is lost."""

import asyncio
import contextlib
import logging

from zc.zk import aio, paths
from zc.zk.errors import (
    ConnectionClosedError,
    NetworkError,
    NoNodeError,
    ZooKeeperError,
)
from zc.zk.records import WatchedEvent

_DIGITS = 10  # of a sequential node's number
_PAUSE = 2.0  # seconds after a refusal, such as of an ACL: nothing tells us when it ends
log = logging.getLogger("zc.zk.asab")


class Advertisement:
    """A node whose name is `prefix` and a number. It is there, with the latest data, whenever a server is.

    `path` is the node's at the moment, None while there is none. A node that was lost, with its session or because
    somebody deleted it, is made again under the next number.
    """

    def __init__(self, client: aio.Client, prefix: str) -> None:
        self.prefix = prefix
        self.path: str | None = None
        self._client = client
        self._wanted: bytes = b""
        self._written: bytes | None = None
        self._look_again = asyncio.Event()
        self._is_doubtful = False  # whether a request that made a node may have lost its reply
        self._sessions: set[int] = set()  # in which a node of ours was asked for
        self._complaint = ""

    def want(self, data: bytes) -> None:
        """Give the node these data."""
        self._wanted = data
        self.look_again()

    def look_again(self) -> None:
        """See to the node soon."""
        self._look_again.set()

    async def keep(self) -> None:
        """Bring about what is wanted, until the client is closed or this is cancelled."""
        while True:
            self._look_again.clear()
            try:
                await self._bring_about()
            except ConnectionClosedError:
                return
            except NetworkError:
                await asyncio.sleep(0)  # what came of it is seen by looking again
                continue
            except ZooKeeperError as error:
                self._complain(str(error))
                await self._pause()
                continue
            self._complaint = ""
            await self._look_again.wait()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._look_again.wait(), _PAUSE)

    async def _bring_about(self) -> None:
        while True:
            if self.path is None:
                await self._make()
            elif await self._is_held(self.path) and await self._is_written(self.path):
                return

    async def _is_held(self, path: str) -> bool:
        stat = await self._client.exists(path, self._changed)
        owner = None if stat is None else stat.owner_session_id
        if owner is not None and owner == self._session_id:
            return True
        self.path = None
        if owner in self._sessions:
            await self._remove(path)  # it is still there though its session was given up
        return False

    async def _is_written(self, path: str) -> bool:
        data = self._wanted
        if data is not self._written:
            try:
                await self._client.set(path, data)
            except NoNodeError:
                self.path = None
                return False
            self._written = data
        return True

    async def _make(self) -> None:
        if self._is_doubtful:
            self.path = await self._found()
            self._is_doubtful = False
            self._written = None
            if self.path is not None:
                return
        data = self._wanted
        self._sessions.add(self._session_id)
        try:
            self.path = await self._client.create(
                self.prefix, data, ephemeral=True, sequence=True, makepath=True
            )
        except NetworkError as error:
            self._is_doubtful = error.maybe_applied
            raise
        finally:
            self._sessions.add(self._session_id)  # it may have waited for that one
        self._written = data
        log.info("advertised at %s", self.path)

    async def _found(self) -> str | None:
        """Return the node that a request made whose reply was lost."""
        parent = paths.parent(self.prefix)
        await self._client.sync(parent)  # by now it was made, or never will be
        try:
            names = await self._client.get_children(parent)
        except NoNodeError:
            return None
        found = None
        for path in (paths.join(parent, name) for name in names):
            number = path.removeprefix(self.prefix)
            if len(number) != _DIGITS or not number.lstrip("-").isdecimal():
                continue
            stat = await self._client.exists(path)
            owner = None if stat is None else stat.owner_session_id
            if found is None and owner == self._session_id:
                found = path
            elif owner in self._sessions:
                await self._remove(path)
        return found

    async def _remove(self, path: str) -> None:
        with contextlib.suppress(NoNodeError):
            await self._client.delete(path)

    @property
    def _session_id(self) -> int:
        identity = self._client.client_id
        return identity[0] if identity else 0

    def _changed(self, _: WatchedEvent) -> None:
        self.look_again()

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("advertising at %s: %s", self.prefix, complaint)
