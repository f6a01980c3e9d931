"""The protocol's records that are not requests, each with its wire form in both directions."""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple, Self

from zc.zk.codes import EVENT_NUMBERS, EVENT_TYPES, SERVER_STATE_CONNECTED, EventType, KeeperState
from zc.zk.errors import ProtocolError
from zc.zk.jute import Reader, Writer
from zc.zk.security import ACL, Id

REQUEST_HEADER = Struct(">ii")  # xid, opcode
REPLY_HEADER = Struct(">iqi")  # xid, zxid, error
_STAT = Struct(">qqqqiiiqiiq")
_MOST_PASSWORD_BYTES = 64


class Stat(NamedTuple):
    """The status of a node.

    The first eleven names are ZooKeeper's own (times in milliseconds of the server's clock); the properties say the
    same in words, with times in seconds.
    """

    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    aversion: int
    ephemeralOwner: int  # noqa: N815 (the protocol's name, and kazoo's)
    dataLength: int  # noqa: N815
    numChildren: int  # noqa: N815
    pzxid: int

    @property
    def creation_transaction_id(self) -> int:
        return self.czxid

    @property
    def last_modified_transaction_id(self) -> int:
        return self.mzxid

    @property
    def created(self) -> float:
        return self.ctime / 1000

    @property
    def last_modified(self) -> float:
        return self.mtime / 1000

    @property
    def acl_version(self) -> int:
        return self.aversion

    @property
    def children_version(self) -> int:
        return self.cversion

    @property
    def owner_session_id(self) -> int | None:
        """The session that owns an ephemeral node; None for every other kind.

        Servers of version 3.5 show a container or a TTL node by a mark in the owner's top byte, later ones as 0.
        """
        owner = self.ephemeralOwner
        return None if owner in (0, _CONTAINER) or owner >> 56 == _TTL_MARK else owner

    @property
    def is_container(self) -> bool:
        """Whether the node goes with its last child, where the server shows it: those after 3.5 do not."""
        return self.ephemeralOwner == _CONTAINER

    @property
    def ttl(self) -> int | None:
        """The milliseconds that the node lives without being written to, where the server shows it, as above."""
        owner = self.ephemeralOwner
        return owner & _TTL_BITS if owner >> 56 == _TTL_MARK else None

    @property
    def data_length(self) -> int:
        return self.dataLength

    @property
    def children_count(self) -> int:
        return self.numChildren

    @classmethod
    def read(cls, source: Reader) -> "Stat":
        return cls._make(source.unpack(_STAT))

    def write(self, out: Writer) -> None:
        out.raw(_STAT.pack(*self))


_CONTAINER = -0x8000000000000000
_TTL_BITS = 0xFFFFFFFFFF
_TTL_MARK = -1  # 0xff in the top byte, as the signed number that a long is


def read_acl(source: Reader) -> ACL:
    """Read one entry of an ACL; a null is read as an empty string.

    Other clients write a null for the name that the scheme `auth` has no use for.
    """
    perms = source.int()
    return ACL(perms, Id(source.string() or "", source.string() or ""))


def write_acl(acl: ACL, out: Writer) -> None:
    """Write one entry of an ACL."""
    out.int(acl.perms)
    out.string(acl.id.scheme)
    out.string(acl.id.id)


SMALLEST_ACL = 12  # bytes: the permissions and two empty strings
SMALLEST_STRING = 4


class ClientInfo(NamedTuple):
    """An identity of a connection, as its server knows it: of a digest identity only the name."""

    scheme: str
    user: str


@dataclass(frozen=True, slots=True)
class WatchedEvent:
    """What happened to the node at `path`.

    `state` is the client's state; `zxid` the transaction that caused it, where the server tells (3.9 and later), else
    -1.
    """

    type: EventType
    state: KeeperState
    path: str | None
    zxid: int = -1

    @classmethod
    def read(cls, source: Reader, zxid: int) -> Self:
        """Read an event; an unknown type is a protocol error, for nobody could act on it."""
        number, _ = source.int(), source.int()
        kind = EVENT_TYPES.get(number)
        if kind is None:
            msg = f"unknown event type {number}"
            raise ProtocolError(msg)
        return cls(kind, KeeperState.CONNECTED, source.path(), zxid)

    def write(self, out: Writer) -> None:
        out.int(EVENT_NUMBERS[self.type])
        out.int(SERVER_STATE_CONNECTED)
        out.path(self.path or "")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """The first packet of a connection: which session to attach to, 0 for a new one. Time-out in milliseconds.

    `read_only` is None when the byte is not there, as clients before 3.4 send it.
    """

    last_zxid_seen: int
    timeout: int
    session_id: int
    password: bytes
    read_only: bool | None = False

    def write(self, out: Writer) -> None:
        out.int(0)
        out.long(self.last_zxid_seen)
        out.int(self.timeout)
        out.long(self.session_id)
        out.buffer(self.password)
        if self.read_only is not None:
            out.boolean(self.read_only)

    @classmethod
    def read(cls, source: Reader) -> Self:
        source.int()  # the version, which servers ignore
        zxid, timeout, session_id = source.long(), source.int(), source.long()
        password = source.buffer() or b""
        return cls(
            zxid, timeout, session_id, password, source.boolean() if source.remaining else None
        )

    def __repr__(self) -> str:
        return f"ConnectRequest(session_id={self.session_id:#x}, timeout={self.timeout})"


@dataclass(frozen=True, slots=True)
class ConnectResponse:
    """The answer to a `ConnectRequest`; a `timeout` of 0 refuses the session. Time-out in milliseconds.

    `read_only` is None when the byte is not there, as servers before 3.4 send it.
    """

    timeout: int
    session_id: int
    password: bytes
    read_only: bool | None = False

    def write(self, out: Writer) -> None:
        out.int(0)
        out.int(self.timeout)
        out.long(self.session_id)
        out.buffer(self.password)
        if self.read_only is not None:
            out.boolean(self.read_only)

    @classmethod
    def read(cls, source: Reader) -> Self:
        source.int()  # the version, always 0
        timeout, session_id = source.int(), source.long()
        password = source.buffer() or b""
        if len(password) > _MOST_PASSWORD_BYTES:
            msg = f"a session password of {len(password)} bytes"
            raise ProtocolError(msg)
        read_only = source.boolean() if source.remaining else None
        source.finish()
        return cls(timeout, session_id, password, read_only)

    def __repr__(self) -> str:
        return f"ConnectResponse(session_id={self.session_id:#x}, timeout={self.timeout})"
