"""What faults do to single requests."""

from dataclasses import dataclass
from math import inf

from zc.zk.errors import ArgumentError
from zc.zk.jute import INT
from zc.zk.server.effects import Effect, Victim

_HALF = 1 << 31  # of the numbers of 32 bits
TOO_LONG = 0x7FFF_FFFF
UNKNOWN_CODE = -12345
NOT_OURS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


class DropBefore(Effect):
    """The connection ends, and the request is not carried out."""

    name = "drop_before"
    usual_operation = "write"

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """End the connection."""
        victim.close()


class DropAfter(Effect):
    """The request is carried out, and the connection ends without a reply to it."""

    name = "drop_after"
    usual_operation = "write"

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request and end the connection."""
        victim.carry_out(frame, now, _nothing)
        victim.close()


class Mute(Effect):
    """The request is carried out and never answered; the connection stays."""

    name = "mute"

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request and drop its reply."""
        victim.carry_out(frame, now, _nothing)


@dataclass(frozen=True, slots=True)
class Delay(Effect):
    """The request is carried out so many seconds later, and what follows on its connection then."""

    name = "delay"
    holds = True
    usual_operation = "any"
    usual_times = None
    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < inf:
            raise ArgumentError(f"a delay must be a time in seconds, not {self.seconds}")

    def hold_until(self, now: float) -> float:
        """Return when the delay is over."""
        return now + self.seconds


class Stall(Effect):
    """Requests are held, and connections accepted, but nothing is answered; sessions may run out."""

    name = "stall"
    holds = True
    mutes = True
    usual_operation = "any"
    usual_times = None

    def hold_until(self, now: float) -> float:
        """Return that only the end of the fault ends it."""
        return inf


@dataclass(frozen=True, slots=True)
class WrongXid(Effect):
    """The reply bears another xid than the request, so much larger."""

    name = "wrong_xid"
    by: int = 1000

    def __post_init__(self) -> None:
        _check_int("by", self.by)

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request and alter the reply's header."""

        def alter(reply: bytes) -> bytes:
            (xid,) = INT.unpack_from(reply, INT.size)
            other = (xid + self.by + _HALF) % (2 * _HALF) - _HALF
            return reply[: INT.size] + INT.pack(other) + reply[2 * INT.size :]

        victim.carry_out(frame, now, alter)


class Truncate(Effect):
    """Half of the reply is sent, then the connection ends."""

    name = "truncate"

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request, and end within the reply."""
        victim.carry_out(frame, now, lambda reply: reply[: len(reply) // 2])
        victim.close()


@dataclass(frozen=True, slots=True)
class Garbage(Effect):
    """Bytes of another protocol are sent instead of the reply."""

    name = "garbage"
    data: bytes = NOT_OURS

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request and send something else."""
        victim.carry_out(frame, now, lambda _: self.data)


@dataclass(frozen=True, slots=True)
class Oversize(Effect):
    """The reply says that it is much longer than any may be."""

    name = "oversize"
    length: int = TOO_LONG

    def __post_init__(self) -> None:
        _check_int("length", self.length)

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Carry out the request and lie about the length."""
        victim.carry_out(frame, now, lambda reply: INT.pack(self.length) + reply[INT.size :])


@dataclass(frozen=True, slots=True)
class Error(Effect):
    """The request is answered with an error, known or not, and not carried out."""

    name = "error"
    code: int = UNKNOWN_CODE

    def __post_init__(self) -> None:
        _check_int("code", self.code)

    def strike(self, victim: Victim, frame: bytes, now: float) -> None:
        """Answer with the error."""
        victim.refuse(frame, self.code)


def _nothing(_: bytes) -> bytes:
    return b""


def _check_int(name: str, value: int) -> None:
    # Not `in range`, which counts through it for a member of an enum.
    if not -_HALF <= value < _HALF:
        raise ArgumentError(f"{name} must fit in 32 bits, not {value}")
