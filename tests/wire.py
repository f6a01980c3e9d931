"""Build and take apart ZooKeeper messages by hand, sharing no code with what is tested.

A function named after a message gives that message with its length in front, ready for a socket;
one that ends in `_body` gives what follows the header.  Times are seconds here, too.
"""

import enum
import itertools
import socket
import struct
from dataclasses import dataclass

NO_PASSWORD = bytes(16)
OPEN_ACL = ((31, "world", "anyone"),)


class Opcode(enum.IntEnum):
    """The request types of protocol.md section 4 that the tests use."""

    NOTIFICATION = 0
    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    GET_ACL = 6
    SET_ACL = 7
    GET_CHILDREN = 8
    SYNC = 9
    PING = 11
    GET_CHILDREN2 = 12
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CREATE_CONTAINER = 19
    CREATE_TTL = 21
    AUTH = 100
    SET_WATCHES = 101
    SASL = 102
    SET_WATCHES2 = 105
    WHO_AM_I = 107
    CLOSE_SESSION = -11


class Xid(enum.IntEnum):
    """The reserved transaction ids of protocol.md section 3."""

    EVENT = -1
    PING = -2
    AUTH = -4
    SET_WATCHES = -8


class EventType(enum.IntEnum):
    """What a watch event says (protocol.md section 11.1)."""

    CREATED = 1
    DELETED = 2
    DATA_CHANGED = 3
    CHILDREN_CHANGED = 4


SYNC_CONNECTED = 3


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client asks for first; a new session has id 0."""

    session_id: int
    password: bytes
    timeout: float
    last_zxid: int


@dataclass(frozen=True, slots=True)
class Session:
    """What a server grants in its ConnectResponse; a refusal has timeout 0."""

    session_id: int
    password: bytes
    timeout: float
    is_read_only: bool = False

    @property
    def is_refused(self) -> bool:
        return self.timeout == 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the server sees it."""

    xid: int
    opcode: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, or an event (its xid is -1), as the client sees it."""

    xid: int
    zxid: int
    err: int
    body: bytes


# Primitives


def frame(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def buffer(content: bytes | None) -> bytes:
    return struct.pack(">i", -1) if content is None else frame(content)


def string(text: str | bytes | None) -> bytes:
    return buffer(text.encode() if isinstance(text, str) else text)


def strings(texts: list[str]) -> bytes:
    return struct.pack(">i", len(texts)) + b"".join(map(string, texts))


# From the client


def connect_request(
    session_id: int = 0,
    password: bytes = NO_PASSWORD,
    timeout: float = 10.0,
    last_zxid: int = 0,
) -> bytes:
    fields = struct.pack(">iqiq", 0, last_zxid, round(timeout * 1000), session_id)
    return frame(fields + buffer(password) + b"\0")


def request(xid: int, opcode: int, body: bytes = b"") -> bytes:
    return frame(struct.pack(">ii", xid, opcode) + body)


def path_watch_body(path: str, watch: bool = False) -> bytes:
    return string(path) + bytes([watch])


def create_body(path: str, data: bytes = b"", flags: int = 0) -> bytes:
    acl = struct.pack(">i", len(OPEN_ACL))
    for permissions, scheme, identity in OPEN_ACL:
        acl += struct.pack(">i", permissions) + string(scheme) + string(identity)
    return string(path) + buffer(data) + acl + struct.pack(">i", flags)


def set_data_body(path: str, data: bytes, version: int = -1) -> bytes:
    return string(path) + buffer(data) + struct.pack(">i", version)


def delete_body(path: str, version: int = -1) -> bytes:
    return string(path) + struct.pack(">i", version)


def set_watches_body(last_zxid: int, data: list[str], exist: list[str], child: list[str]) -> bytes:
    return struct.pack(">q", last_zxid) + strings(data) + strings(exist) + strings(child)


# From the server


def connect_response(
    session_id: int = 0x0100000000000001,
    password: bytes = b"0123456789abcdef",
    timeout: float = 10.0,
    read_only: bool = False,
) -> bytes:
    fields = struct.pack(">iiq", 0, round(timeout * 1000), session_id)
    return frame(fields + buffer(password) + bytes([read_only]))


def session_refused() -> bytes:
    """Say that the session is expired, unknown, or not yours; a server then closes."""
    return connect_response(session_id=0, password=NO_PASSWORD, timeout=0)


def reply(xid: int, zxid: int = 1, err: int = 0, body: bytes = b"") -> bytes:
    return frame(struct.pack(">iqi", xid, zxid, err) + body)


def event(type_: int, path: str | bytes, state: int = SYNC_CONNECTED, zxid: int = -1) -> bytes:
    return reply(Xid.EVENT, zxid, 0, struct.pack(">ii", type_, state) + string(path))


def stat_body(mzxid: int = 1, version: int = 0, data_length: int = 0, children: int = 0) -> bytes:
    """Give a Stat whose other fields are plausible for a persistent node."""
    return struct.pack(
        ">qqqqiiiqiiq", 1, mzxid, 1000, 1000, version, 0, 0, 0, data_length, children, mzxid
    )


def data_body(data: bytes, mzxid: int = 1, version: int = 0) -> bytes:
    return buffer(data) + stat_body(mzxid, version, len(data))


# Taken apart


def parse_connect_response(payload: bytes) -> Session:
    _, timeout, session_id, length = struct.unpack_from(">iiqi", payload)
    password = payload[20 : 20 + length]
    return Session(session_id, password, timeout / 1000, payload[20 + length :] == b"\1")


def parse_connect_request(payload: bytes) -> ConnectRequest:
    _, last_zxid, timeout, session_id, length = struct.unpack_from(">iqiqi", payload)
    return ConnectRequest(session_id, payload[28 : 28 + length], timeout / 1000, last_zxid)


def parse_request(payload: bytes) -> Request:
    xid, opcode = struct.unpack_from(">ii", payload)
    return Request(xid, opcode, payload[8:])


def parse_reply(payload: bytes) -> Reply:
    xid, zxid, err = struct.unpack_from(">iqi", payload)
    return Reply(xid, zxid, err, payload[16:])


def parse_buffer(payload: bytes, offset: int = 0) -> tuple[bytes | None, int]:
    """Give the buffer or string at `offset` and the offset behind it."""
    (length,) = struct.unpack_from(">i", payload, offset)
    offset += 4
    if length < 0:
        return None, offset
    return payload[offset : offset + length], offset + length


def parse_strings(payload: bytes, offset: int = 0) -> tuple[list[str], int]:
    """Give the vector of strings at `offset` and the offset behind it."""
    (count,) = struct.unpack_from(">i", payload, offset)
    offset += 4
    texts = []
    for _ in itertools.repeat(None, count):
        text, offset = parse_buffer(payload, offset)
        texts.append((text or b"").decode())
    return texts, offset


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """Give the next `count` bytes, fewer where the stream ends before them."""
    content = bytearray()
    while len(content) < count and (piece := connection.recv(count - len(content))):
        content += piece
    return bytes(content)


def read_frame(connection: socket.socket) -> bytes:
    """Give the next payload; raises EOFError where the stream ends before it is complete."""
    head = read_exactly(connection, 4)
    if len(head) < 4:
        raise EOFError(f"the stream ended after {len(head)} bytes of a length")
    (length,) = struct.unpack(">i", head)
    payload = read_exactly(connection, length)
    if len(payload) < length:
        raise EOFError(f"the stream ended after {len(payload)} bytes of a frame of {length}")
    return payload
