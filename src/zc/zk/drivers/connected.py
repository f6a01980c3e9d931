"""Whether a client is connected, to be waited for as for a `threading.Event`."""

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from zc.zk.codes import State
from zc.zk.drivers.nesting import Bells
from zc.zk.protocol.session import Session


class Ring(Protocol):
    """Has those who wait look again."""

    def ring(self) -> None:
        """Have all who wait look again."""


B = TypeVar("B", bound=Ring)


class Light(Generic[B]):
    """Is set while a server answers; what sets it and clears it is the session. Those who wait are told by bells."""

    def __init__(self, session: Session, bells: B) -> None:
        self._session = session
        self._changed = bells

    def is_set(self) -> bool:
        """Return whether a server answers at the moment."""
        return self._session.state is State.CONNECTED

    def look(self) -> None:
        """Have those who wait look at the session."""
        self._changed.ring()

    def _is_settled(self) -> bool:
        """Return whether there is nothing to wait for: it is set, or cannot be set any more."""
        return self.is_set() or self._session.keeper_state.is_final


class Connected(Light[Bells]):
    """Is set while a server answers, for threads."""

    def __init__(self, session: Session, new_lock: Callable[[], Any] = threading.Lock) -> None:
        super().__init__(session, Bells(new_lock))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or so many seconds; return whether it is.

        Returns at once where it cannot be set any more, because the client was stopped or no server takes it.
        """
        self._changed.wait_for(self._is_settled, timeout)
        return self.is_set()
