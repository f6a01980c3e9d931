"""What stands for a driver's lock and connection in a child of the process that made the driver.

The child has our memory but not our threads, and the lock may be held by a thread that it has not: nothing may take it.
"""

import contextlib
import os
import socket

from zc.zk.errors import ForkedClientError


def forked() -> ForkedClientError:
    """Return the error for whoever uses the parent's client in a child."""
    msg = f"this client belongs to the parent of process {os.getpid()}: open a new one after fork"
    return ForkedClientError(msg)


class ForkedLock:
    """Lets nobody in."""

    def __enter__(self) -> None:
        raise forked()

    def __exit__(self, *_: object) -> None:
        return


def deafen(connection: int) -> None:
    """Put a socket that nobody speaks to in the place of a child's copy of the parent's connection.

    The connection itself stays open, and is out of the child's reach: a loop that both of them run waits with one
    selector, and the child would take it out of there, or take replies that are the parent's.
    """
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as nobody:
        nobody.setblocking(False)
        os.dup2(nobody.fileno(), connection, inheritable=False)
