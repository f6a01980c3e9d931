"""A network that delays, cuts, and loses its way, as chance and those who plan faults say.

Of one connection everything arrives in order, or it ends; different connections overtake each other.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tests.simulation.chance import Chance
from tests.simulation.clock import Alarm, Clock
from tests.simulation.story import Story
from zc.zk.codes import Xid
from zc.zk.protocol.ensemble import Endpoint

_HEAD = struct.Struct(">ii")  # length, and what is the xid in all frames but the greeting
_CALM = (0.0002, 0.003)  # seconds from one end to the other
_MOST_PIECES = 6


class Tampering(StrEnum):
    """What can happen at a certain frame."""

    CUT_BEFORE = "cut before a frame"
    CUT_AFTER = "cut after a frame"
    REPEAT = "reply repeated"
    SWALLOW = "reply swallowed"
    SWAP = "replies swapped"
    FORGE = "reply with a wrong xid"


CUTS = (Tampering.CUT_BEFORE, Tampering.CUT_AFTER)


@dataclass(slots=True, eq=False)
class Door:
    """One way to the server, under a name of its own."""

    endpoint: Endpoint
    delay: tuple[float, float] = _CALM
    is_refusing: bool = False
    is_deaf: bool = False  # nothing gets to the server
    is_mute: bool = False  # nothing comes back
    drips: bool = False
    doubles: bool = False  # attempts arrive twice
    loses_ends: bool = False  # the server is not told when a client hangs up

    def heal(self) -> None:
        """End all that is wrong."""
        self.delay = _CALM
        self.is_refusing = self.is_deaf = self.is_mute = False
        self.drips = self.doubles = self.loses_ends = False


class ClientEnd(Protocol):
    """Who is at a client's end of a connection."""

    def arrived(self, line: "Line", data: bytes) -> None:
        """Take bytes."""

    def ended(self, line: "Line", reason: str) -> None:
        """Note that the connection ended."""


class ServerEnd(Protocol):
    """The server, as the network knows it."""

    @property
    def is_listening(self) -> bool:
        """Whether there is a process that has the port."""

    def accept(self, line: "Line") -> None:
        """Take a connection."""

    def take(self, line: "Line", data: bytes) -> None:
        """Take bytes."""

    def lose(self, line: "Line") -> None:
        """Note that a connection ended."""


@dataclass(slots=True)
class _Item:
    at: float
    data: bytes
    is_end: bool = False
    is_cut: bool = False  # what is behind it is lost


@dataclass(slots=True)
class Plan:
    """What shall happen at the frame after so many others."""

    tampering: Tampering
    frames: int
    held: bytes = b""


class Pipe:
    """One direction of a connection."""

    def __init__(self, line: "Line", *, is_up: bool) -> None:
        self.plan: Plan | None = None
        self._line = line
        self._is_up = is_up
        self._queue: deque[_Item] = deque()
        self._last_at = 0.0
        self._alarm: Alarm | None = None
        self._is_closed = False

    @property
    def is_blocked(self) -> bool:
        """Whether nothing comes through for now."""
        door = self._line.door
        return door.is_deaf if self._is_up else door.is_mute

    def send(self, data: bytes) -> None:
        """Let whole frames travel."""
        if self._is_closed:
            return
        if self.plan is None:
            self._line.take_greeting(self)
            self._push(data)
            return
        for frame in frames(data):
            self._send_tampered(frame)

    def _send_tampered(self, frame: bytes) -> None:
        plan = self.plan
        if plan is None:
            self._push(frame)
            return
        plan.frames -= 1
        is_reply = not self._line.take_greeting(self) and _HEAD.unpack_from(frame)[1] > 0
        if plan.frames >= 0 or (plan.tampering not in CUTS and not is_reply):
            self._push(frame)
            return
        if plan.tampering is Tampering.SWAP and not plan.held:
            self._line.is_spoiled = True
            plan.held = frame
            return
        self.plan = None
        line = self._line
        line.network.story.fault(plan.tampering, line.name, "up" if self._is_up else "down")
        line.is_spoiled = line.is_spoiled or plan.tampering not in CUTS
        match plan.tampering:
            case Tampering.CUT_AFTER:
                self._push(frame, is_cut=True)
            case Tampering.CUT_BEFORE:
                self._push(b"", is_cut=True)
            case Tampering.REPEAT:
                self._push(frame + frame)
            case Tampering.SWAP:
                self._push(frame + plan.held)
            case Tampering.FORGE:
                self._push(frame[:7] + bytes([frame[7] ^ 0x15]) + frame[8:])
            case Tampering.SWALLOW:
                return

    def _push(self, data: bytes, *, is_end: bool = False, is_cut: bool = False) -> None:
        chance, door = self._line.chance, self._line.door
        pieces = [data]
        if door.drips and len(data) > 1:
            pieces = _torn(data, chance)
        for piece in pieces[:-1]:
            self._append(_Item(self._arrival(slow=True), piece))
        self._append(_Item(self._arrival(slow=len(pieces) > 1), pieces[-1], is_end, is_cut))

    def _arrival(self, *, slow: bool) -> float:
        line = self._line
        delay = line.chance.between(*line.door.delay)
        if slow:
            delay += line.chance.between(0.01, 0.4)
            return max(self._last_at, line.network.clock.now) + delay
        return max(self._last_at, line.network.clock.now + delay)

    def _append(self, item: _Item) -> None:
        self._last_at = item.at
        self._queue.append(item)
        if len(self._queue) == 1:
            self._wait()

    def _wait(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._line.network.clock.at(self._queue[0].at, self.flow)

    def flow(self) -> None:
        """Deliver what is due, unless the way is blocked."""
        if self.is_blocked:
            return
        now = self._line.network.clock.now
        while self._queue and self._queue[0].at <= now:
            item = self._queue.popleft()
            self._line.deliver(item.data, is_up=self._is_up)
            if item.is_cut:
                self._queue.clear()
                self._is_closed = False  # whatever was to come behind, even an end
                self._line.cut("the network was cut")
            elif item.is_end:
                self._line.deliver_end(is_up=self._is_up)
        if self._queue:
            self._wait()

    def hasten(self) -> None:
        """Deliver all that was to come late now."""
        now = self._line.network.clock.now
        self._last_at = min(self._last_at, now + _CALM[1])
        for item in self._queue:
            item.at = min(item.at, self._last_at)
        if self._queue:
            self._wait()

    def end(self, *, keeps: bool = True) -> None:
        """Let nothing more in; what is under way still arrives, or not."""
        if not self._is_closed:
            if not keeps:
                self._queue.clear()
            self._is_closed = True
            self._push(b"", is_end=True)

    def vanish(self) -> None:
        """Lose everything, without a sign."""
        self._queue.clear()
        self._is_closed = True


class Line:
    """One connection. At its client's end is whoever asked for it, until that one hangs up."""

    def __init__(self, network: "Network", name: str, door: Door, client: ClientEnd) -> None:
        self.network = network
        self.name = name
        self.door = door
        self.chance = network.chance.child()
        self.is_spoiled = False  # with something that only a new connection mends
        self.sent_at: list[float] = []  # of the client's frames
        self.first_frame = b""
        self.replies = 0  # that arrived
        self.replied_at = network.clock.now
        self._client: ClientEnd | None = client
        self._is_served = True
        self._was_greeted = False
        self._incomplete = b""
        self.up = Pipe(self, is_up=True)
        self.down = Pipe(self, is_up=False)

    # The client's end

    def send(self, data: bytes) -> None:
        """Write what a client says."""
        now = self.network.clock.now
        for frame in frames(data):
            self.first_frame = self.first_frame or frame
            self.sent_at.append(now)
        self.up.send(data)

    def hang_up(self) -> None:
        """Close the client's end."""
        if self._client is not None:
            self._client = None
            self.down.vanish()
            if self.door.loses_ends:
                self.network.story.fault("end lost", self.name)
                self.up.vanish()
            else:
                self.up.end(keeps=self.chance.happens(0.5))
            self._forget_when_idle()

    # The server's end

    def reply(self, data: bytes) -> None:
        """Write what the server says."""
        if data:
            self.down.send(data)

    def close(self) -> None:
        """Close the server's end."""
        if self._is_served:
            self._is_served = False
            self.up.vanish()
            self.down.end()
            self._forget_when_idle()

    def _forget_when_idle(self) -> None:
        if self._client is None and not self._is_served:
            self.network.lines.pop(self, None)

    # What happens to both

    def cut(self, reason: str) -> None:
        """End the connection, for both; some of what is under way may still arrive."""
        self.network.story.tell(self.name, reason)
        self.up.end(keeps=self.chance.happens(0.5))
        self.down.end(keeps=self.chance.happens(0.5))

    def vanish(self) -> None:
        """End the connection without a sign for anybody."""
        self.is_spoiled = True
        self.up.vanish()
        self.down.vanish()

    def break_off(self) -> None:
        """Tell those who are still there that the connection is no more."""
        self.deliver_end(is_up=True)
        self.deliver_end(is_up=False)

    def deliver(self, data: bytes, *, is_up: bool) -> None:
        """Hand bytes to the end that they are for."""
        if is_up:
            if self._is_served and data:
                self.network.server.take(self, data)
        elif self._client is not None and data:
            self._count_replies(data)
            self._client.arrived(self, data)

    def deliver_end(self, *, is_up: bool) -> None:
        """Tell one end that the other one is gone."""
        if is_up and self._is_served:
            self._is_served = False
            self.down.end()
            self.network.server.lose(self)
        elif not is_up and self._client is not None:
            client, self._client = self._client, None
            self.up.end()
            client.ended(self, "the connection was reset")
        self._forget_when_idle()

    def _count_replies(self, data: bytes) -> None:
        # The greeting counts as one; events do not.
        data = self._incomplete + data
        begin = 0
        while begin + 4 <= len(data):
            (length,) = struct.unpack_from(">i", data, begin)
            end = begin + 4 + length
            if end > len(data):
                break
            if not self.replies or _HEAD.unpack_from(data, begin)[1] != Xid.EVENT:
                self.replies += 1
                self.replied_at = self.network.clock.now
            begin = end
        self._incomplete = data[begin:]

    def take_greeting(self, pipe: Pipe) -> bool:
        """Say whether a frame is the first that the server sends, which it then was."""
        if pipe is self.up:
            return False
        is_first, self._was_greeted = not self._was_greeted, True
        return is_first


@dataclass(slots=True, eq=False)
class Network:
    """All connections, and the ways that they can take."""

    clock: Clock
    chance: Chance
    story: Story
    server: ServerEnd
    doors: dict[Endpoint, Door] = field(default_factory=dict)
    lines: dict[Line, None] = field(default_factory=dict)
    ambushes: int = 0  # new connections that something happens to
    _number: int = 0

    def dial(
        self,
        name: str,
        endpoint: Endpoint,
        client: ClientEnd,
        reached: Callable[[Line], None],
        refused: Callable[[str], None],
    ) -> None:
        """Begin an attempt, which may have no outcome at all."""
        door = self.doors[endpoint]
        if door.is_deaf or door.is_mute:
            self.story.count("attempt into a black hole")
            return

        def arrive() -> None:
            if door.is_refusing or not self.server.is_listening:
                self.story.count("attempt refused")
                self.clock.after(self.chance.between(*door.delay), lambda: refused("refused"))
            else:
                self._accept(f"{name}-{self._number}", door, client, reached)

        self._number += 1
        self.clock.after(self.chance.between(*door.delay), arrive)

    def _accept(
        self, name: str, door: Door, client: ClientEnd, reached: Callable[[Line], None]
    ) -> None:
        line = Line(self, name, door, client)
        self.lines[line] = None
        self.server.accept(line)
        if door.doubles:
            self._double(line)
        if self.ambushes:
            self.ambushes -= 1
            self.tamper(line, self.chance.number(0, 6))
        self.clock.after(self.chance.between(*door.delay), lambda: reached(line))

    def _double(self, line: Line) -> None:
        # The same greeting arrives a second time, on a connection whose other end nobody has.
        self.story.fault("attempt doubled", line.name)
        double = Line(self, f"{line.name}'", line.door, _Nobody())
        self.lines[double] = None
        self.server.accept(double)
        delay = self.chance.between(0.0, 0.2)

        def repeat() -> None:
            if line.first_frame:
                double.up.send(line.first_frame)

        self.clock.after(delay, repeat)

    def tamper(self, line: Line, frame: int) -> None:
        """Plan for something to happen to a connection, at one of its next frames."""
        if self.chance.happens(0.3):
            line.up.plan = Plan(self.chance.one_of(CUTS), frame)
        else:
            tampering = self.chance.weighted(
                (
                    (4, Tampering.CUT_BEFORE),
                    (4, Tampering.CUT_AFTER),
                    (1, Tampering.REPEAT),
                    (1, Tampering.SWALLOW),
                    (1, Tampering.SWAP),
                    (1, Tampering.FORGE),
                )
            )
            line.down.plan = Plan(tampering, frame)

    def flow(self) -> None:
        """Let go on what was held up."""
        for line in list(self.lines):
            line.up.flow()
            line.down.flow()

    def heal(self) -> None:
        """End all faults."""
        self.ambushes = 0
        for door in self.doors.values():
            door.heal()
        for line in list(self.lines):
            line.up.plan = line.down.plan = None
            if line.is_spoiled:
                line.break_off()
            line.up.hasten()
            line.down.hasten()


class _Nobody:
    def arrived(self, line: Line, data: bytes) -> None:
        return

    def ended(self, line: Line, reason: str) -> None:
        return


def frames(data: bytes) -> Iterator[bytes]:
    """Give the frames of which `data` is made."""
    begin = 0
    while begin < len(data):
        (length,) = struct.unpack_from(">i", data, begin)
        end = begin + 4 + length
        yield data[begin:end]
        begin = end


def _torn(data: bytes, chance: Chance) -> list[bytes]:
    count = min(len(data), chance.number(2, _MOST_PIECES))
    borders = sorted({chance.number(1, len(data) - 1) for _ in range(count - 1)})
    return [
        data[begin:end] for begin, end in zip([0, *borders], [*borders, len(data)], strict=True)
    ]
