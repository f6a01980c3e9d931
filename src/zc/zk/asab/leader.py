"""Elects one instance of an application as its leader."""

import asyncio
import contextlib
import os
from typing import Any

from zc.zk import aio
from zc.zk.asab.addresses import absolute
from zc.zk.asab.application import Service, ZooKeeperContainer
from zc.zk.asab.calls import log
from zc.zk.codes import State
from zc.zk.errors import (
    BadVersionError,
    ConnectionClosedError,
    NetworkError,
    NodeExistsError,
    NoNodeError,
    ZooKeeperError,
)
from zc.zk.records import WatchedEvent

_PAUSE = 2.0  # seconds after a refusal, such as of an ACL: nothing tells us when it ends
_IDENTITY = ("instance_id", "service_id", "node_id")  # and upper-case in the environment


class LeaderService(Service):  # type: ignore[misc]  # asab has no types
    """Takes part in an election: whoever holds the ephemeral node `<Path>/election/<scope>` leads.

    The application hears `LeaderService.state/LEADER!` and `LeaderService.state/FOLLOWER!`, with the scope as argument.
    Whoever loses the connection follows at once, before anybody else can lead. `LeaderInfo` is what the leader says of
    itself: its `INSTANCE_ID`, `SERVICE_ID` and `NODE_ID`, where its environment has them.
    """

    def __init__(
        self,
        app: Any,  # Any: asab's
        zkcontainer: ZooKeeperContainer,
        scope: str,
        service_name: str | None = None,
    ) -> None:
        super().__init__(app, service_name or f"asab.LeaderService.{scope}")
        self.ZkContainer = zkcontainer
        self.Scope = scope
        self.LeaderInfo: bytes | None = None
        self._client: aio.Client = zkcontainer.ZooKeeper.AioClient
        self._path = absolute(f"{zkcontainer.Path}/election/{scope}")
        self._is_wanted = True
        self._leads: bool | None = None  # None: neither was told
        self._look_again = asyncio.Event()
        self._sessions: set[int] = set()  # in which our node was asked for
        self._complaint = ""
        self._client.add_listener(self._state_changed)
        zkcontainer.run_while_open(self._keep())

    def IsLeader(self) -> bool:  # noqa: N802 (asab's name)
        """Return whether this instance leads at the moment."""
        return self._leads is True and self._client.connected

    def StepDown(self) -> None:  # noqa: N802 (asab's name)
        """Follow from now on, and let another instance lead."""
        self._is_wanted = False
        self._stand(leads=False)
        self._look_again.set()

    def SetUp(self) -> None:  # noqa: N802 (asab's name)
        """Take part again after `StepDown`."""
        self._is_wanted = True
        self._look_again.set()

    # --- how we stand

    def _stand(self, *, leads: bool) -> None:
        """Take note of how we stand, and then tell it."""
        if leads is not self._leads:
            self._leads = leads
            state = "LEADER" if leads else "FOLLOWER"
            self.App.PubSub.publish(f"LeaderService.state/{state}!", self.Scope)

    def _state_changed(self, state: State) -> None:
        if state is not State.CONNECTED and self._leads is True:
            self._stand(leads=False)
        self._look_again.set()

    def _changed(self, _: WatchedEvent) -> None:
        self._look_again.set()

    # --- the node

    async def _keep(self) -> None:
        while True:
            self._look_again.clear()
            try:
                await self._look()
            except ConnectionClosedError:
                return
            except NetworkError:
                await asyncio.sleep(0)  # what came of it is seen by looking again
                continue
            except ZooKeeperError as error:
                self._complain(str(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._look_again.wait(), _PAUSE)
                continue
            self._complaint = ""
            await self._look_again.wait()

    async def _look(self) -> None:
        try:
            data, stat = await self._client.get(self._path, self._changed)
        except NoNodeError:
            await self._stand_for_election()
            return
        owner, current = stat.owner_session_id, self._session_id
        is_ours = owner is not None and owner == current
        if not is_ours and owner not in self._sessions:
            self.LeaderInfo = data
            self._stand(leads=False)
        elif is_ours and self._is_wanted:
            self.LeaderInfo = data
            self._stand(leads=self._client.connected)
        else:  # we stepped down, or it is of a session that was given up
            with contextlib.suppress(NoNodeError, BadVersionError):
                await self._client.delete(self._path, stat.version)

    async def _stand_for_election(self) -> None:
        if not self._is_wanted:
            self.LeaderInfo = None
            # Told when there is another leader; until then there is nothing to see but the node's coming back.
            if await self._client.exists(self._path, self._changed) is not None:
                self._look_again.set()
            return
        self._sessions.add(self._session_id)
        try:
            await self._client.create(self._path, _identity(), ephemeral=True, makepath=True)
        except NodeExistsError:
            pass  # somebody else was quicker
        finally:
            self._sessions.add(self._session_id)  # it may have waited for that one
        self._look_again.set()

    @property
    def _session_id(self) -> int:
        identity = self._client.client_id
        return identity[0] if identity else 0

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("election at %s: %s", self._path, complaint)


def _identity() -> bytes:
    known = {name: os.environ.get(name.upper()) for name in _IDENTITY}
    return "".join(f"{name}: {value}\n" for name, value in known.items() if value).encode()
