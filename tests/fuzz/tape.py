"""Turns any bytes into choices, so that what a fuzzer mutates is a story and not only a frame.

A tape that has run out gives zeros: every string of bytes is a story, and a short one is a short story.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.wire import stat_body
from zc.zk.codes import CreateFlag
from zc.zk.jute import INT, LONG
from zc.zk.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Id

T = TypeVar("T")
NAMES = (
    *"aaaabbb",
    "c-",
    "é",
    "zookeeper",
    "quota",
    "zookeeper_limits",
    "zookeeper_stats",
    "..",
    "",
)
NUMBERS = (0, 1, 2, -1, 5, 31, 2**31 - 1, -(2**31))
QUOTAS = (
    "/a",
    "/",
    "/b",
    "/zookeeper/quota/a",
    "/zookeeper/quota/a/zookeeper_limits",
    "/zookeeper/quota/a/zookeeper_stats",
)
DATA = (
    b"",
    b"x",
    b"count=1,bytes=9",
    b"count=9" + b"9" * 30,
    b"count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=2",
    bytes(1000),
)
ACLS = (
    tuple(OPEN_ACL_UNSAFE),
    tuple(OPEN_ACL_UNSAFE),
    tuple(READ_ACL_UNSAFE),
    tuple(CREATOR_ALL_ACL),
    (),
    (ACL(31, Id("ip", "127.0.0.0/8")),),
    (ACL(1, Id("sasl", "alice")), ACL(31, Id("world", "anyone"))),
)
_STAT = stat_body()


class Tape:
    """Reads choices from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_over(self) -> bool:
        """Whether only zeros are left to come."""
        return self._position >= len(self._data)

    def take(self, count: int) -> bytes:
        """Give the next bytes as they are, fewer at the end."""
        begin = self._position
        self._position += count
        return self._data[begin : self._position]

    def below(self, limit: int) -> int:
        """Give a number from 0 on, of one byte."""
        byte = self.take(1)
        return byte[0] % limit if byte else 0

    @property
    def is_odd(self) -> bool:
        """Whether something odd is to happen, which is seldom."""
        return self.below(8) == 7

    def choose(self, values: Sequence[T]) -> T:
        """Give one of the values; the first is that of a tape that has run out."""
        return values[self.below(len(values))]

    def number(self, size: int = 4) -> int:
        """Give a signed number of so many bytes, often a special one."""
        kind = self.below(len(NUMBERS) + 1)
        if kind < len(NUMBERS):
            return NUMBERS[kind]
        return int.from_bytes(self.take(size), signed=True)

    def blob(self) -> bytes:
        """Give bytes of a length that the tape says."""
        return self.take(self.below(64))

    def path(self) -> str:
        """Give what may be a path."""
        if self.below(3) == 2:
            return self.choose(QUOTAS)
        return "/" + "/".join(self.choose(NAMES) for _ in range(1 + self.below(4) % 3))

    def version(self) -> int:
        """Give which version of a node is meant, any of them as a rule."""
        return self.number() if self.below(4) == 3 else -1

    def data(self) -> bytes | None:
        """Give what a node can hold."""
        kind = self.below(len(DATA) + 2)
        if kind < len(DATA):
            return DATA[kind]
        return None if kind == len(DATA) else self.blob()

    def acl(self) -> tuple[ACL, ...]:
        """Give an ACL that a client may ask for."""
        return self.choose(ACLS)

    def flags(self) -> CreateFlag:
        """Give what kind of node is to be created."""
        return CreateFlag(self.below(8) if self.is_odd else self.below(4))

    def fields(self) -> bytes:
        """Give what looks like the fields of a record, or like none."""
        return b"".join(self._field() for _ in range(self.below(6)))

    def _field(self) -> bytes:
        return self.choose(_FIELDS)(self)


def _counted(data: bytes) -> bytes:
    return INT.pack(len(data)) + data


_FIELDS: tuple[Callable[[Tape], bytes], ...] = (
    lambda tape: INT.pack(tape.number()),
    lambda tape: LONG.pack(tape.number(8)),
    lambda tape: _counted(tape.path().encode()),
    lambda tape: _counted(tape.blob()),
    lambda tape: _STAT,
    lambda tape: bytes([tape.below(2)]),
    Tape.blob,
)


def pieces(data: bytes, tape: Tape) -> list[bytes]:
    """Cut bytes as the tape says: in one, in two, or each byte for itself."""
    way = tape.below(3)
    if way == 0:
        return [data]
    if way == 1:
        at = int.from_bytes(tape.take(2)) % (len(data) + 1)
        return [data[:at], data[at:]]
    return [data[at : at + 1] for at in range(len(data))]
