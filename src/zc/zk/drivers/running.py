"""What every driver has, for what is written once above all of them."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from zc.zk.codes import State
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.live import Live
from zc.zk.protocol.repetition import Line
from zc.zk.protocol.requests import Request
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase


class Post(Protocol):
    """Where users' code runs."""

    failures: int
    on_failure: Callable[[], None]

    @property
    def waiting(self) -> int:
        """How many keys have callbacks that wait for their turn."""

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs in one of the callbacks."""

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        """Have `call` made after all that was posted under `key` before."""

    def count_failure(self) -> None:
        """Count a callback that raised."""


class Take(Protocol):
    """Writes to the log."""

    def take(self, line: Line) -> None:
        """Have a line written soon; takes no time and waits for nothing."""


class Driver(Protocol):
    """Runs a session; its `lock` guards that, where there are threads."""

    session: Session
    is_forked: bool
    lock: AbstractContextManager[object]

    @property
    def callbacks(self) -> Post:
        """Where users' code runs."""

    @property
    def journal(self) -> "Take":
        """Where lines for the log go."""

    @property
    def new_turn(self) -> Callable[[], Any]:
        """Makes the locks under which callbacks take turns. Any: for there is no type that all of them share."""

    @property
    def peer(self) -> str:
        """The network address that we are connected to, empty without a connection."""

    def require_own_place(self) -> None:
        """Raise `ForkedClientError` in a child of our process, `UsageError` off the loop that this runs on."""

    def when_forked(self, call: Callable[[bool], object]) -> None:
        """Have a call made in each child of the process that made this, with whether this was running."""

    def start_at_first_use(self) -> None:
        """Look for a server when somebody asks for something."""

    def move(self, endpoints: Sequence[Endpoint]) -> None:
        """Take another list of servers, and go to one of them if need be."""

    def submit(self, request: Request) -> None:
        """Send a request."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after so many seconds, under the lock."""

    def drop(self, live: Live) -> None:
        """Let go of a live node some time soon; may be called anywhere."""


def is_trying(session: Session) -> bool:
    """Return whether an attempt to reach a server is still wanted."""
    return session.phase.is_attempt and session.fault is None


def servers_to_ask(session: Session) -> tuple[Endpoint, ...]:
    """Return the server that we are connected to; without one, all in the order of trying."""
    if session.server is not None and session.state is State.CONNECTED:
        return (session.server,)
    return session.ensemble.order


def hung_up(session: Session) -> str:
    """Return the reason for the end of a connection whose server gave none."""
    is_early = session.phase is Phase.GREETING
    return "the server hung up" + " without opening a session" * is_early
