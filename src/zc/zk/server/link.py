"""One connection to the server, without its socket: bytes in, requests carried out, bytes out."""

from collections.abc import Collection
from enum import Enum
from struct import Struct
from typing import Protocol

from zc.zk.codes import ErrorCode, OpCode, Xid
from zc.zk.errors import AuthFailedError, CodedError, ProtocolError
from zc.zk.jute import INT, Reader, Writer
from zc.zk.records import REQUEST_HEADER, ConnectRequest
from zc.zk.security import Id
from zc.zk.server.acl import address_identity
from zc.zk.server.figures import Figures
from zc.zk.server.handlers import HANDLERS, READ_ONLY_HANDLERS, Handler, Kind
from zc.zk.server.handshake import greet
from zc.zk.server.login import certificate_identities, is_welcome
from zc.zk.server.sasl import Exchange
from zc.zk.server.sessions import Session
from zc.zk.server.store import Store
from zc.zk.server.words import WORDS

_REPLY = Struct(">iiqi")  # length, and the reply header: xid, zxid, error
_NULL = INT.pack(-1)
_REPLY_BYTES = _REPLY.size - INT.size
_IDENTITY_BYTES = 100  # that an identity takes besides its text


class Host(Protocol):
    """The server, as far as its connections know it."""

    def ready(self, link: "Link") -> None:
        """Take note that a connection has something to send, or wants to end."""

    def attached(self, link: "Link") -> None:
        """Take note that a connection has its session."""

    def word(self, word: bytes, link: "Link", now: float) -> bytes:
        """Return the answer to a four-letter word."""


class Stage(Enum):
    """How far a connection is."""

    NEW = "new"
    ATTACHED = "attached"
    CLOSING = "closing"


class Link:
    """One connection. `peer` is the address it came from, `since` the time when."""

    def __init__(self, store: Store, host: Host, peer: tuple[str, int], now: float) -> None:
        self.peer = peer
        self.since = now
        self.figures = Figures(now)
        self.stage = Stage.NEW
        self.unsent_bytes = 0
        self.identities: tuple[Id, ...] = ()
        self.exchange: Exchange | None = None
        self._store = store
        self._host = host
        self._session: Session | None = None
        self._unread = bytearray()
        self._wanted_bytes = 0  # how many unread ones make another look worth while
        self._outgoing: list[bytes] = []
        self._is_dropped = False
        self._is_welcome = False
        self._speak_for([address_identity(peer[0])])

    @property
    def session(self) -> Session:
        """The session that the connection is attached to; there must be one."""
        if self._session is None:
            raise RuntimeError("a connection was asked for its session before it had one")
        return self._session

    @property
    def session_id(self) -> int:
        """The id of the session that the connection is attached to, 0 before there is one."""
        return self._session.id if self._session is not None else 0

    @property
    def is_attached(self) -> bool:
        """Whether the connection has a session, and goes on."""
        return self.stage is Stage.ATTACHED

    @property
    def is_closing(self) -> bool:
        """Whether the connection ends as soon as everything is sent."""
        return self.stage is Stage.CLOSING

    @property
    def unread_bytes(self) -> int:
        """How many bytes have come of frames that were not carried out yet."""
        return len(self._unread)

    @property
    def has_waiting_requests(self) -> bool:
        """Whether requests wait until more is sent; then `receive(b"", now)` goes on with them."""
        return not self._wanted_bytes and bool(self._unread) and not self.is_closing

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the peer and carry out the requests that are complete."""
        if self.is_closing:
            return
        self.figures.asked_at = now
        if self._unread:
            self._unread += data
            if len(self._unread) < self._wanted_bytes:
                return
            data = bytes(self._unread)
            self._unread.clear()
        position = self._take_frames(data, now)
        if not self.is_closing:
            self._unread += memoryview(data)[position:]

    def data_to_send(self) -> bytes:
        """Return what is to be sent now; it counts as sent."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self.unsent_bytes = 0
        return data

    def send(self, frame: bytes) -> None:
        """Write a frame that is complete with its length. A peer that never reads is dropped."""
        if self._is_dropped:
            return
        if not self._outgoing:
            self._host.ready(self)
        self._outgoing.append(frame)
        self.unsent_bytes += len(frame)
        self.figures.sent += 1
        if self.unsent_bytes > self._store.settings.unsent_bytes_to_drop:
            self._is_dropped = True
            self._outgoing.clear()
            self.unsent_bytes = 0
            self.close()

    def close(self) -> None:
        """End the connection once everything is sent; its watches end now, its session does not."""
        if not self.is_closing:
            self.stage = Stage.CLOSING
            self._unread.clear()
            self._store.watches.forget(self)
            if self._session is not None and self._session.link is self:
                self._session.link = None
            self._host.ready(self)

    def add_identities(self, identities: Collection[Id]) -> None:
        """Let the connection speak for more; raises `AuthFailedError` where those are too many."""
        known = dict.fromkeys((*self.identities, *identities))
        if _size_of(known) > self._store.settings.most_identity_bytes:
            raise AuthFailedError
        self._speak_for(identities)

    def show_certificate(self, subject: str) -> None:
        """Let the connection speak for whom its certificate, which is good, was issued to."""
        self._speak_for(certificate_identities(subject, self._store.settings))

    def _speak_for(self, identities: Collection[Id]) -> None:
        self.identities = tuple(dict.fromkeys((*self.identities, *identities)))
        self._is_welcome = is_welcome(self.identities, self._store.settings)

    # Frames

    def _take_frames(self, data: bytes, now: float) -> int:
        position, end = 0, len(data)
        most = self._store.settings.most_request_bytes
        pause = self._store.settings.unsent_bytes_to_pause
        while end - position >= INT.size:
            if self.unsent_bytes > pause:
                self._wanted_bytes = 0
                return position
            (length,) = INT.unpack_from(data, position)
            begin = position + INT.size
            if not 0 < length <= most:
                self._reject_length(data[position:begin], now)
                return end
            if begin + length > end:
                self._wanted_bytes = INT.size + length
                return position
            position = begin + length
            self.figures.count_request()
            self._take_frame(data, begin, position, now)
            if self.is_closing:
                return end
        self._wanted_bytes = INT.size
        return position

    def _reject_length(self, first: bytes, now: float) -> None:
        if self.stage is Stage.NEW and first in WORDS:
            self.figures.count_request()
            self.send(self._host.word(first, self, now))
        self.close()

    def _take_frame(self, data: bytes, begin: int, end: int, now: float) -> None:
        try:
            if self.stage is Stage.NEW:
                self._connect(ConnectRequest.read(Reader(data, begin, end)), now)
            else:
                self._take_request(Reader(data, begin, end), now)
        except ProtocolError:
            self.close()  # no request to answer: not even its head could be read

    def _connect(self, request: ConnectRequest, now: float) -> None:
        session, frame = greet(self._store, request, now)
        if session is not None:
            session.link = self
            self._session = session
            self.stage = Stage.ATTACHED
            self._host.attached(self)
        if frame:
            self.send(frame)
        if session is None:
            self.close()

    # Requests

    def _take_request(self, source: Reader, now: float) -> None:
        figures = self.figures
        xid, opcode = figures.xid, figures.opcode = source.unpack(REQUEST_HEADER)
        store = self._store
        store.served_sessions.touch(self.session, now)
        handler = (READ_ONLY_HANDLERS if store.is_read_only else HANDLERS).get(opcode)
        if not self._is_welcome and (handler is None or handler.kind is not Kind.CONNECTION):
            self._reply(xid, 0, ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH)
            self.close()
        elif handler is None:
            self._reply(xid, -1, ErrorCode.UNIMPLEMENTED)
            self.close()
        elif handler.kind is Kind.WRITE:
            self._write(handler, xid, source, now)
        elif handler.kind is Kind.READ:
            self._read(handler, Xid.PING if opcode == OpCode.PING else xid, source)
        elif handler.kind is Kind.REFUSED:
            self._reply(xid, store.zxid, ErrorCode.NOT_READ_ONLY)
        else:
            self._serve_connection(handler, xid, source)

    def _read(self, handler: Handler, xid: int, source: Reader) -> None:
        operation, _, answer = handler
        out = Writer()
        try:
            request = operation.read_request(source)
            request.write_reply(answer(self._store, self, request), out)
        except CodedError as error:
            self._reply(xid, self._store.zxid, error.code)
        except ProtocolError:
            self._reply(xid, self._store.zxid, ErrorCode.MARSHALLING_ERROR)
        else:
            self._reply(xid, self._store.zxid, 0, out.getvalue())

    def _write(self, handler: Handler, xid: int, source: Reader, now: float) -> None:
        operation, _, answer = handler
        try:
            request = operation.read_request(source)
        except ProtocolError:
            if self._counts_unreadable(operation.opcode):
                self._store.begin(now)
            self._reply(xid, self._store.zxid, ErrorCode.MARSHALLING_ERROR)
            return
        draft = self._store.begin(now)
        out = Writer()
        try:
            request.write_reply(answer(draft, self, request), out)
        except CodedError as error:
            self._reply(xid, draft.zxid, error.code)
        except ProtocolError:
            self._reply(xid, draft.zxid, ErrorCode.MARSHALLING_ERROR)
        else:
            draft.commit()
            self._reply(xid, draft.zxid, 0, out.getvalue())

    def _counts_unreadable(self, opcode: int) -> bool:
        """Say whether a write that cannot be read takes a zxid all the same."""
        if opcode == OpCode.MULTI:
            return True
        return opcode != OpCode.RECONFIG and self._store.settings.counts_unreadable_writes

    def _serve_connection(self, handler: Handler, xid: int, source: Reader) -> None:
        operation, _, answer = handler
        out = Writer()
        try:
            request = operation.read_request(source)
            request.write_reply(answer(self._store, self, request), out)
        except CodedError as error:
            # A refused login has a body all the same: no token.
            self._reply(xid, 0, error.code, _NULL if operation.opcode == OpCode.SASL else b"")
            self.close()
        else:
            self._reply(xid, 0, 0, out.getvalue())

    def _reply(self, xid: int, zxid: int, error: int, body: bytes = b"") -> None:
        self.figures.zxid = zxid
        self.send(_REPLY.pack(_REPLY_BYTES + len(body), xid, zxid, error) + body)


def _size_of(identities: Collection[Id]) -> int:
    return sum(_IDENTITY_BYTES + len(each.scheme) + len(each.id) for each in identities)
