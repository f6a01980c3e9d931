"""Operations that set, look for, and remove watches on their own."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self, TypeVar

from zc.zk.codes import AddWatchMode, ErrorCode, OpCode, WatcherType, Xid
from zc.zk.errors import ProtocolError, UnimplementedError
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import Bare, Operation, Watch
from zc.zk.records import SMALLEST_STRING

E = TypeVar("E", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class SetWatches(Bare):
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


@dataclass(frozen=True, slots=True)
class SetWatches2(Bare):
    """As `SetWatches`, and for the watches that stay, which are armed without being told what they missed (3.6)."""

    opcode = OpCode.SET_WATCHES2
    is_newer = True
    xid = Xid.SET_WATCHES
    relative_zxid: int
    data: tuple[str, ...] = ()
    exist: tuple[str, ...] = ()
    child: tuple[str, ...] = ()
    persistent: tuple[str, ...] = ()
    recursive: tuple[str, ...] = ()

    def write(self, out: Writer) -> None:
        out.long(self.relative_zxid)
        for watched in (self.data, self.exist, self.child, self.persistent, self.recursive):
            out.vector(watched, out.path)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.long(), *(_paths(body) for _ in range(5)))


def _paths(body: Reader) -> tuple[str, ...]:
    at = body.position
    if body.int() == -1:
        msg = "a list of watches must not be null"
        raise ProtocolError(msg)
    body.position = at
    return tuple(body.vector(body.path, SMALLEST_STRING))


@dataclass(frozen=True, slots=True)
class AddWatch(Operation[None]):
    """Set a watch that stays until it is removed, on a node that need not exist (servers 3.6 and later)."""

    opcode = OpCode.ADD_WATCH
    is_newer = True
    is_read = True
    is_kept = True
    path: str
    watch: Watch
    mode: AddWatchMode = AddWatchMode.PERSISTENT

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.int(self.mode)

    def arms(self, code: int) -> str:
        return "recursive" if self.mode is AddWatchMode.PERSISTENT_RECURSIVE else "persistent"

    def read(self, reply: Reader) -> None:
        reply.int()  # an error number, which repeats the header's

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), Watch(), _known(AddWatchMode, body.int()))

    def write_reply(self, answer: None, out: Writer) -> None:
        out.int(0)


@dataclass(frozen=True, slots=True)
class _Watchers(Bare):
    path: str
    kind: WatcherType = WatcherType.ANY

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.int(self.kind)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), _known(WatcherType, body.int()))


class CheckWatches(_Watchers):
    """Ask whether this connection has watches of a kind on a path (servers 3.5; right from 3.9 on)."""

    __slots__ = ()
    opcode = OpCode.CHECK_WATCHES
    is_newer = True
    is_read = True


class RemoveWatches(_Watchers):
    """Remove the watches of a kind that this connection has on a path (servers 3.5 and later)."""

    __slots__ = ()
    opcode = OpCode.REMOVE_WATCHES
    is_newer = True
    is_kept = True


@dataclass(frozen=True, slots=True)
class ProbeModes(Operation[bool]):
    """Ask whether the server keeps standard and standing watches of one path apart, as servers do from 3.9 on.

    Only those know the type `PERSISTENT` (protocol.md, 11.5). The request is marked, not counted: its answer must not
    make the client's zxid grow before all watches are armed.
    """

    xid = Xid.SET_WATCHES

    def write(self, out: Writer) -> None:
        CheckWatches("/", WatcherType.PERSISTENT).write(out)

    def read(self, reply: Reader) -> bool:
        return True

    def refused(self, code: int) -> bool:
        if code == ErrorCode.UNIMPLEMENTED:
            raise UnimplementedError
        return code == ErrorCode.NO_WATCHER


ProbeModes.opcode = OpCode.CHECK_WATCHES  # set here, for servers read it as what it is


def _known(names: type[E], number: int) -> E:
    try:
        return names(number)
    except ValueError as error:
        msg = f"{number} is no {names.__name__}"
        raise ProtocolError(msg) from error
