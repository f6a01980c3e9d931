"""What an application advertises of itself: an ephemeral, sequential node that comes back whenever it is lost."""

import contextlib

from zc.zk import aio, paths
from zc.zk.asab.calls import log
from zc.zk.asab.keeping import Keeper
from zc.zk.errors import NetworkError, NoNodeError

_DIGITS = 10  # of a sequential node's number


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
        self._is_doubtful = False  # whether a request that made a node may have lost its reply
        self._keeper = Keeper(client, f"advertising at {prefix}", self._bring_about)
        self.look_again = self._keeper.look_again
        self.keep = self._keeper.keep

    def want(self, data: bytes) -> None:
        """Give the node these data."""
        self._wanted = data
        self.look_again()

    async def _bring_about(self) -> None:
        while True:
            if self.path is None:
                await self._make()
            elif await self._is_held(self.path) and await self._is_written(self.path):
                return

    async def _is_held(self, path: str) -> bool:
        stat = await self._client.exists(path, self.look_again)
        owner = None if stat is None else stat.owner_session_id
        if owner is not None and owner == self._keeper.session_id:
            return True
        self.path = None
        if owner in self._keeper.sessions:
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
        self._keeper.note_session()
        try:
            self.path = await self._client.create(
                self.prefix, data, ephemeral=True, sequence=True, makepath=True
            )
        except NetworkError as error:
            self._is_doubtful = error.maybe_applied
            raise
        finally:
            self._keeper.note_session()  # it may have waited for that one
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
            if found is None and owner == self._keeper.session_id:
                found = path
            elif owner in self._keeper.sessions:
                await self._remove(path)
        return found

    async def _remove(self, path: str) -> None:
        with contextlib.suppress(NoNodeError):
            await self._client.delete(path)
