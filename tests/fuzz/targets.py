"""What can be fuzzed: each takes any bytes, and raises whatever is wrong."""

from collections.abc import Callable

from tests.fuzz import client, logs, server

FRAMES: tuple[Callable[[bytes], None], ...] = (
    *(server.play, client.play) * 2,
    server.compare_pieces,
)


def frames(data: bytes) -> None:
    """Play a story of frames, to the server's core or to the client's, as the first byte says."""
    if data:
        FRAMES[data[0] % len(FRAMES)](data[1:])


TARGETS: dict[str, Callable[[bytes], None]] = {"frames": frames, "log": logs.play}
