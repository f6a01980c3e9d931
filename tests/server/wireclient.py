"""A client of a few lines, synchronous, for tests that look at single frames."""

import socket
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.ports import LOOPBACK
from tests.waiting import stretched
from zc.zk.codes import Xid
from zc.zk.jute import INT, Reader, Writer
from zc.zk.operations import Operation, Ping
from zc.zk.records import REPLY_HEADER, REQUEST_HEADER, ConnectRequest, ConnectResponse

PATIENCE = 10.0


def framed(body: bytes) -> bytes:
    """Give `body` with its length before it."""
    return INT.pack(len(body)) + body


def connect_frame(
    session_id: int = 0,
    password: bytes = bytes(16),
    timeout: int = 10_000,
    last_zxid_seen: int = 0,
    read_only: bool | None = False,
) -> bytes:
    """Give the frame that begins a connection."""
    out = Writer()
    ConnectRequest(last_zxid_seen, timeout, session_id, password, read_only).write(out)
    return framed(out.getvalue())


def request_frame(xid: int, operation: Operation[Any], opcode: int | None = None) -> bytes:
    """Give the frame of a request."""
    out = Writer()
    operation.write(out)
    opcode = operation.opcode if opcode is None else opcode
    return framed(REQUEST_HEADER.pack(xid, opcode) + out.getvalue())


def raw_request(xid: int, opcode: int, body: bytes = b"") -> bytes:
    """Give the frame of a request with any body."""
    return framed(REQUEST_HEADER.pack(xid, opcode) + body)


class Reply(NamedTuple):
    """A reply or an event: the fields of its header, and its body."""

    xid: int
    zxid: int
    error: int
    body: bytes = b""

    @classmethod
    def parse(cls, frame: bytes) -> Self:
        """Read a frame without its length."""
        xid, zxid, error = REPLY_HEADER.unpack_from(frame)
        return cls(xid, zxid, error, frame[REPLY_HEADER.size :])

    @property
    def event(self) -> tuple[int, str]:
        """The type and path of an event."""
        source = Reader(self.body)
        kind, state, path = source.int(), source.int(), source.text()
        assert self.xid == Xid.EVENT
        assert state == 3
        return kind, path


def split_frames(data: bytes) -> list[bytes]:
    """Give the frames that `data` consists of, without their lengths."""
    source = Reader(data)
    frames = []
    while source.remaining:
        length = source.int()
        begin = source.take(length)
        frames.append(data[begin : begin + length])
    return frames


class ClosedError(Exception):
    """The server hung up."""


class WireClient:
    """One connection, attached to a session; `events` keeps the events met on the way."""

    def __init__(self, port: int, request: bytes = b"") -> None:
        self.events: list[Reply] = []
        self._last_xid = 0
        self.socket = socket.create_connection((LOOPBACK, port), stretched(PATIENCE))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.sendall(request or connect_frame())
            self.response = ConnectResponse.read(Reader(self.read_frame()))
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    def call(self, operation: Operation[Any], opcode: int | None = None) -> Reply:
        """Send a request and give its reply; raises ClosedError."""
        xid = operation.xid
        if xid is None:
            self._last_xid += 1
            xid = self._last_xid  # type: ignore[assignment]
        return self.send(request_frame(int(xid or 0), operation, opcode))

    def send(self, frame: bytes) -> Reply:
        """Send a frame and give the reply that follows it; raises ClosedError."""
        try:
            self.socket.sendall(frame)
        except OSError as error:
            raise ClosedError from error
        return self.read_reply()

    def read_reply(self) -> Reply:
        """Give the next frame that is no event."""
        while (reply := Reply.parse(self.read_frame())).xid == Xid.EVENT:
            self.events.append(reply)
        return reply

    def take_events(self) -> list[Reply]:
        """Give the events that the server has sent so far."""
        self.call(Ping())
        events, self.events = self.events, []
        return events

    def read_frame(self) -> bytes:
        """Give the next frame, without its length; raises ClosedError."""
        (length,) = INT.unpack(self._read(INT.size))
        return self._read(length)

    def is_hung_up(self) -> bool:
        """Wait for the server to hang up; what comes before that is dropped."""
        try:
            while True:
                self.read_frame()
        except ClosedError:
            return True
        except TimeoutError:
            return False

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionError as error:
                raise ClosedError from error
            if not piece:
                raise ClosedError
            data += piece
        return data
