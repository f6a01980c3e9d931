"""The end of a session whose connection is lost: servers are tried once more, for its ephemeral nodes to go at once."""

from typing import TYPE_CHECKING

from zc.zk.operations import CloseSession
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.requests import NEVER, Request
from zc.zk.protocol.states import Phase
from zc.zk.records import ConnectResponse

if TYPE_CHECKING:
    from zc.zk.protocol.session import Session

CLOSED = "closed by the caller"
PAUSE = 0.1  # seconds before the next attempt: short, and not nothing for one that refuses beside one that is silent
_PATIENCE = (
    0.5  # seconds that each server gets to answer; how long all may take is the driver's to say
)


class Parting:
    """The last attempts of a session, in `Phase.PARTING`."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._left: list[Endpoint] = []
        self._goes_on = False

    def begin(self) -> None:
        """Go on with the server that was asked already, or begin with the first."""
        session = self._session
        if session.phase is Phase.AUTHENTICATING:
            self.say_farewell()
            return
        self._left = list(session.ensemble.order)
        self._goes_on = session.phase is Phase.DIALLING
        if self._goes_on:
            session.fault = CLOSED  # there are pauses in that attempt: another one is made
        elif session.phase is Phase.GREETING and session.server is not None:
            self.ask(session.server)
        session.enter(Phase.PARTING)

    def dial(self) -> tuple[Endpoint, ...]:
        """Return the servers to try."""
        self._goes_on = False
        self._session.fault = None
        self._session.attempt_until = NEVER
        return tuple(self._left)

    def ask(self, server: Endpoint) -> None:
        """Give a server, which was reached, its time."""
        self.failed(server)
        self._session.fault = None
        self._session.attempt_until = self._session.now + _PATIENCE

    def failed(self, server: Endpoint) -> None:
        """Do not try a server again."""
        self._left = [each for each in self._left if each != server]
        self._goes_on = bool(self._left)

    def greeted(self, response: ConnectResponse) -> None:
        """End the session where it lives, and try no other server where it does not."""
        if response.timeout > 0:
            self.say_farewell()
        else:
            self._goes_on = False
            self._session.fault = "the session expired"

    def say_farewell(self) -> None:
        """Tell the server that the session ends."""
        if self._session.connection is not None:
            self._session.connection.send(_Farewell(self._session))
            self._session.enter(Phase.CLOSING)

    @property
    def goes_on(self) -> bool:
        """Whether there is another server to try when this attempt has failed."""
        return self._goes_on


class _Farewell(Request):
    __slots__ = ("_session",)

    def __init__(self, session: "Session") -> None:
        super().__init__(CloseSession(), b"")
        self._session = session

    def resolve(self, answer: object) -> None:
        self.ended = True
        self._session.fault = CLOSED
