"""Cuts a stream of bytes into frames, within a limit that is checked before anything is kept."""

from collections.abc import Iterator

from zc.zk.errors import ProtocolError
from zc.zk.jute import INT, LONG

_LENGTH_BYTES = 4
_WITH_XID = 8
_WITH_ZXID = 16


class FrameLengthError(ProtocolError):
    """A frame announces a length that is not accepted; `xid` is whose reply it would have been."""

    def __init__(self, length: int, limit: int, start: bytes) -> None:
        super().__init__(length, limit, start)
        self.length = length
        self.limit = limit
        self.start = start

    @property
    def xid(self) -> int | None:
        return INT.unpack(self.start[4:8])[0] if len(self.start) >= _WITH_XID else None

    @property
    def zxid(self) -> int | None:
        return LONG.unpack(self.start[8:16])[0] if len(self.start) >= _WITH_ZXID else None

    @property
    def announcement(self) -> str:
        """What the length was, and what it may be, without anything of what came with it."""
        return f"a frame of {self.length} bytes, where up to {self.limit} are accepted"

    def __str__(self) -> str:
        if all(0x20 <= byte < 0x7F for byte in self.start[:4]):  # over 512 MiB: this is text  # noqa: PLR2004
            return f"the peer is not a ZooKeeper server: it sent {self.start[:24]!r}"
        return self.announcement


class FrameReader:
    """Holds the part of a frame that has arrived so far.

    `limit` is the longest frame accepted, in bytes without its length field.
    """

    __slots__ = ("_held", "_wanted", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()
        self._wanted = _LENGTH_BYTES

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yield each complete frame as the bytes it lies in, and where it begins and ends there.

        Raises `FrameLengthError` at a length that is negative or beyond the limit, after the frames before it.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return
            data = bytes(self._held)
            self._held.clear()
        begin, size = 0, len(data)
        self._wanted = _LENGTH_BYTES
        while size - begin >= _LENGTH_BYTES:
            length = INT.unpack_from(data, begin)[0]
            if length > self.limit and size - begin < _WITH_ZXID:
                self._wanted = (
                    _WITH_ZXID  # whose reply it is must be known, or it is asked for again
                )
                break
            if not 0 <= length <= self.limit:
                raise FrameLengthError(length, self.limit, data[begin : begin + 32])
            end = begin + _LENGTH_BYTES + length
            if end > size:
                self._wanted = _LENGTH_BYTES + length
                break
            yield data, begin + _LENGTH_BYTES, end
            begin = end
        if begin < size:
            self._held += data[begin:]
