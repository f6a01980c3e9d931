"""ZooKeeper's primitive encodings (jute): a writer and a strict, bounded reader.

`Writer.root` and `Reader.root` are the chroot: paths get it on the way out and lose it on the way in, here and nowhere
else. Servers use the empty root.
"""

import builtins
from collections.abc import Callable, Sequence
from struct import Struct
from typing import TypeVar

from zc.zk import paths
from zc.zk.errors import ProtocolError

T = TypeVar("T")
INT = Struct(">i")
LONG = Struct(">q")
_pack_int = INT.pack
_NULL = _pack_int(-1)


class Writer:
    """Collects the encoding of one record after another."""

    __slots__ = ("_parts", "root")

    def __init__(self, root: str = "") -> None:
        self._parts: list[bytes] = []
        self.root = root

    def getvalue(self) -> bytes:
        """Return all that was written."""
        return b"".join(self._parts)

    def boolean(self, value: bool) -> None:
        self._parts.append(b"\x01" if value else b"\x00")

    def int(self, value: builtins.int) -> None:
        self._parts.append(_pack_int(value))

    def long(self, value: builtins.int) -> None:
        self._parts.append(LONG.pack(value))

    def raw(self, value: bytes) -> None:
        """Add bytes that are encoded already."""
        self._parts.append(value)

    def buffer(self, value: bytes | None) -> None:
        if value is None:
            self._parts.append(_NULL)
        else:
            self._parts += (_pack_int(len(value)), value)

    def string(self, value: str | None) -> None:
        self.buffer(None if value is None else value.encode())

    def path(self, value: str) -> None:
        """Write a path below the chroot."""
        encoded = (paths.under(self.root, value) if self.root else value).encode()
        self._parts += (_pack_int(len(encoded)), encoded)

    def vector(self, values: "Sequence[T]", write: Callable[[T], None]) -> None:
        self._parts.append(_pack_int(len(values)))
        for value in values:
            write(value)


class Reader:
    """Takes records from the bytes between `position` and `end`; never reads beyond.

    Raises `ProtocolError` for whatever cannot be: a length below -1 or past the end, text that is not UTF-8.
    """

    __slots__ = ("_data", "end", "position", "root")

    def __init__(
        self,
        data: bytes,
        position: builtins.int = 0,
        end: builtins.int | None = None,
        root: str = "",
    ) -> None:
        self._data = data
        self.position = position
        self.end = len(data) if end is None else end
        self.root = root

    @property
    def remaining(self) -> builtins.int:
        """How many bytes were not taken yet."""
        return self.end - self.position

    def finish(self) -> None:
        """Insist that everything was taken."""
        if self.position != self.end:
            msg = f"{self.remaining} bytes after the end of a record"
            raise ProtocolError(msg)

    def take(self, count: builtins.int) -> builtins.int:
        """Step over `count` bytes and return where they begin."""
        begin = self.position
        if count < 0 or begin + count > self.end:
            msg = f"a field of {count} bytes where {self.remaining} are left"
            raise ProtocolError(msg)
        self.position = begin + count
        return begin

    def unpack(self, layout: Struct) -> tuple[builtins.int, ...]:
        """Take a run of fixed-size fields."""
        return layout.unpack_from(self._data, self.take(layout.size))

    def boolean(self) -> bool:
        return self._data[self.take(1)] != 0

    def int(self) -> builtins.int:
        value: builtins.int = INT.unpack_from(self._data, self.take(4))[0]
        return value

    def long(self) -> builtins.int:
        value: builtins.int = LONG.unpack_from(self._data, self.take(8))[0]
        return value

    def buffer(self) -> bytes | None:
        length = self.int()
        if length == -1:
            return None
        begin = self.take(length)
        return bytes(self._data[begin : begin + length])

    def string(self) -> str | None:
        value = self.buffer()
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            msg = f"text that is not UTF-8: {error}"
            raise ProtocolError(msg) from error

    def text(self) -> str:
        """Take a string that must not be null."""
        value = self.string()
        if value is None:
            msg = "null where a string must be"
            raise ProtocolError(msg)
        return value

    def path(self) -> str:
        """Take a path, less the chroot."""
        return paths.without(self.root, self.text())

    def vector(self, read: Callable[[], T], smallest: builtins.int) -> list[T]:
        """Take a list whose elements are at least `smallest` bytes each; a null one is empty."""
        count = self.int()
        if count == -1:
            return []
        if count < 0 or count * smallest > self.remaining:
            msg = f"a list of {count} where {self.remaining} bytes are left"
            raise ProtocolError(msg)
        return [read() for _ in range(count)]
