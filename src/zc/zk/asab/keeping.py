"""Brings about what an application wants of a node, over and over, for as long as its client is open."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from zc.zk import aio
from zc.zk.asab.calls import log
from zc.zk.errors import ConnectionClosedError, NetworkError, ZooKeeperError
from zc.zk.records import WatchedEvent

_PAUSE = 2.0  # seconds after a refusal, such as of an ACL: nothing tells us when it ends


class Keeper:
    """Awaits `bring_about` whenever there is reason to look again; `title` says in the log what that is.

    What the network failed is begun again at once. What a server refuses is logged, once until it changes, and tried
    again later.
    """

    def __init__(
        self, client: aio.Client, title: str, bring_about: Callable[[], Awaitable[None]]
    ) -> None:
        self._client = client
        self._title = title
        self._bring_about = bring_about
        self._look_again = asyncio.Event()
        self._complaint = ""
        self.sessions: set[int] = set()  # in which a node of ours was asked for

    def look_again(self, _: WatchedEvent | None = None) -> None:
        """See to it soon; also to be given as a watch."""
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

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("%s: %s", self._title, complaint)

    @property
    def session_id(self) -> int:
        """The client's present session, 0 for none."""
        identity = self._client.client_id
        return identity[0] if identity else 0

    def note_session(self) -> None:
        """Remember that a node of ours may be of the present session."""
        self.sessions.add(self.session_id)
