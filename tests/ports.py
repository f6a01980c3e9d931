"""Choose a TCP port on loopback that stays ours while nothing listens on it."""

import contextlib
import random
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
_given: deque[int] = deque(maxlen=2000)
_choosing = threading.Lock()


def free_port() -> int:
    """Give a free port below those that the system hands to outgoing connections.

    A port from the system's own range could be taken by any outgoing connection between a stop
    and a start, and a client that dials one with nobody there can even connect to itself. Nor is a port given that was
    given not long ago: whoever has it may have stopped listening for a moment.
    """
    highest = _first_ephemeral_port() - 1
    with _choosing:
        for _ in range(1000):
            port = random.randint(LOWEST, highest)
            if port not in _given and _is_free(port):
                _given.append(port)
                return port
    raise RuntimeError(f"no free port between {LOWEST} and {highest}")


@contextlib.contextmanager
def port_of_nobody() -> Iterator[int]:
    """Give a port that takes no connection and refuses none: its backlog is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((LOOPBACK, 0))
        full.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def _first_ephemeral_port() -> int:
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(limits.read_text().split()[0]) if limits.exists() else 32_768
    return max(first, 2 * LOWEST)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()  # SO_REUSEADDR alone lets us bind beside another such socket
        except OSError:
            return False
        return True
