"""Operations on nodes that are there: their data, children, ACLs and status."""

from dataclasses import dataclass
from typing import Self, TypeVar

from zc.zk.codes import ANY_VERSION, ErrorCode, OpCode
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import AnswersNames, AnswersStat, Done, Operation, Watch
from zc.zk.records import SMALLEST_ACL, SMALLEST_STRING, Stat, read_acl, write_acl
from zc.zk.security import ACL

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Delete(Done):
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
class Watching(Operation[R]):
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


class Exists(Watching[Stat | None]):
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


class GetData(Watching[tuple[bytes, Stat]]):
    """Get a node's data and status; null data reads as empty."""

    __slots__ = ()
    opcode = OpCode.GET_DATA
    watches = "data"

    def read(self, reply: Reader) -> tuple[bytes, Stat]:
        return reply.buffer() or b"", Stat.read(reply)

    def write_reply(self, answer: tuple[bytes | None, Stat], out: Writer) -> None:
        out.buffer(answer[0])
        answer[1].write(out)


class GetChildren(AnswersNames, Watching[list[str]]):
    """Get the names of a node's children, in no order."""

    __slots__ = ()
    opcode = OpCode.GET_CHILDREN
    watches = "child"


class GetChildren2(Watching[tuple[list[str], Stat]]):
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
class SetData(AnswersStat):
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
class GetAllChildrenNumber(Operation[int]):
    """Get the number of nodes below a node, at any depth (servers 3.6 and later)."""

    opcode = OpCode.GET_ALL_CHILDREN_NUMBER
    is_newer = True
    is_read = True
    path: str

    def write(self, out: Writer) -> None:
        out.path(self.path)

    def read(self, reply: Reader) -> int:
        return reply.int()

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path())

    def write_reply(self, answer: int, out: Writer) -> None:
        out.int(answer)


@dataclass(frozen=True, slots=True)
class GetEphemerals(Operation[list[str]]):
    """Get the paths of this session's ephemeral nodes that begin with `prefix`, in no order (servers 3.6 and later)."""

    opcode = OpCode.GET_EPHEMERALS
    is_newer = True
    is_read = True
    prefix: str = "/"

    def write(self, out: Writer) -> None:
        # Servers compare strings, not parts: without its slash a chroot would take its namesakes' nodes for its own.
        out.string(out.root + self.prefix)

    def read(self, reply: Reader) -> list[str]:
        return reply.vector(reply.path, SMALLEST_STRING)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.string() or "")

    def write_reply(self, answer: list[str], out: Writer) -> None:
        out.vector(answer, out.path)


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
class SetACL(AnswersStat):
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
