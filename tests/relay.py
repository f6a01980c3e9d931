"""Carry one connection through a proxy, frame by frame, under the faults that reign."""

import fcntl
import selectors
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.frames import Conversation, Direction, Frame, FrameLog, Selector
from tests.waiting import PAUSE_BETWEEN_LOOKS

READ_SIZE = 65536
SIOCOUTQNSD = 0x894B  # linux/sockios.h
# What waits for one socket; beyond it the other side is made to wait, as TCP does.
ROOM_TO_SEND = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """Stands among the bytes to send, where the connection is to end by FIN or RST."""

    rst: bool


Item = bytes | Ending


@dataclass(frozen=True, slots=True)
class Faults:
    """What the network does to every connection now."""

    swallowed: frozenset[Direction] = frozenset()
    held: frozenset[Direction] = frozenset()
    delay: float = 0.0
    one_byte_writes: bool = False
    drip: float = 0.0  # to the client only


class Rule:
    """What to send in place of each frame chosen; `fired` counts those."""

    def __init__(
        self, selector: Selector, replace: Callable[[Frame], Sequence[Item]], times: int | None
    ) -> None:
        self.fired = 0
        self.replace = replace
        self._selector = selector
        self._times = times

    def chooses(self, frame: Frame) -> bool:
        """Decide, and count; False once the rule has fired as often as it may."""
        if self.fired == self._times or not self._selector(frame):
            return False
        self.fired += 1
        return True


class Network:
    """What all connections of one proxy share; touched by the proxy's thread only."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.rules: list[Rule] = []
        self.log = FrameLog()

    def items_for(self, frame: Frame) -> Sequence[Item]:
        """Give what to send for a frame, by the first rule that chooses it."""
        for rule in self.rules:
            if rule.chooses(frame):
                return rule.replace(frame)
        return (frame.wire_bytes,)


class Way:
    """One direction of a connection; a socket that is None is a side that does not exist."""

    def __init__(self, source: socket.socket | None, sink: socket.socket | None) -> None:
        self.source = source
        self.sink = sink
        self._waiting: deque[tuple[float, memoryview | Ending]] = deque()
        self._size = 0
        self._is_ending = False
        self._not_before = 0.0

    def has_room(self) -> bool:
        return self._size < ROOM_TO_SEND

    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def put(self, items: Sequence[Item], due: float) -> None:
        """Queue items to be sent at `due`; nothing follows an ending, or goes where no sink is."""
        for item in items:
            if self._is_ending or self.sink is None:
                return
            if isinstance(item, Ending):
                self._is_ending = True
                self._waiting.append((due, item))
            elif item:
                self._size += len(item)
                self._waiting.append((due, memoryview(item)))

    def clear(self) -> None:
        self._waiting.clear()
        self._size = 0

    def hurry(self) -> None:
        """Make all that waits due at once."""
        self._waiting = deque((0.0, item) for _, item in self._waiting)
        self._not_before = 0.0

    def due_at(self) -> float | None:
        """Give when there is something to send: None for never."""
        return max(self._waiting[0][0], self._not_before) if self._waiting else None

    def flush(self, now: float, faults: Faults, drip: float) -> Ending | None:
        """Send what is due and what the socket takes; give the ending that is reached, if one is.

        Raises OSError where the socket is broken.
        """
        while (due := self.due_at()) is not None and due <= now:
            item = self._waiting[0][1]
            assert self.sink is not None
            if isinstance(item, Ending):
                if item.rst and _unsent(self.sink):  # an RST destroys it, and it was promised
                    self._not_before = now + PAUSE_BETWEEN_LOOKS
                    return None
                return item
            step = 1 if drip or faults.one_byte_writes else len(item)
            try:
                sent = self.sink.send(item[:step])
            except BlockingIOError:
                return None
            self._advance(item, sent)
            if drip:
                self._not_before = now + drip
            if step == 1:
                return None  # every other socket has its turn between two bytes
        return None

    def _advance(self, item: memoryview, sent: int) -> None:
        self._size -= sent
        due, _ = self._waiting.popleft()
        if sent < len(item):
            self._waiting.appendleft((due, item[sent:]))


class Link:
    """A client's connection and the one to the server that answers it."""

    def __init__(
        self, number: int, client: socket.socket, server: socket.socket | None, network: Network
    ) -> None:
        self.client = client
        self.server = server
        self.ending: Ending | None = None
        self._network = network
        self._conversation = Conversation(number)
        self._ways: dict[Direction, Way] = {
            "to_server": Way(client, server),
            "to_client": Way(server, client),
        }
        self._has_lost_bytes = server is None

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets of both sides, as far as they exist."""
        return [sock for sock in (self.client, self.server) if sock is not None]

    # Called by the loop

    def interest(self, sock: socket.socket, now: float) -> int:
        """Give what to wait for on one of our sockets, as a mask for a selector."""
        mask = 0
        for direction, way in self._ways.items():
            is_held = direction in self._network.faults.held
            if way.source is sock and way.has_room() and not is_held:
                mask |= selectors.EVENT_READ
            due = way.due_at()
            if way.sink is sock and due is not None and due <= now and not is_held:
                mask |= selectors.EVENT_WRITE
        return mask

    def next_due(self, now: float) -> float | None:
        """Give the first moment after `now` at which something becomes due."""
        held = self._network.faults.held
        dues = [way.due_at() for direction, way in self._ways.items() if direction not in held]
        return min((due for due in dues if due is not None and due > now), default=None)

    def read(self, sock: socket.socket, now: float) -> None:
        """Take in what has come on one of our sockets."""
        for direction, way in self._ways.items():
            if way.source is sock:
                try:
                    data = sock.recv(READ_SIZE)
                except BlockingIOError:
                    return
                except OSError:
                    self._source_ended(direction, Ending(rst=True), now)
                else:
                    self._received(direction, data, now)

    def flush(self, now: float) -> None:
        """Send what is due; sets `ending` where an ending is reached or a side is gone."""
        faults = self._network.faults
        for direction, way in self._ways.items():
            if direction not in faults.held and self.ending is None:
                drip = faults.drip if direction == "to_client" else 0.0
                try:
                    self.ending = way.flush(now, faults, drip)
                except OSError:
                    self.ending = Ending(rst=True)

    # Called by the proxy's user, through the loop

    def inject(self, direction: Direction, data: bytes, now: float) -> None:
        """Send bytes that nobody sent; between two frames, as only whole frames are queued."""
        self._ways[direction].put([data], now)

    def swallow(self, direction: Direction) -> None:
        """Lose what is on its way in that direction."""
        if self._ways[direction].is_waiting():
            self._has_lost_bytes = True
            self._ways[direction].clear()

    def give_up_server(self) -> socket.socket | None:
        """Forget the server's side and keep the client's; give the socket for someone to end."""
        server, self.server = self.server, None
        self._ways["to_server"].sink = self._ways["to_client"].source = None
        self._has_lost_bytes = True
        for way in self._ways.values():
            way.clear()
        return server

    def heal(self) -> None:
        """Go on as if nothing had been, where that can be.

        TCP never delivers what comes behind a hole, so a link that lost bytes ends.
        """
        for way in self._ways.values():
            way.hurry()
        if self._has_lost_bytes:
            self.ending = Ending(rst=True)

    def _received(self, direction: Direction, data: bytes, now: float) -> None:
        if not data:
            for frame in self._conversation.rest(direction, now):
                self._forward(frame, now)
            self._source_ended(direction, Ending(rst=False), now)
        for frame in self._conversation.receive(direction, data, now):
            self._forward(frame, now)

    def _forward(self, frame: Frame, now: float) -> None:
        self._network.log.add(frame)
        if self._is_lost(frame.direction):
            self._has_lost_bytes = True
        else:
            items = self._network.items_for(frame)
            self._ways[frame.direction].put(items, now + self._network.faults.delay)

    def _source_ended(self, direction: Direction, ending: Ending, now: float) -> None:
        way = self._ways[direction]
        way.source = None
        if not self._is_lost(direction):
            way.put([ending], now + self._network.faults.delay)
            return
        self._has_lost_bytes = True
        if all(way.source is None for way in self._ways.values()):
            self.ending = Ending(rst=True)

    def _is_lost(self, direction: Direction) -> bool:
        return direction in self._network.faults.swallowed or self._ways[direction].sink is None


# Endings of sockets


def reset(sock: socket.socket) -> None:
    """Close by RST."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        sock.close()


def finish(sock: socket.socket) -> bool:
    """Send FIN; give whether the socket is still to be read to its end before it is closed.

    Closing it at once would answer whatever the peer still sends with RST, which destroys bytes
    that the peer has not read yet.
    """
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        sock.close()
        return False
    return True


def has_more(sock: socket.socket) -> bool:
    """Throw away what has come; give whether more can come."""
    try:
        while sock.recv(READ_SIZE):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _unsent(sock: socket.socket) -> int:
    """Give how many bytes the system holds back because the peer has no room for them."""
    count = fcntl.ioctl(sock, SIOCOUTQNSD, bytes(4))
    return int.from_bytes(count, sys.byteorder)
