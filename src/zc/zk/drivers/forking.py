"""What stands for a driver's lock in a child of the process that made the driver.

The child has our memory but not our threads, and the lock may be held by a thread that it has not: nothing may take it.
"""

import os

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
