"""One connection to one server: what went out, what must come back for it, and whether the peer is alive.

A new connection is a new object, so nothing that belongs to an old one can be taken for an answer on a new one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zc.zk.codes import ErrorCode, Xid
from zc.zk.errors import (
    CodedError,
    NoNodeError,
    ProtocolError,
    ResponseTooLargeError,
    SessionClosedRequireSaslError,
)
from zc.zk.jute import INT, Reader, Writer
from zc.zk.operations import AddWatch, Operation, Ping, Watch
from zc.zk.protocol.chronicle import Chronicle
from zc.zk.protocol.frames import FrameLengthError, FrameReader
from zc.zk.protocol.requests import Request
from zc.zk.protocol.watches import WatchTables
from zc.zk.records import REPLY_HEADER, ConnectRequest, ConnectResponse, WatchedEvent

_GREETING_LIMIT = 256  # bytes: a ConnectResponse with a password of 16 is 36 or 37
_SHORTEST_GREETING = 36
_NOT_READ_ONLY = INT.pack(ErrorCode.NOT_READ_ONLY)
_LARGEST_XID = 2**31 - 1
_MARK_EVERY = 0.05  # seconds: how finely the time of sending is remembered
# Of the time-out T: with nothing sent for a third of it we ping; with no complete reply for a bit less than two thirds
# the server is given up, which leaves time to find another before the session ends.
_PING_AFTER = 1 / 3
_LONGEST_QUIET = 10.0  # seconds: the reference client never pings less often
_SILENCE_ALLOWED = 0.62
# And for what was asked late, by a process that was held up:
_ANSWER_ALLOWED = _SILENCE_ALLOWED - _PING_AFTER


@dataclass(slots=True)
class Trail:
    """What outlives a connection: the highest transaction seen, the watches, the chroot, and what happened.

    `zxid` grows only by replies that come after all watches were armed again: the next connection compares them with
    it.
    """

    watches: WatchTables
    root: str = ""
    zxid: int = 0
    chronicle: Chronicle = field(default_factory=Chronicle)


class Connection:
    """The protocol's side of one TCP connection that was just made.

    `greeted` is called with the ConnectResponse. `longest` bounds an incoming frame, in bytes.
    """

    def __init__(
        self,
        trail: Trail,
        hello: ConnectRequest,
        greeted: Callable[[ConnectResponse], None],
        longest: int,
        now: float,
    ) -> None:
        out = Writer()
        hello.write(out)
        body = out.getvalue()
        self._out = [INT.pack(len(body)), body]
        self._trail = trail
        self._greeted = greeted
        self._longest = longest
        self._frames = FrameReader(_GREETING_LIMIT)
        self._take = self._greeting
        self._xid = 0
        self._sent = 0  # requests so far,
        self._handed = 0  # those that `data_to_send` gave out,
        self._answered = 0  # those that were answered
        self._marks = deque(((0, now),))  # (n, t): from the nth on, requests went out at t or later
        self._marked: dict[int, deque[Request]] = {xid: deque() for xid in _MARKED}
        self._spoke_at = self._heard_at = self._owes_since = now
        self.in_flight: deque[Request] = deque()
        self._unsent = 0  # how many of these `data_to_send` has not given out
        self._is_ping_due = False  # to be given out: where the peer does not read, one is enough
        self.timeout: float | None = None  # seconds, once greeted
        self.wants_authentication = False  # the server said so, and hangs up
        self._born = now
        self.acknowledged_at = float(
            "-inf"
        )  # when the latest thing that was answered had been sent

    # --- sending

    def send(self, request: Request) -> None:
        """Put a request in line; it goes out with the next `data_to_send`."""
        marked = request.operation.xid
        if marked is None:
            self._xid = request.xid = self._xid + 1 if self._xid < _LARGEST_XID else 1
            self.in_flight.append(request)
            self._unsent += 1
        else:
            request.xid = marked
            self._marked[marked].append(request)
        self._sent += 1
        frame = request.frame()
        if self._trail.watches.standing and self._leans(request.operation):
            frame = frame[:-1] + b"\0"  # the flag that asks for a watch
        self._out.append(frame)

    def _leans(self, operation: Operation[Any]) -> bool:
        is_standard = bool(operation.watches) and getattr(operation, "watch", None) is not None
        return is_standard and self._trail.watches.leans(getattr(operation, "path", ""))

    def data_to_send(self, now: float) -> bytes:
        """Return what to write now; it counts as sent."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        self._is_ping_due = False
        self._spoke_at = now
        if now - self._marks[-1][1] >= _MARK_EVERY:
            self._marks.append((self._handed, now))
        if self._handed == self._answered:
            self._owes_since = now
        self._handed = self._sent
        self._unsent = 0
        return data

    @property
    def may_linger(self) -> bool:
        """Whether so much is under way that a request may wait for the next reply and leave in company."""
        return self._handed - self._answered >= _COMPANY and self._unsent < _LARGEST_PARTY

    # --- time

    def deadline(self) -> float:
        """When `tick` is next needed; never, before the greeting."""
        if self.timeout is None:
            return float("inf")
        return min(self._ping_at, self._silent_at)

    @property
    def _ping_at(self) -> float:
        if self._is_ping_due:
            return float("inf")
        return self._spoke_at + min((self.timeout or 0) * _PING_AFTER, _LONGEST_QUIET)

    @property
    def _silent_at(self) -> float:
        timeout = self.timeout or 0
        # Where replies are slow, the session may be over before they cease: that counts from the sending.
        over_at = self.acknowledged_at + timeout
        if self._handed == self._answered and not self._is_ping_due:
            return over_at  # silence is all that it owes
        silence = self._heard_at + timeout * _SILENCE_ALLOWED
        return min(max(silence, self._owes_since + timeout * _ANSWER_ALLOWED), over_at)

    def tick(self, now: float) -> str | None:
        """Ping if it is time, or return why the server must be given up."""
        if self.timeout is None:
            return None
        if now >= self._silent_at:
            return f"no reply for {now - self._heard_at:.1f} s"
        if now >= self._ping_at:
            self._is_ping_due = True
            if self._handed == self._answered:
                self._owes_since = now
            self.send(Request(Ping(), b""))
        return None

    # --- receiving

    def receive(self, data: bytes, now: float) -> None:
        """Handle all the frames that `data` completes; raises `ProtocolError` when the connection is beyond use."""
        answered = self._answered
        try:
            for buffer, begin, end in self._frames.feed(data):
                self._take(buffer, begin, end)
        except FrameLengthError as error:
            if self.timeout is None:
                raise
            self._refuse_too_long(error)
            # Its first bytes say who a peer is; later ones may be anybody's data, which no log shall show.
            raise ProtocolError(error.announcement) from None
        if self._answered > answered:
            self._heard_at = now
            self._acknowledge()

    def _acknowledge(self) -> None:
        marks = self._marks
        while len(marks) > 1 and marks[1][0] < self._answered:
            marks.popleft()
        if marks[0][0] < self._answered:
            self.acknowledged_at = max(self.acknowledged_at, marks[0][1])

    def _refuse_too_long(self, error: FrameLengthError) -> None:
        # The request that the frame answers would meet the same answer again: it fails, once and for all.
        if self.in_flight and self.in_flight[0].xid == error.xid and error.length > 0:
            request = self.in_flight.popleft()
            self._trail.zxid = max(self._trail.zxid, error.zxid or 0)
            if not request.ended:
                refusal = ResponseTooLargeError(f"{error.announcement}: {request.path}")
                refusal.maybe_applied = not request.operation.is_read
                request.fail(refusal)

    def _greeting(self, buffer: bytes, begin: int, end: int) -> None:
        if end - begin < _SHORTEST_GREETING:
            msg = f"the server refused to open a session ({end - begin} bytes)"
            if buffer[begin:end].endswith(
                _NOT_READ_ONLY
            ):  # a reply where a greeting must be (protocol.md, 14)
                msg = "the server is read-only, and opens no sessions of its own"
            raise ProtocolError(msg)
        response = ConnectResponse.read(Reader(buffer, begin, end))
        self._frames.limit = self._longest
        self._take = self._packet
        self.timeout = response.timeout / 1000
        self.acknowledged_at = self._born
        self._greeted(response)

    def _packet(self, buffer: bytes, begin: int, end: int) -> None:
        if end - begin < REPLY_HEADER.size:
            msg = f"a reply of {end - begin} bytes"
            raise ProtocolError(msg)
        xid, zxid, code = REPLY_HEADER.unpack_from(buffer, begin)
        body = Reader(buffer, begin + REPLY_HEADER.size, end, self._trail.root)
        if xid == Xid.EVENT:
            event = WatchedEvent.read(body, zxid)
            body.finish()
            self._trail.chronicle.event(zxid)
            self._trail.watches.fire(event)
            return
        line = self._marked.get(xid, self.in_flight)
        if not line or line[0].xid != xid:
            expected = f"{line[0].xid} is next" if line else "none is due"
            msg = f"a reply to request {xid}, where {expected}"
            raise ProtocolError(msg)
        request = line.popleft()
        self._answered += 1
        if line is self.in_flight and zxid > self._trail.zxid:
            self._trail.zxid = zxid
        try:
            self._settle(request, code, body)
        except KeyboardInterrupt:
            if (
                not request.ended
            ):  # nobody was told: to whoever drops the connection it is as if no reply had come
                line.appendleft(request)
            raise

    def _settle(self, request: Request, code: int, body: Reader) -> None:
        operation = request.operation
        try:
            if code == ErrorCode.OK:
                answer = operation.read(body)
                body.finish()
                if operation.is_newer:
                    self._trail.chronicle.answered(operation)
            else:
                answer = operation.refused(code)
        except ProtocolError as error:
            error.maybe_applied = not operation.is_read
            if not request.ended:
                request.fail(error)
            raise
        except CodedError as error:
            self.wants_authentication |= isinstance(error, SessionClosedRequireSaslError)
            self._trail.chronicle.refused(operation, error)
            _explain(error, self._trail.root)
            if request.ended:
                self._trail.chronicle.late(operation)
            else:
                request.fail(error)
            if isinstance(operation, AddWatch):
                # What was asked behind it leans on it, and would wait in vain.
                msg = f"a watch was refused: {error}"
                raise ProtocolError(msg) from error
            return
        if request.ended:
            self._trail.chronicle.done_late(operation, answer)
            return
        watch: Watch | None = getattr(operation, "watch", None)
        if watch is not None:
            self._trail.watches.add(operation.arms(code), request.path or "", watch)
        request.resolve(answer)

    # --- the end

    def unanswered(self) -> tuple[list[Request], list[Request]]:
        """Return the requests that went out without a reply, and those that did not go out; not what re-arms."""
        requests = list(self.in_flight)
        border = len(requests) - self._unsent
        return requests[:border], requests[border:]


def _explain(error: CodedError, root: str) -> None:
    if isinstance(error, NoNodeError) and error.path == "/":
        error.chroot = root


_MARKED = (Xid.PING, Xid.AUTH, Xid.SET_WATCHES)
_COMPANY = 32  # requests that are sure to bring replies soon
_LARGEST_PARTY = 128  # requests that wait to leave together
