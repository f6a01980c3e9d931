"""One TCP connection as the thread driver uses it: one thread reads, whoever has something to say writes."""

import contextlib
import socket

_CHUNK = 256 * 1024  # bytes read at once
_SLACK = 0.01  # seconds: a reading time-out that is nearly right is not set anew
_SHORTEST = 0.001


class Wire:
    """Reads with a time-out, writes without ever waiting.

    `is_sending` belongs to the one thread that writes at the moment, `unsent` is what the kernel did not take yet; both
    are guarded by the driver's lock.
    """

    __slots__ = ("_reader", "_timeout", "_writer", "is_sending", "unsent")

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection
        self._writer = connection.dup()  # its own object, because a time-out belongs to the object
        self._writer.setblocking(False)
        self._timeout = 0.0
        self.is_sending = False
        self.unsent = b""

    def receive(self, seconds: float) -> bytes:
        """Return what has arrived, b"" at the end of the stream; raises TimeoutError, or OSError when it broke."""
        seconds = max(seconds, _SHORTEST)
        if abs(seconds - self._timeout) > _SLACK or self._timeout == 0.0:
            self._reader.settimeout(seconds)
            self._timeout = seconds
        return self._reader.recv(_CHUNK)

    def send(self, data: bytes) -> int:
        """Return how many bytes the kernel took; raises OSError when the connection broke."""
        try:
            return self._writer.send(data)
        except BlockingIOError:
            return 0

    @property
    def writer(self) -> socket.socket:
        """The socket to wait for when the kernel takes no more."""
        return self._writer

    def hang_up(self) -> None:
        """End both directions; a reader wakes up."""
        with contextlib.suppress(OSError):
            self._reader.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
