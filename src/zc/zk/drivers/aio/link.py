"""One connection as the asyncio driver uses it, in the clear or over TLS."""

import asyncio
import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

from zc.zk.drivers.dialling import reason_of
from zc.zk.drivers.forking import deafen
from zc.zk.drivers.tls import Channel
from zc.zk.drivers.wire import peer_name

_CHUNK = 256 * 1024  # plain bytes that are encrypted at once
_SLICE = 16 * 1024  # bytes that are handled at once: a millisecond or two of small replies


class Link(asyncio.Protocol):
    """Tells `received` what came, `ended` why nothing more comes, and `writable` when it takes bytes again.

    What comes in large pieces is told in slices, and all else on the loop gets its turn between two of them. After
    `drop` nothing is told any more.
    """

    def __init__(
        self,
        channel: Channel | None,
        received: Callable[["Link", bytes], None],
        ended: Callable[["Link", str], None],
        writable: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._received = received
        self._ended = ended
        self._writable = writable
        self._transport: asyncio.Transport | None = None
        self._slices: deque[bytes] = deque()  # not told yet; meanwhile nothing more is read
        self.peer = ""
        self.is_full = False  # the kernel takes no more for the moment
        self.is_over = False
        self.reason = ""  # why, where it ended by itself
        self.on_over: Callable[[], object] = lambda: None  # the driver's, when it has let go

    # --- told by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection: socket.socket = transport.get_extra_info("socket")
        self.peer = peer_name(connection)

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return
        if self._channel is None:
            self._tell(data)
            return
        try:
            data = self._channel.decrypt(data)
            self._send(self._channel.take())  # the peer may have asked for new keys
        except OSError as error:
            self._end(reason_of(error))
            return
        if data:
            self._tell(data)
        if self._channel.failure is not None:
            # Perhaps nothing more comes that would tell.
            self._end(reason_of(self._channel.failure))
        elif self._channel.has_ended:
            self._end("")

    def _tell(self, data: bytes) -> None:
        if len(data) <= _SLICE and not self._slices:
            self._received(self, data)
            return
        self._slices.extend(data[begin : begin + _SLICE] for begin in range(0, len(data), _SLICE))
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._tell_next()

    def _tell_next(self) -> None:
        if self.is_over or not self._slices:
            return
        self._received(self, self._slices.popleft())
        if self._slices:
            asyncio.get_running_loop().call_soon(self._tell_next)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _tell_rest(self) -> None:
        if self._transport is None:
            return
        with (
            contextlib.suppress(OSError),
            self._transport.get_extra_info("socket").dup() as connection,
        ):
            connection.setblocking(False)
            while not self.is_over and (data := connection.recv(_CHUNK)):
                self.data_received(data)

    def eof_received(self) -> None:
        if self._channel is not None:
            self.data_received(b"")  # it knows whether the stream was whole

    def connection_lost(self, error: Exception | None) -> None:
        if isinstance(error, OSError):
            self._tell_rest()  # a write may have met the error first, and the peer has said why
        self._end(reason_of(error) if isinstance(error, OSError) else "")

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        if not self.is_over:
            self._writable()

    def _end(self, reason: str) -> None:
        if self._slices and not self.is_over:  # they came before the end
            data = b"".join(self._slices)
            self._slices.clear()
            self._received(self, data)
        if not self.is_over:
            self.is_over = True
            self.reason = reason
            self._abort()
            self._ended(self, reason)

    # --- asked by the driver

    def has_unread(self) -> bool:
        """Return whether something has come that was not told yet."""
        if self._slices or self._transport is None:
            return bool(self._slices)
        with selectors.DefaultSelector() as selector:
            selector.register(self._transport.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as the kernel takes them."""
        if self._channel is None:
            self._send(data)
            return
        try:
            with memoryview(data) as view:
                for begin in range(0, len(data), _CHUNK):
                    self._channel.encrypt(view[begin : begin + _CHUNK])
                    self._send(self._channel.take())
        except OSError as error:
            self._end(reason_of(error))

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def drop(self) -> None:
        """End the connection; what the kernel has not taken is lost."""
        if not self.is_over:
            self.is_over = True
            if self._channel is not None:
                self._channel.end()
                self._send(self._channel.take())
            self._abort()

    def leave(self) -> None:
        """Leave the connection to the parent of this process."""
        if self._transport is not None and not self.is_over:
            deafen(self._transport.get_extra_info("socket").fileno())

    def _abort(self) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.close()
        if transport.get_write_buffer_size():
            # uvloop writes at the end of this turn; what is left then would wait for a peer that does not read.
            asyncio.get_running_loop().call_soon(transport.abort)
