"""Cuts a stream of bytes into frames, within a limit that is checked before anything is kept."""

from collections.abc import Iterator

from zc.zk.errors import ProtocolError
from zc.zk.jute import INT

_LENGTH_BYTES = 4


class FrameLengthError(ProtocolError):
    """A frame announces a length that is not accepted; `xid` is whose reply it would have been."""

    def __init__(self, length: int, limit: int, start: bytes) -> None:
        super().__init__(length, limit, start)
        self.length = length
        self.limit = limit
        self.start = start

    @property
    def xid(self) -> int | None:
        return INT.unpack(self.start[4:8])[0] if len(self.start) >= 8 else None  # noqa: PLR2004

    def __str__(self) -> str:
        if self.start[:4].isalnum():  # such a length is over 800 MiB: this is text
            return f"the peer is not a ZooKeeper server: it sent {self.start[:24]!r}"
        return f"a frame of {self.length} bytes, where up to {self.limit} are accepted"


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
