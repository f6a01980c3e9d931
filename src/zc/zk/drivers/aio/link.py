"""One connection as the asyncio driver uses it, in the clear or over TLS."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from zc.zk.drivers.dialling import reason_of
from zc.zk.drivers.tls import Channel
from zc.zk.drivers.wire import peer_name

_CHUNK = 256 * 1024  # plain bytes that are encrypted at once


class Link(asyncio.Protocol):
    """Tells `received` what came, `ended` why nothing more comes, and `writable` when it takes bytes again.

    After `drop` nothing is told any more.
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
        self.peer = ""
        self.is_full = False  # the kernel takes no more for the moment
        self.is_over = False
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
            self._received(self, data)
            return
        try:
            data = self._channel.decrypt(data)
            self._send(self._channel.take())  # the peer may have asked for new keys
        except OSError as error:
            self._end(reason_of(error))
            return
        if data:
            self._received(self, data)
        if self._channel.failure is not None:
            # Perhaps nothing more comes that would tell.
            self._end(reason_of(self._channel.failure))
        elif self._channel.has_ended:
            self._end("")

    def eof_received(self) -> None:
        if self._channel is not None:
            self.data_received(b"")  # it knows whether the stream was whole

    def connection_lost(self, error: Exception | None) -> None:
        self._end(reason_of(error) if isinstance(error, OSError) else "")

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        if not self.is_over:
            self._writable()

    def _end(self, reason: str) -> None:
        if not self.is_over:
            self.is_over = True
            self._abort()
            self._ended(self, reason)

    # --- asked by the driver

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

    def _abort(self) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.close()
        if transport.get_write_buffer_size():
            # uvloop writes at the end of this turn; what is left then would wait for a peer that does not read.
            asyncio.get_running_loop().call_soon(transport.abort)
