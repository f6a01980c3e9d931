"""Elects one instance of an application as its leader."""

import contextlib
import os
from typing import Any

from zc.zk import aio
from zc.zk.asab.addresses import absolute
from zc.zk.asab.application import Service, ZooKeeperContainer
from zc.zk.asab.keeping import Keeper
from zc.zk.codes import State
from zc.zk.errors import (
    BadVersionError,
    NodeExistsError,
    NoNodeError,
)

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
        self._keeper = Keeper(self._client, f"election at {self._path}", self._look)
        self._client.add_listener(self._state_changed)
        zkcontainer.run_while_open(self._keeper.keep())

    def IsLeader(self) -> bool:  # noqa: N802 (asab's name)
        """Return whether this instance leads at the moment."""
        return self._leads is True and self._client.connected

    def StepDown(self) -> None:  # noqa: N802 (asab's name)
        """Follow from now on, and let another instance lead."""
        self._is_wanted = False
        self._stand(leads=False)
        self._keeper.look_again()

    def SetUp(self) -> None:  # noqa: N802 (asab's name)
        """Take part again after `StepDown`."""
        self._is_wanted = True
        self._keeper.look_again()

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
        self._keeper.look_again()

    # --- the node

    async def _look(self) -> None:
        try:
            data, stat = await self._client.get(self._path, self._keeper.look_again)
        except NoNodeError:
            await self._stand_for_election()
            return
        owner, current = stat.owner_session_id, self._keeper.session_id
        is_ours = owner is not None and owner == current
        if not is_ours and owner not in self._keeper.sessions:
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
            if await self._client.exists(self._path, self._keeper.look_again) is not None:
                self._keeper.look_again()
            return
        self._keeper.note_session()
        try:
            await self._client.create(self._path, _identity(), ephemeral=True, makepath=True)
        except NodeExistsError:
            pass  # somebody else was quicker
        finally:
            self._keeper.note_session()  # it may have waited for that one
        self._keeper.look_again()


def _identity() -> bytes:
    known = {name: os.environ.get(name.upper()) for name in _IDENTITY}
    return "".join(f"{name}: {value}\n" for name, value in known.items() if value).encode()
