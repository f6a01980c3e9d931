"""One connection as the thread driver uses it: one thread reads, whoever has something to say writes."""

import contextlib
import socket
import threading

from zc.zk.drivers.tls import Channel

_CHUNK = 256 * 1024  # bytes read at once
_SLACK = 0.01  # seconds: a reading time-out that is nearly right is not set anew
_SHORTEST = 0.001
_SHORT_WAIT = 0.1  # seconds, for a lock under which nobody waits


class Wire:
    """Reads with a time-out, writes without ever waiting.

    `is_sending` says that the thread `sender` writes at the moment, `unsent` is what the kernel did not take yet; all
    are guarded by the driver's lock.
    """

    __slots__ = ("_reader", "_timeout", "_writer", "is_sending", "peer", "sender", "unsent")

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection
        self._writer = connection.dup()  # its own object, because a time-out belongs to the object
        self._writer.setblocking(False)
        self._timeout = 0.0
        self.peer = peer_name(connection)
        self.is_sending = False
        self.sender = 0
        self.unsent = b""

    def receive(self, seconds: float) -> bytes:
        """Return what has arrived, b"" at the end of the stream.

        Raises TimeoutError where nothing whole has arrived so far, OSError when the connection broke.
        """
        seconds = max(seconds, _SHORTEST)
        if abs(seconds - self._timeout) > _SLACK or self._timeout == 0.0:
            self._reader.settimeout(seconds)
            self._timeout = seconds
        return self._reader.recv(_CHUNK)

    def send(self, data: bytes) -> int:
        """Return how many bytes were sent; what is sent next begins with the others.

        Raises OSError when the connection broke.
        """
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


class SecureWire(Wire):
    """The same over TLS.

    The lock keeps the state of TLS whole, and encrypted bytes in their order; nothing waits under it.
    """

    __slots__ = ("_channel", "_encrypted", "_lock", "_owed")

    def __init__(self, connection: socket.socket, channel: Channel) -> None:
        super().__init__(connection)
        self._channel = channel
        self._lock = threading.Lock()
        self._encrypted = b""  # what the kernel did not take yet
        self._owed = 0  # plain bytes that are encrypted, and not told to be sent

    def receive(self, seconds: float) -> bytes:
        if self._channel.has_ended:
            return b""
        if self._channel.failure is not None:  # perhaps nothing more comes that would tell
            raise self._channel.failure
        encrypted = super().receive(seconds)
        with self._lock:
            data = self._channel.decrypt(encrypted)
            self._flush()  # the peer may have asked for new keys
        if not data and not self._channel.has_ended:
            raise TimeoutError("a part of a TLS record")
        return data

    def send(self, data: bytes) -> int:
        sent = 0
        with self._lock, memoryview(data) as view:
            while self._flush():
                sent += self._owed
                self._owed = min(len(data) - sent, _CHUNK)
                if not self._owed:
                    break
                self._channel.encrypt(view[sent : sent + self._owed])
        return sent

    def _flush(self) -> bool:
        """Send what is encrypted, under the lock; return whether the kernel took it all."""
        while True:
            if not self._encrypted:
                self._encrypted = self._channel.take()
                if not self._encrypted:
                    return True
            count = super().send(self._encrypted)
            if not count:
                return False
            self._encrypted = self._encrypted[count:]

    def hang_up(self) -> None:
        if self._lock.acquire(timeout=_SHORT_WAIT):  # but for one who interrupted the holder
            try:
                with contextlib.suppress(OSError):
                    self._channel.end()
                    self._flush()
            finally:
                self._lock.release()
        super().hang_up()


def peer_name(connection: socket.socket) -> str:
    """Return `address:port` of the other end, empty where there is none of that form, or no more."""
    try:
        address = connection.getpeername()
    except OSError:  # reading will say so
        return ""
    if not isinstance(address, tuple):
        return ""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
