"""Tells why a client is connected no more, or not yet."""

from collections.abc import Callable
from functools import partial

from zc.zk.asking import D
from zc.zk.errors import ZooKeeperError
from zc.zk.faces import Face
from zc.zk.protocol.states import StateChange


class Explaining(Face[D]):
    """A client of either kind that tells its states with the reasons."""

    _told: Callable[[StateChange], object] | None = None

    def explain_to(self, hear: Callable[[StateChange], object]) -> None:
        """Have one function called as a listener is, with changes of the state; that opens no session."""
        self._told = hear

    def why_not_started(self, seconds: float) -> ZooKeeperError:
        """Return what `start` would raise after so many seconds without a connection."""
        return self._start_error() or self._failed_connect(seconds)

    def _state_changed(self, change: StateChange) -> None:
        super()._state_changed(change)
        if self._told is not None:
            self.driver.callbacks.post(self._told, partial(self._told, change))
