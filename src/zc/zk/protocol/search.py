"""When to look for a read-write server, while a read-only one serves."""

from zc.zk.protocol.requests import NEVER

_FIRST_PAUSE = 0.1  # seconds, as the reference client
_LONGEST_PAUSE = 2.0  # seconds: with it, a server that is back is found as soon as after an outage


class Search:
    """One look after the other, with pauses that grow; `at` is when the next one is due."""

    def __init__(self) -> None:
        self.at = NEVER
        self._pause = _FIRST_PAUSE

    def begin(self, now: float) -> None:
        """Look from now on."""
        self._pause = _FIRST_PAUSE
        self.at = now + self._pause

    def end(self) -> None:
        """Look no more."""
        self.at = NEVER

    def is_due(self, now: float) -> bool:
        """Return whether to look now; then the next time is set when it was in vain."""
        if now < self.at:
            return False
        self.at = NEVER
        return True

    def was_in_vain(self, now: float) -> None:
        """Note that the server which was looked at is no better."""
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self.at = now + self._pause
