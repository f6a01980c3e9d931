"""Load for a server: requests made beforehand, sent in blocks, and replies that are counted, not read."""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence

from tests import wire
from tests.bareclient import BareClient
from tests.wire import Opcode

_UNDER_WAY = 2  # blocks, so that the server has one while we look at the answer to the other
_CHUNK = 256 * 1024
_ERROR = 16  # where it stands in a reply, length included


class Lane:
    """One connection, and the blocks of requests that go over it; every reply has the size of the first."""

    def __init__(self, port: int, blocks: Sequence[bytes], block_size: int) -> None:
        self._client = BareClient.connect(port, timeout=30)
        self.connection = self._client.connection
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._block_size = block_size
        self._unsent = deque(blocks)
        self._left = len(blocks)
        self._received = bytearray()

    @property
    def is_done(self) -> bool:
        """Whether all is answered."""
        return not self._left

    def begin(self) -> None:
        """Send the first blocks."""
        for _ in range(_UNDER_WAY):
            self._send()

    def receive(self) -> None:
        """Read once; for each block that is answered send another."""
        self._received += self.connection.recv(_CHUNK)
        size = 4 + int.from_bytes(self._received[:4])
        while size * self._block_size <= len(self._received):
            check(self._received[: size * self._block_size], size)
            del self._received[: size * self._block_size]
            self._left -= 1
            self._send()

    def close(self) -> None:
        """End the session."""
        self._client.end()

    def _send(self) -> None:
        if self._unsent:
            self.connection.sendall(self._unsent.popleft())


def check(replies: bytes | bytearray, size: int) -> None:
    """Insist that all replies have this size, and that none is an error."""
    count = len(replies) // size
    for byte in range(4):
        assert replies[byte::size] == replies[byte : byte + 1] * count, "a reply of another size"
        assert not any(replies[_ERROR + byte :: size]), "a request was refused"


def drive(port: int, lanes: Sequence[Sequence[bytes]], block_size: int) -> float:
    """Send all the blocks of each lane over a connection of its own; give the seconds that it took."""
    by_descriptor = {}
    with select.epoll() as poll:
        for blocks in lanes:
            lane = Lane(port, blocks, block_size)
            by_descriptor[lane.connection.fileno()] = lane
            poll.register(lane.connection, select.EPOLLIN)
        left = len(lanes)
        begun = time.monotonic()
        for lane in by_descriptor.values():
            lane.begin()
        while left:
            for descriptor, _ in poll.poll():
                lane = by_descriptor[descriptor]
                lane.receive()
                left -= lane.is_done
        ended = time.monotonic()
    for lane in by_descriptor.values():
        lane.close()
    return ended - begun


def gets(path: str, count: int) -> bytes:
    """Give so many requests for a node's data."""
    body = wire.path_watch_body(path)
    return b"".join(wire.request(xid, Opcode.GET_DATA, body) for xid in range(1, count + 1))


def creates(prefix: str, data: bytes, count: int) -> bytes:
    """Give so many requests for nodes whose paths are equally long."""
    return b"".join(
        wire.request(xid, Opcode.CREATE, wire.create_body(f"{prefix}-{xid:04}", data))
        for xid in range(1, count + 1)
    )
