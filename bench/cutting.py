"""Ends connections under a library's feet: a proxy's own work would be measured, too."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path


def cut_connections(port: int) -> None:
    """End all connections of this process to that port."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            # Seen to first: what is no socket would be left open, and be there twice as often at the next cut.
            if not stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as held:
                if held.family == socket.AF_INET and held.getpeername()[1] == port:
                    held.shutdown(socket.SHUT_RDWR)
