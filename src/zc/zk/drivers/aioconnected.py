"""Whether a client is connected, to be awaited as an `asyncio.Event` is."""

from zc.zk.codes import State
from zc.zk.drivers.aiofuture import LoopBells
from zc.zk.protocol.session import Session


class LoopConnected:
    """Is set while a server answers; what sets it and clears it is the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._changed = LoopBells()

    def is_set(self) -> bool:
        """Return whether a server answers at the moment."""
        return self._session.state is State.CONNECTED

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or so many seconds; return whether it is.

        Returns at once where it cannot be set any more, because the client was stopped or no server takes it.
        """
        await self._changed.wait_for(self._is_settled, timeout)
        return self.is_set()

    def look(self) -> None:
        """Have those who wait look at the session."""
        self._changed.ring()

    def _is_settled(self) -> bool:
        return self.is_set() or self._session.keeper_state.is_final
