"""Where a session stands, and the values that describe it.

What may follow what:

    STOPPED  -> WAITING        open
    WAITING  -> DIALLING       the pause is over
    DIALLING -> GREETING       a server was reached, the session was asked for
    GREETING -> AUTHENTICATING the server accepted, and a SASL exchange comes before anything else
    GREETING, AUTHENTICATING -> REARMING
                               identities and watches go out, then all that waited
    GREETING, AUTHENTICATING -> PROBING
                               the same, where watches stand: what the server knows of them is asked first
    PROBING  -> REARMING       it has answered
    REARMING -> OPEN           the server has them all: only now are listeners told CONNECTED
    any of these -> WAITING    the connection was lost
    REARMING, OPEN -> PROBING  a first watch is to stand; and back
    OPEN     -> LEAVING        another server is to be found: what is in flight is answered first
    AUTHENTICATING, PROBING, REARMING, OPEN, LEAVING -> CLOSING
                               close, which waits for what is in flight
    WAITING, DIALLING, GREETING -> PARTING
                               close, where a session lives whose connection is lost
    PARTING  -> CLOSING        a server accepted, and is told
    any -> STOPPED             finish
"""

from dataclasses import dataclass
from enum import Enum, auto

from zc.zk.codes import State

NO_PASSWORD = bytes(16)


class Phase(Enum):
    """Where the session stands with its connection."""

    STOPPED = auto()
    WAITING = auto()
    DIALLING = auto()
    GREETING = auto()
    AUTHENTICATING = auto()
    PROBING = auto()
    REARMING = auto()
    OPEN = auto()
    LEAVING = auto()
    PARTING = auto()
    CLOSING = auto()

    @property
    def takes_requests(self) -> bool:
        """Whether a request can go out at once, behind what re-arms the connection."""
        return self in (Phase.REARMING, Phase.OPEN)

    @property
    def is_served(self) -> bool:
        """Whether a server has accepted the session, and was not told that it ends."""
        return self in (Phase.PROBING, Phase.REARMING, Phase.OPEN, Phase.LEAVING)

    @property
    def is_attempt(self) -> bool:
        """Whether a server still has to prove itself, within the connect time-out."""
        return self in (Phase.DIALLING, Phase.GREETING, Phase.AUTHENTICATING, Phase.PARTING)

    @property
    def is_ending(self) -> bool:
        """Whether nothing more can be asked."""
        return self in (Phase.STOPPED, Phase.PARTING, Phase.CLOSING)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a session goes by: seconds, and for `longest_frame` bytes.

    `read_only` says that a server which is cut off from its ensemble will do for reading, until there is a better one.
    `mechanism` names the SASL mechanism that each connection begins with; empty for none.
    """

    timeout: float = 10.0
    connect_timeout: float = 3.0
    longest_frame: int = 16 * 1024 * 1024
    read_only: bool = False
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class StateChange:
    """What listeners are told: the new state, and why.

    `is_assumed` marks a LOST that our own clock says, before a server could confirm it.
    """

    state: State
    reason: str
    session_id: int
    is_assumed: bool = False


@dataclass(slots=True)
class Identity:
    """Which session we are: what `ephemeralOwner` is compared with. The time-out is the negotiated one, in seconds.

    One that `is_read_only` was opened by a read-only server, which alone knows it: other servers open another.
    """

    session_id: int = 0
    password: bytes = NO_PASSWORD
    timeout: float = 0.0
    is_read_only: bool = False

    def __repr__(self) -> str:  # the password allows to take the session over: it is never shown
        return f"Identity({self.session_id:#x})"
