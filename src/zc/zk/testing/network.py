"""The sockets of a server that can refuse connections."""

import contextlib
import selectors
import socket

from zc.zk.server.net import Network

_BACKLOG = 1024


class RefusingNetwork(Network):
    """A network that can stop listening, and keeps its port meanwhile."""

    def refuse(self, is_refusing: bool) -> None:
        """Let the system refuse connections, or accept them again; from the loop's thread."""
        if is_refusing:
            with contextlib.suppress(KeyError):  # it was short of descriptors, and paused
                self._selector.unregister(self._listener)
            self._listen_again_at = None
            self._listener = _bound_like(self._listener)
        else:
            self._listener.listen(_BACKLOG)
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)


def _bound_like(listener: socket.socket) -> socket.socket:
    """Replace a socket by one that has its port, and does not listen: it is what refuses."""
    address = listener.getsockname()
    listener.close()
    bound = socket.socket(listener.family, listener.type)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound
