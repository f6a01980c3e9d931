"""Operations that create nodes."""

from dataclasses import dataclass
from typing import Self, TypeVar

from zc.zk import paths
from zc.zk.codes import CreateFlag, ErrorCode, OpCode
from zc.zk.errors import NoNodeError, error_for
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import Operation
from zc.zk.records import SMALLEST_ACL, Stat, read_acl, write_acl
from zc.zk.security import ACL, OPEN_ACL_UNSAFE

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Creates(Operation[R]):
    """What all requests to create a node have in common."""

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
        return cls(*read_creation(body))


def read_creation(body: Reader) -> tuple[str, bytes | None, tuple[ACL, ...], CreateFlag]:
    """Read what the requests to create a node have in common, as a server."""
    path, data = body.path(), body.buffer()
    acl = tuple(body.vector(lambda: read_acl(body), SMALLEST_ACL))
    return path, data, acl, _flags(body.int())


def _flags(number: int) -> CreateFlag:
    # Python folds a negative number into the known bits and remembers each unknown one for ever.
    return CreateFlag(number if 0 <= number < _NO_FLAGS else _NO_FLAGS)


_NO_FLAGS = 8  # stands for all that no version of ZooKeeper knows


class Create(Creates[str]):
    """Create a node; the answer is its path, with the number that a sequential one was given."""

    __slots__ = ()
    opcode = OpCode.CREATE

    def read(self, reply: Reader) -> str:
        return reply.path()

    def write_reply(self, answer: str, out: Writer) -> None:
        out.path(answer)


class _CreatesWithStat(Creates[tuple[str, Stat]]):
    __slots__ = ()

    def read(self, reply: Reader) -> tuple[str, Stat]:
        return reply.path(), Stat.read(reply)

    def write_reply(self, answer: tuple[str, Stat], out: Writer) -> None:
        out.path(answer[0])
        answer[1].write(out)


class Create2(_CreatesWithStat):
    """Create a node; the answer is its path and its status (servers 3.5 and later)."""

    __slots__ = ()
    opcode = OpCode.CREATE2
    is_newer = True


@dataclass(frozen=True, slots=True)
class CreateContainer(_CreatesWithStat):
    """Create a node that goes when its last child has gone (servers 3.5.1 and later)."""

    opcode = OpCode.CREATE_CONTAINER
    is_newer = True
    flags: CreateFlag = CreateFlag.CONTAINER


@dataclass(frozen=True, slots=True)
class CreateTTL(_CreatesWithStat):
    """Create a node that goes when it has no children and was not written to for `ttl` milliseconds (3.5.3 and later).

    The server must run with `zookeeper.extendedTypesEnabled`, and does not know the operation otherwise.
    """

    opcode = OpCode.CREATE_TTL
    is_newer = True
    flags: CreateFlag = CreateFlag.TTL
    ttl: int = 0

    def write(self, out: Writer) -> None:
        Creates.write(self, out)
        out.long(self.ttl)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(*read_creation(body), body.long())
