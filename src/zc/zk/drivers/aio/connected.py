"""Whether a client is connected, to be awaited as an `asyncio.Event` is."""

from collections.abc import Callable

from zc.zk.drivers.aio.future import LoopBells
from zc.zk.drivers.connected import Light
from zc.zk.protocol.session import Session


class LoopConnected(Light[LoopBells]):
    """Is set while a server answers, for tasks."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, LoopBells())
        self.require_own_place: Callable[[], None] = lambda: None  # the driver's

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or so many seconds; return whether it is.

        Returns at once where it cannot be set any more, because the client was stopped or no server takes it. Raises
        `UsageError` on another loop than the client's.
        """
        self.require_own_place()
        await self._changed.wait_for(self._is_settled, timeout)
        return self.is_set()
