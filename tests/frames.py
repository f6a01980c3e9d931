"""Find the ZooKeeper frames in the two byte streams of a connection, and choose among them."""

import enum
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from tests.wire import Opcode, Xid, frame

Direction = Literal["to_server", "to_client"]
DIRECTIONS: tuple[Direction, Direction] = ("to_server", "to_client")

# Beyond this a length is no length, and what follows is passed on as it is.
LARGEST_FRAME = 64 * 1024 * 1024


class Kind(enum.Enum):
    """What a frame is; RAW are bytes that are no frame, such as four-letter words."""

    CONNECT_REQUEST = "connect request"
    CONNECT_RESPONSE = "connect response"
    REQUEST = "request"
    REPLY = "reply"
    EVENT = "event"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that came to the proxy at `seen_at` of the monotonic clock.

    `connection` counts from 1 over the life of the proxy, `index` from 0 in its direction of that
    connection.  A reply has the opcode of its request, None where there was no such request.
    """

    connection: int
    direction: Direction
    index: int
    kind: Kind
    xid: int | None
    opcode: int | None
    payload: bytes
    seen_at: float

    @property
    def wire_bytes(self) -> bytes:
        """The bytes to send for this frame."""
        return self.payload if self.kind is Kind.RAW else frame(self.payload)


# Selectors

Selector = Callable[[Frame], bool]


def request(opcode: int) -> Selector:
    """Choose each request of type `opcode`."""
    return lambda frame: frame.kind is Kind.REQUEST and frame.opcode == opcode


def reply_to(opcode: int) -> Selector:
    """Choose each reply to a request of type `opcode`."""
    return lambda frame: frame.kind is Kind.REPLY and frame.opcode == opcode


def event() -> Selector:
    """Choose each watch event."""
    return of_kind(Kind.EVENT)


def of_kind(kind: Kind) -> Selector:
    """Choose each frame of that kind."""
    return lambda frame: frame.kind is kind


def nth(number: int, selector: Selector) -> Selector:
    """Choose only the `number`th frame, from 1, that `selector` chooses; counts as it is asked."""
    seen = 0

    def is_that_one(frame: Frame) -> bool:
        nonlocal seen
        is_chosen = selector(frame)
        seen += is_chosen
        return is_chosen and seen == number

    return is_that_one


# Streams


class Conversation:
    """The frames of one connection, in both directions, from the bytes as they come."""

    def __init__(self, connection: int) -> None:
        self._connection = connection
        self._streams = {direction: _Stream() for direction in DIRECTIONS}
        self._opcodes: dict[int, int] = {}

    def receive(self, direction: Direction, data: bytes, now: float) -> Iterator[Frame]:
        """Give the frames that `data` completes."""
        stream = self._streams[direction]
        for payload in stream.split(data):
            yield self._name(direction, payload, now)
        if stream.is_raw:
            yield from self.rest(direction, now)

    def rest(self, direction: Direction, now: float) -> Iterator[Frame]:
        """Give as a raw frame what has come of a frame that is not complete, if anything has."""
        stream = self._streams[direction]
        if rest := stream.take_rest():
            index = stream.next_index()
            yield Frame(self._connection, direction, index, Kind.RAW, None, None, rest, now)

    def _name(self, direction: Direction, payload: bytes, now: float) -> Frame:
        index = self._streams[direction].next_index()
        xid = opcode = None
        if direction == "to_server":
            kind = Kind.REQUEST if index else Kind.CONNECT_REQUEST
            if index and len(payload) >= 8:
                xid, opcode = struct.unpack_from(">ii", payload)
                self._opcodes[xid] = opcode
        else:
            kind = Kind.REPLY if index else Kind.CONNECT_RESPONSE
            if index and len(payload) >= 16:
                (xid,) = struct.unpack_from(">i", payload)
                if xid == Xid.EVENT:
                    kind, opcode = Kind.EVENT, Opcode.NOTIFICATION
                else:
                    opcode = self._opcode_answered(xid)
        return Frame(self._connection, direction, index, kind, xid, opcode, payload, now)

    def _opcode_answered(self, xid: int) -> int | None:
        if xid < 0:  # a reserved xid is used again and again, always for the same thing
            return self._opcodes.get(xid)
        return self._opcodes.pop(xid, None)


class _Stream:
    """The bytes of one direction that are not yet cut into payloads."""

    def __init__(self) -> None:
        self.is_raw = False
        self._buffered = bytearray()
        self._frames_given = 0

    def split(self, data: bytes) -> Iterator[bytes]:
        self._buffered += data
        begin = 0
        while not self.is_raw and len(self._buffered) - begin >= 4:
            (length,) = struct.unpack_from(">i", self._buffered, begin)
            if not 0 <= length <= LARGEST_FRAME:
                self.is_raw = True
            end = begin + 4 + length
            if self.is_raw or end > len(self._buffered):
                break
            yield bytes(self._buffered[begin + 4 : end])
            begin = end
        del self._buffered[:begin]

    def take_rest(self) -> bytes:
        rest = bytes(self._buffered)
        self._buffered.clear()
        return rest

    def next_index(self) -> int:
        self._frames_given += 1
        return self._frames_given - 1


class FrameLog:
    """The last frames seen, as many as fit in `capacity` bytes; any thread may read it."""

    def __init__(self, capacity: int = 16 * 1024 * 1024, overhead: int = 200) -> None:
        self._capacity = capacity
        self._overhead = overhead
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, frame: Frame) -> None:
        """Remember a frame, and forget the oldest where there is no room for it."""
        with self._lock:
            self._frames.append(frame)
            self._size += len(frame.payload) + self._overhead
            while self._size > self._capacity:
                self._size -= len(self._frames.popleft().payload) + self._overhead

    def copy(self) -> list[Frame]:
        """Give the frames, oldest first."""
        with self._lock:
            return list(self._frames)

    def clear(self) -> None:
        """Forget all frames."""
        with self._lock:
            self._frames.clear()
            self._size = 0
