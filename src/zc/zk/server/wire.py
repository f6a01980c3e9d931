"""One socket of the server, that never blocks: what comes in, what the kernel did not take yet."""

import contextlib
import selectors
import socket

from zc.zk.server.link import Link

RECEIVE_BYTES = 65_536


class Wire:
    """The socket of one link, in plain bytes.

    `has_ended` says that behind what was received last there is nothing more to come.
    """

    __slots__ = ("events", "has_ended", "link", "socket", "unsent")

    def __init__(self, connection: socket.socket, link: Link) -> None:
        self.socket = connection
        self.link = link
        self.unsent = memoryview(b"")
        self.events = selectors.EVENT_READ
        self.has_ended = False

    @property
    def has_unsent(self) -> bool:
        """Whether there is something to send that the link does not know of."""
        return bool(self.unsent)

    def receive(self) -> bytes:
        """Return what has come in, nothing at the end.

        Raises `BlockingIOError` where there is nothing for the link, `OSError` where all is over.
        """
        return self.socket.recv(RECEIVE_BYTES)

    def flush(self) -> None:
        """Send all there is to send; raises `BlockingIOError` when the kernel takes no more."""
        while self.unsent or self.refill():
            self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def refill(self) -> bool:
        """Fetch more to send; say whether there is any."""
        self.unsent = memoryview(self.link.data_to_send())
        return bool(self.unsent)

    def say_goodbye(self) -> None:
        """Tell the peer that no more will come."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.recv(RECEIVE_BYTES)  # unread bytes would turn the goodbye into an RST
