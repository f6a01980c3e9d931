"""What a server knows of itself, for whoever asks by a four-letter word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

from zc.zk.server.latency import Latency
from zc.zk.server.store import Store


class Sized(Protocol):
    """A folder, as far as its size is asked for."""

    @property
    def size(self) -> int:
        """How many bytes are in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is: its ports, and its folder with the bytes in it."""

    port: int = -1
    secure_port: int = -1
    data_dir: str = ""
    folder_bytes: Callable[[], int] = int

    @classmethod
    def of(
        cls, port: int, *, is_secure: bool, data_dir: object = "", folder: "Sized | None" = None
    ) -> Self:
        """Return the place of a server with one port, and a folder or none."""
        ports = (-1, port) if is_secure else (port, -1)
        return cls(*ports, str(data_dir or ""), (lambda: folder.size) if folder else int)


class Connection(NamedTuple):
    """One connection; `session_id` 0 is none yet. `since` and `answered_at` as `Status.now`."""

    host: str
    port: int
    is_asking: bool
    received: int
    sent: int
    session_id: int
    timeout: int
    ends_at: float
    since: float
    answered_at: float
    opcode: int | None
    xid: int
    zxid: int
    latency: Latency


class Status(NamedTuple):
    """What a server says of itself; times in seconds of its own clock."""

    version: str
    store: Store
    place: Place
    now: float
    started: float
    received: int
    sent: int
    latency: Latency
    connections_count: int
    connections: Callable[[], Sequence[Connection]]  # only where all of them are asked for
