"""Several operations in one request: all or nothing for writes, each on its own for reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, ClassVar, Self

from zc.zk.codes import ANY_VERSION, ErrorCode, OpCode
from zc.zk.errors import (
    CodedError,
    ProtocolError,
    RolledBackError,
    error_for,
)
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import OPERATIONS, Done, Operation
from zc.zk.operations.creating import Creates
from zc.zk.records import Stat

_HEADER = Struct(">iBi")  # the kind of an operation or a result, whether it is the end, an error
_ERROR = -1  # stands for an operation's number where it failed, and at the end
_NO_ERROR = -1  # where a header says that it has nothing to say


@dataclass(frozen=True, slots=True)
class Check(Done):
    """Insist that a node exists and, unless `version` is -1, has that version; only for a `Multi`."""

    opcode = OpCode.CHECK
    path: str
    version: int = ANY_VERSION

    def write(self, out: Writer) -> None:
        out.path(self.path)
        out.int(self.version)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.path(), body.int())


@dataclass(frozen=True, slots=True)
class _Batch(Operation[list[Any]]):  # Any: values of every type, and errors
    """A request of several; the answer has a value or an error for each, in their order."""

    parts: ClassVar[frozenset[OpCode]]
    operations: Sequence[Operation[Any]] = ()

    def write(self, out: Writer) -> None:
        for operation in self.operations:
            _header(out, operation.opcode, _NO_ERROR)
            operation.write(out)
        _end(out)

    def read(self, reply: Reader) -> list[Any]:
        answers: list[Any] = []
        for operation in self.operations:
            kind, is_end, _ = reply.unpack(_HEADER)
            if is_end:
                msg = f"{len(answers)} results for {len(self.operations)} operations"
                raise ProtocolError(msg)
            answers.append(_answer(operation, kind, reply))
        _, is_end, _ = reply.unpack(_HEADER)
        if not is_end:
            msg = f"more results than the {len(self.operations)} operations"
            raise ProtocolError(msg)
        return answers

    def refused(self, code: int) -> list[Any]:
        raise error_for(code, None)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        operations: list[Operation[Any]] = []
        while True:
            kind, is_end, _ = body.unpack(_HEADER)
            if is_end:
                return cls(tuple(operations))
            if kind not in cls.parts:
                msg = f"operation {kind} in a {cls.__name__}"
                raise ProtocolError(msg)
            operations.append(OPERATIONS[kind].read_request(body))

    def write_reply(self, answer: list[Any], out: Writer) -> None:
        for operation, result in zip(self.operations, answer, strict=True):
            if isinstance(result, CodedError):
                _header(out, _ERROR, result.code)
                out.int(result.code)
            elif isinstance(operation, Creates):
                _write_created(result, out)
            else:
                _header(out, operation.opcode, 0)
                operation.write_reply(result, out)
        _end(out)


class Multi(_Batch):
    """Do several writes under one zxid, or none of them.

    When one fails, those before it are answered by `RolledBackError`, those after it by `RuntimeInconsistency`. Servers
    before 3.7.2 and 3.8.2 give no status for a `Create2`, a container or a TTL node: then it is None.
    """

    __slots__ = ()
    opcode = OpCode.MULTI
    parts = frozenset(
        (
            OpCode.CREATE,
            OpCode.CREATE2,
            OpCode.CREATE_CONTAINER,
            OpCode.CREATE_TTL,
            OpCode.DELETE,
            OpCode.SET_DATA,
            OpCode.CHECK,
        )
    )


class MultiRead(_Batch):
    """Get the data or the children of several nodes; each read succeeds or fails on its own (servers 3.6 and later)."""

    __slots__ = ()
    opcode = OpCode.MULTI_READ
    is_newer = True
    is_read = True
    parts = frozenset((OpCode.GET_DATA, OpCode.GET_CHILDREN))


def _header(out: Writer, kind: int, error: int) -> None:
    out.raw(_HEADER.pack(kind, 0, error))


def _end(out: Writer) -> None:
    out.raw(_HEADER.pack(_ERROR, 1, _NO_ERROR))


def _answer(operation: Operation[Any], kind: int, reply: Reader) -> Any:
    if kind == _ERROR:
        return _error(operation, reply.int())
    if isinstance(operation, Creates) and kind in (OpCode.CREATE, OpCode.CREATE2):
        return _read_created(operation, kind, reply)
    if kind == operation.opcode and not isinstance(operation, Creates):
        return operation.read(reply)
    msg = f"a result of kind {kind} for operation {operation.opcode}"
    raise ProtocolError(msg)


# Which of its two forms the answer to a creation has depends on the server's version more than on the operation.


def _write_created(result: str | tuple[str, Stat | None], out: Writer) -> None:
    path, stat = (result, None) if isinstance(result, str) else result
    _header(out, OpCode.CREATE if stat is None else OpCode.CREATE2, 0)
    out.path(path)
    if stat is not None:
        stat.write(out)


def _read_created(
    operation: Creates[Any], kind: int, reply: Reader
) -> str | tuple[str, Stat | None]:
    path = reply.path()
    stat = Stat.read(reply) if kind == OpCode.CREATE2 else None
    return path if operation.opcode == OpCode.CREATE else (path, stat)


def _error(operation: Operation[Any], code: int) -> CodedError:
    path = getattr(operation, "path", None)
    if code == ErrorCode.OK:
        return RolledBackError(path)
    try:
        operation.refused(code)
    except CodedError as error:
        return error
    return error_for(code, path)
