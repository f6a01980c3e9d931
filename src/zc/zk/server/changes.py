"""What committed transactions did, as values that a tree applies and a log keeps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

from zc.zk.errors import ProtocolError
from zc.zk.jute import Reader, Writer
from zc.zk.records import SMALLEST_ACL, read_acl, write_acl
from zc.zk.security import ACL


class Layout(NamedTuple):
    """The wire form of one field of a change, in both directions."""

    write: Callable[[Writer, Any], None]  # Any: each layout is for fields of its own type
    read: Callable[[Reader], Any]


def write_acl_list(out: Writer, acl: tuple[ACL, ...]) -> None:
    """Write the ACL of a node."""
    out.vector(acl, lambda entry: write_acl(entry, out))


def read_acl_list(source: Reader) -> tuple[ACL, ...]:
    """Read the ACL of a node."""
    return tuple(source.vector(lambda: read_acl(source), SMALLEST_ACL))


_TEXT = Layout(Writer.string, Reader.text)
_BUFFER = Layout(Writer.buffer, Reader.buffer)
_INT = Layout(Writer.int, Reader.int)
_LONG = Layout(Writer.long, Reader.long)
_ACL = Layout(write_acl_list, read_acl_list)


class Change:
    """One step of a transaction.

    It holds what was decided, so that making it again, in a later life, decides nothing.
    `layouts` says how its fields are written, in their order.
    """

    __slots__: tuple[str, ...] = ()
    tag: ClassVar[int]
    layouts: ClassVar[tuple[Layout, ...]]

    def write(self, out: Writer) -> None:
        """Write the change after its tag."""
        out.int(self.tag)
        for layout, name in zip(self.layouts, self.__slots__, strict=True):
            layout.write(out, getattr(self, name))

    @classmethod
    def read(cls, source: Reader) -> Self:
        """Read what `write` wrote, less the tag."""
        return cls(*(layout.read(source) for layout in cls.layouts))


@dataclass(frozen=True, slots=True)
class CreateNode(Change):
    """A node came to be; `owner` says of which kind (see `owners`)."""

    tag = 1
    layouts = (_TEXT, _BUFFER, _ACL, _LONG)
    path: str
    data: bytes | None
    acl: tuple[ACL, ...]
    owner: int = 0


@dataclass(frozen=True, slots=True)
class DeleteNode(Change):
    """A node without children went."""

    tag = 2
    layouts = (_TEXT,)
    path: str


@dataclass(frozen=True, slots=True)
class ReplaceData(Change):
    """A node was given other data."""

    tag = 3
    layouts = (_TEXT, _BUFFER)
    path: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class ReplaceACL(Change):
    """A node was given another ACL."""

    tag = 4
    layouts = (_TEXT, _ACL)
    path: str
    acl: tuple[ACL, ...]


@dataclass(frozen=True, slots=True)
class BeginSession(Change):
    """A session began; `timeout` in milliseconds."""

    tag = 5
    layouts = (_LONG, _INT, _BUFFER)
    session_id: int
    timeout: int
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndSession(Change):
    """A session was closed or expired; its ephemeral nodes went in the same transaction."""

    tag = 6
    layouts = (_LONG,)
    session_id: int


CHANGES: dict[int, type[Change]] = {
    cls.tag: cls
    for cls in (CreateNode, DeleteNode, ReplaceData, ReplaceACL, BeginSession, EndSession)
}
_SMALLEST_CHANGE = 8  # bytes: a tag and an empty string


class Transaction(NamedTuple):
    """The changes that were made under one zxid; `time` in milliseconds of the wall clock."""

    zxid: int
    time: int
    changes: tuple[Change, ...]

    def write(self, out: Writer) -> None:
        """Write the transaction with all its changes."""
        out.long(self.zxid)
        out.long(self.time)
        out.vector(self.changes, lambda change: change.write(out))

    @classmethod
    def read(cls, source: Reader) -> Self:
        """Read what `write` wrote; raises `ProtocolError` for anything else."""
        zxid, time = source.long(), source.long()
        changes = source.vector(lambda: _read_change(source), _SMALLEST_CHANGE)
        return cls(zxid, time, tuple(changes))


def _read_change(source: Reader) -> Change:
    cls = CHANGES.get(source.int())
    if cls is None:
        raise ProtocolError("a change of a kind that this version does not know")
    return cls.read(source)
