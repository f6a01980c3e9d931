"""The requests of the protocol as values: one small class each, which knows its wire form in both directions.

A client writes requests (`write`) and reads replies (`read`); a server does the reverse (`read_request`,
`write_reply`). To add an operation is to add its class here.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

from zc.zk import paths
from zc.zk.codes import ANY_VERSION, CreateFlag, ErrorCode, OpCode, Xid
from zc.zk.errors import NoNodeError, ProtocolError, error_for
from zc.zk.jute import Reader, Writer
from zc.zk.records import SMALLEST_ACL, SMALLEST_STRING, Stat, WatchedEvent, read_acl, write_acl
from zc.zk.security import ACL, OPEN_ACL_UNSAFE

R = TypeVar("R")
OPERATIONS: "dict[int, type[Operation[Any]]]" = {}  # Any: replies of every type


class Step(Generic[R]):
    """Something a plan can ask its driver for; `answer = yield from step` gives the answer, typed."""

    __slots__ = ()

    def __iter__(
        self,
    ) -> "Generator[Step[Any], Any, R]":  # Any: a plan is sent answers of every type
        answer: R = yield self
        return answer


class Watch:
    """Is told once of the first change after the answer of the operation that it was given to."""

    __slots__ = ()

    def fire(self, event: WatchedEvent) -> None:
        """Take the event: called by the core under the driver's lock, so this may only take note."""

    @property
    def is_spent(self) -> bool:
        """Whether nobody waits for it any more."""
        return False

    def restart(self) -> bool:
        """Say whether a new session shall arm the watch again; if not, it is dropped, and knows."""
        return True


class Operation(Step[R]):
    """One request and its reply.

    `is_read` says that asking twice is as good as asking once: a request cut off by a lost connection is sent again.
    `watches` and `watches_missing` name the kind of watch that an answer, or the answer that there is no node, arms.
    `xid` is set where requests of this kind are not counted but marked.
    """

    __slots__ = ()
    opcode: ClassVar[OpCode]
    is_read: ClassVar[bool] = False
    watches: ClassVar[str] = ""
    watches_missing: ClassVar[str] = ""
    xid: ClassVar[Xid | None] = None

    def __init_subclass__(cls) -> None:
        if "opcode" in cls.__dict__:
            OPERATIONS[cls.opcode] = cls

    def write(self, out: Writer) -> None:
        """Write the request's body."""

    def read(self, reply: Reader) -> R:
        """Read the answer from a reply's body."""
        raise NotImplementedError

    def refused(self, code: int) -> R:
        """Return the answer that an error number stands for, or raise its exception."""
        raise error_for(code, getattr(self, "path", None))

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        """Read the request's body, as a server."""
        raise NotImplementedError

    def write_reply(self, answer: R, out: Writer) -> None:
        """Write the answer, as a server."""
        raise NotImplementedError


class _Bare(Operation[None]):
    """A request whose reply has no body."""

    __slots__ = ()

    def read(self, reply: Reader) -> None:
        return None

    def write_reply(self, answer: None, out: Writer) -> None:
        return None


class _Empty(_Bare):
    """A request without a body, either."""

    __slots__ = ()

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls()


class _AnswersStat(Operation[Stat]):
    """A request that is answered with the node's status."""

    __slots__ = ()

    def read(self, reply: Reader) -> Stat:
        return Stat.read(reply)

    def write_reply(self, answer: Stat, out: Writer) -> None:
        answer.write(out)


@dataclass(frozen=True, slots=True)
class _Creates(Operation[R]):
    path: str
    data: bytes | None = b""
    acl: tuple[ACL, ...] = tuple(OPEN_ACL_UNSAFE)
    flags: CreateFlag = CreateFlag.PERSISTENT

    def write(self, out: Writer) -> None:
        if self.path == "/" and CreateFlag.SEQUENTIAL in self.flags:
            # The number goes behind the path as it is sent: behind a chroot's own name it would make a sibling.
            out.string(out.root + "/")
        else:
            out.path(self.path)
        out.buffer(self.data)
        out.vector(self.acl, lambda acl: write_acl(acl, out))
        out.int(self.flags)

    def refused(self, code: int) -> R:
        if code == ErrorCode.NO_NODE:
            raise NoNodeError(paths.parent(self.path), child=self.path)
        raise error_for(code, self.path)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        path, data = body.path(), body.buffer()
        acl = tuple(body.vector(lambda: read_acl(body), SMALLEST_ACL))
        return cls(path, data, acl, _flags(body.int()))


def _flags(number: int) -> CreateFlag:
    # Python folds a negative number into the known bits and remembers each unknown one for ever.
    return CreateFlag(number if 0 <= number < _NO_FLAGS else _NO_FLAGS)


_NO_FLAGS = 8  # stands for all that no version of ZooKeeper knows


class Create(_Creates[str]):
    """Create a node; the answer is its path, with the number that a sequential one was given."""

    __slots__ = ()
    opcode = OpCode.CREATE

    def read(self, reply: Reader) -> str:
        return reply.path()

    def write_reply(self, answer: str, out: Writer) -> None:
        out.path(answer)


class Create2(_Creates[tuple[str, Stat]]):
    """Create a node; the answer is its path and its status (servers 3.5 and later)."""

    __slots__ = ()
    opcode = OpCode.CREATE2

    def read(self, reply: Reader) -> tuple[str, Stat]:
        return reply.path(), Stat.read(reply)

    def write_reply(self, answer: tuple[str, Stat], out: Writer) -> None:
        out.path(answer[0])
        answer[1].write(out)


@dataclass(frozen=True, slots=True)
class Delete(_Bare):
    """Delete a node that has no children and, unless `version` is -1, has that version."""

    opcode = OpCode.DELETE
    path: str
    version: int = ANY_VERSION

    def write(self, out: Writer) -> None:
        # A client whose root is a chroot must not delete it by the name "/": sent as it is, "/" fails.
        if self.path == "/":
            out.string("/")
        else:
            out.path(self.path)
        out.int(self.version)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), body.int())


@dataclass(frozen=True, slots=True)
class _Watching(Operation[R]):
    """A read of one node that can leave a watch."""

    is_read = True
    path: str
    watch: Watch | None = None

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.boolean(self.watch is not None)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), Watch() if body.boolean() else None)


class Exists(_Watching[Stat | None]):
    """Ask for the status of a node; None when there is none, and then the watch waits for it to be created."""

    __slots__ = ()
    opcode = OpCode.EXISTS
    watches = "data"
    watches_missing = "exist"

    def read(self, reply: Reader) -> Stat | None:
        return Stat.read(reply)

    def refused(self, code: int) -> Stat | None:
        return None if code == ErrorCode.NO_NODE else super().refused(code)

    def write_reply(self, answer: Stat | None, out: Writer) -> None:
        if answer is not None:
            answer.write(out)


class GetData(_Watching[tuple[bytes, Stat]]):
    """Get a node's data and status; null data reads as empty."""

    __slots__ = ()
    opcode = OpCode.GET_DATA
    watches = "data"

    def read(self, reply: Reader) -> tuple[bytes, Stat]:
        return reply.buffer() or b"", Stat.read(reply)

    def write_reply(self, answer: tuple[bytes | None, Stat], out: Writer) -> None:
        out.buffer(answer[0])
        answer[1].write(out)


class GetChildren(_Watching[list[str]]):
    """Get the names of a node's children, in no order."""

    __slots__ = ()
    opcode = OpCode.GET_CHILDREN
    watches = "child"

    def read(self, reply: Reader) -> list[str]:
        return reply.vector(reply.text, SMALLEST_STRING)

    def write_reply(self, answer: list[str], out: Writer) -> None:
        out.vector(answer, out.string)


class GetChildren2(_Watching[tuple[list[str], Stat]]):
    """Get the names of a node's children, in no order, and the node's status."""

    __slots__ = ()
    opcode = OpCode.GET_CHILDREN2
    watches = "child"

    def read(self, reply: Reader) -> tuple[list[str], Stat]:
        return reply.vector(reply.text, SMALLEST_STRING), Stat.read(reply)

    def write_reply(self, answer: tuple[list[str], Stat], out: Writer) -> None:
        out.vector(answer[0], out.string)
        answer[1].write(out)


@dataclass(frozen=True, slots=True)
class SetData(_AnswersStat):
    """Replace a node's data if, unless `version` is -1, it has that version; the answer is its new status."""

    opcode = OpCode.SET_DATA
    path: str
    data: bytes | None
    version: int = ANY_VERSION

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.buffer(self.data)
        out.int(self.version)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), body.buffer(), body.int())


@dataclass(frozen=True, slots=True)
class GetACL(Operation[tuple[list[ACL], Stat]]):
    """Get a node's ACL and status."""

    opcode = OpCode.GET_ACL
    is_read = True
    path: str

    def write(self, out: Writer) -> None:
        out.path(self.path)

    def read(self, reply: Reader) -> tuple[list[ACL], Stat]:
        return reply.vector(lambda: read_acl(reply), SMALLEST_ACL), Stat.read(reply)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path())

    def write_reply(self, answer: tuple[list[ACL], Stat], out: Writer) -> None:
        out.vector(answer[0], lambda acl: write_acl(acl, out))
        answer[1].write(out)


@dataclass(frozen=True, slots=True)
class SetACL(_AnswersStat):
    """Replace a node's ACL if, unless `version` is -1, its aversion is that; the answer is its status."""

    opcode = OpCode.SET_ACL
    path: str
    acl: tuple[ACL, ...]
    version: int = ANY_VERSION

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.vector(self.acl, lambda acl: write_acl(acl, out))
        out.int(self.version)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        path = body.path()
        return cls(path, tuple(body.vector(lambda: read_acl(body), SMALLEST_ACL)), body.int())


@dataclass(frozen=True, slots=True)
class Sync(Operation[str]):
    """Let the server catch up with its leader; the answer is the path."""

    opcode = OpCode.SYNC
    is_read = True
    path: str

    def write(self, out: Writer) -> None:
        out.path(self.path)

    def read(self, reply: Reader) -> str:
        return reply.path()

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path())

    def write_reply(self, answer: str, out: Writer) -> None:
        out.path(answer)


class Ping(_Empty):
    """Tell the server that we are alive, and learn that it is."""

    __slots__ = ()
    opcode = OpCode.PING
    xid = Xid.PING


class CloseSession(_Empty):
    """End the session, with its ephemeral nodes; the server hangs up after its answer."""

    __slots__ = ()
    opcode = OpCode.CLOSE_SESSION


@dataclass(frozen=True, slots=True)
class Auth(_Bare):
    """Add an identity to the connection. What proves it is kept out of `repr`."""

    opcode = OpCode.AUTH
    xid = Xid.AUTH
    scheme: str
    credential: bytes | None = field(repr=False)

    def write(self, out: Writer) -> None:
        out.int(0)
        out.string(self.scheme)
        out.buffer(self.credential)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        body.int()
        scheme, credential = body.string(), body.buffer()
        return cls(scheme or "", credential)


@dataclass(frozen=True, slots=True)
class SetWatches(_Bare):
    """Arm one-shot watches again: each that missed a change since `relative_zxid` fires before the answer."""

    opcode = OpCode.SET_WATCHES
    xid = Xid.SET_WATCHES
    relative_zxid: int
    data: tuple[str, ...] = ()
    exist: tuple[str, ...] = ()
    child: tuple[str, ...] = ()

    def write(self, out: Writer) -> None:
        out.long(self.relative_zxid)
        for watched in (self.data, self.exist, self.child):
            out.vector(watched, out.path)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        zxid = body.long()
        data, exist, child = (_paths(body) for _ in range(3))
        return cls(zxid, data, exist, child)


def _paths(body: Reader) -> tuple[str, ...]:
    at = body.position
    if body.int() == -1:
        msg = "a list of watches must not be null"
        raise ProtocolError(msg)
    body.position = at
    return tuple(body.vector(body.path, SMALLEST_STRING))
