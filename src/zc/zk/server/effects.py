"""What a fault does: the kinds of it stand in the modules for requests and for the whole server."""

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol

Alter = Callable[[bytes], bytes]


class Victim(Protocol):
    """A connection, as far as faults know it."""

    def close(self) -> None:
        """End the connection, once what was written to it is sent."""

    def carry_out(self, frame: bytes, now: float, alter: Alter | None = None) -> None:
        """Carry out a request; `alter` makes of the reply's frame what is sent."""

    def refuse(self, frame: bytes, code: int) -> None:
        """Answer a request with an error, instead of carrying it out."""

    def abandon(self) -> None:
        """Forget the connection without telling its peer."""


class Patient(Protocol):
    """The server, as far as faults know it."""

    def victims(self, session_id: int | None) -> Iterable[Victim]:
        """Return the connections, or only that of one session."""

    def let_go(self) -> None:
        """End the connections that were abandoned."""

    def expire_all(self, session_id: int | None, now: float) -> int:
        """End all sessions, or only one; return how many there were."""

    def restart(self, now: float, *, wipe: bool) -> None:
        """Be as after a restart."""

    def go_back(self, zxids: int) -> None:
        """Take smaller zxids than were given."""

    def refuse_connections(self, is_refusing: bool) -> None:
        """Let nobody connect, or everybody again."""

    def go_read_only(self, is_read_only: bool, now: float) -> None:
        """Take no writes, or take them again."""


class Effect:
    """What a fault does.

    One with `is_for_requests` befalls each that its conditions cover, by `strike`, or if it `holds`
    before that by being kept until `hold_until`. Any other befalls the server when the fault begins,
    and for as long as it is there if it `lasts`.
    """

    name: ClassVar[str]
    is_for_requests: ClassVar[bool] = True
    holds: ClassVar[bool] = False
    mutes: ClassVar[bool] = False  # what is to be sent is held as well
    lasts: ClassVar[bool] = False
    usual_operation: ClassVar[str] = "request"
    usual_times: ClassVar[int | None] = 1

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Befall the server; return how many connections or sessions it met, 1 for the whole."""
        return 0

    def end(self, server: Patient, now: float) -> None:
        """Leave the server."""

    def hold_until(self, now: float) -> float:
        """Return until when a request is held; infinite for as long as the fault is there."""
        return now

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Befall a request, given by its frame without the length."""
