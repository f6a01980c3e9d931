"""A session's SASL exchange with each server that it meets, before anything else is said there.

The steps of a mechanism may take long, so they are not taken here: whoever drives the session looks at `challenge`
after each call, has the mechanism answer it where that may block, and comes back with `answer`, `refuse` or `give_up`.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zc.zk.errors import AuthFailedError, ServerError, SessionClosedRequireSaslError
from zc.zk.operations import Sasl
from zc.zk.protocol.requests import Request, encode
from zc.zk.protocol.states import Phase

if TYPE_CHECKING:
    from zc.zk.protocol.session import Session

# A server that dies may hang up in the middle; so many in a row do it because they do not like us.
_MOST_HANG_UPS = 5
# The second comes from servers that require SASL, for any failure of it.
_REFUSALS = (AuthFailedError, SessionClosedRequireSaslError)


@dataclass(frozen=True, slots=True, eq=False)  # one like it on another connection is not it
class Challenge:
    """What the mechanism is to answer: empty at first, then the server's tokens, None for a null one."""

    token: bytes | None = field(repr=False)


class Authentication:
    """The exchange on the connection that there is; an answer to a challenge of an earlier one is ignored."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.challenge: Challenge | None = None
        self._step: _Step | None = None  # that the server has to answer
        self._was_answered = False
        self._hang_ups = 0

    def begin(self) -> None:
        """Begin on a new connection."""
        self._step = None
        self._was_answered = False
        self.challenge = Challenge(b"")

    def answer(self, challenge: Challenge, token: bytes | None) -> None:
        """Send the mechanism's token; None says that both sides are satisfied."""
        if not self._is_due(challenge):
            return
        self.challenge = None
        if token is None:
            self._hang_ups = 0
            self._session.authenticated()
        else:
            self._step = _Step(self, Sasl(token))
            if self._session.connection is not None:
                self._session.connection.send(self._step)

    def refuse(self, challenge: Challenge, reason: str) -> None:
        """Stop for good: the mechanism does not accept the server, or has nothing to show it."""
        if self._is_due(challenge):
            self._stop(reason)

    def give_up(self, challenge: Challenge, reason: str) -> None:
        """End this attempt: the mechanism could not go on for now."""
        if self._is_due(challenge):
            self.challenge = None
            self._session.fault = reason

    def _is_due(self, challenge: Challenge) -> bool:
        return challenge is self.challenge and self._session.phase is Phase.AUTHENTICATING

    def replied(self, token: bytes | None) -> None:
        """Take the server's token."""
        self._step = None
        if token is None and not self._was_answered:
            self._stop(
                "the server does not do SASL"
            )  # a mechanism's last word can be null, not its first
            return
        self._was_answered = True
        self.challenge = Challenge(token)

    def failed(self, error: Exception) -> None:
        """Take the server's refusal; what the network lost is for another attempt."""
        self._step = None
        if isinstance(error, _REFUSALS):
            self._stop("the server refused it")
        elif isinstance(error, ServerError):
            self._stop(str(error))

    def interrupted(self, *, hung_up: bool) -> None:
        """Note that the connection ended in the middle."""
        if self._step is not None:
            self._step.ended = True  # it belongs to this connection: the next one begins anew
            if hung_up:
                self._hang_ups += 1
        self._step = self.challenge = None
        if self._hang_ups >= _MOST_HANG_UPS:
            self._hang_ups = 0
            self._stop(f"servers hung up in the middle of it {_MOST_HANG_UPS} times in a row")

    def _stop(self, reason: str) -> None:
        self.challenge = None
        if self._session.phase is Phase.AUTHENTICATING:
            self._session.stop_refused(f"sasl {self._session.settings.mechanism}", reason)


class _Step(Request):
    """A token of ours on its way."""

    __slots__ = ("_authentication",)

    def __init__(self, authentication: Authentication, operation: Sasl) -> None:
        super().__init__(operation, encode(operation, ""))
        self._authentication = authentication

    def resolve(self, answer: bytes | None) -> None:
        self.ended = True
        self._authentication.replied(answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._authentication.failed(error)
