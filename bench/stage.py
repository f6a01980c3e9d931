"""The real server that all subjects are measured on, with the nodes they need."""

import os
import signal
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.tasks import DATA_SIZE, NODES
from tests import wire
from tests.bareclient import BareClient, end_session
from tests.realserver import RealServer
from tests.waiting import wait_until

MULTI = 14
BATCH = 500  # operations in one transaction: a frame stays under 1 MiB
_END_OF_MULTI = struct.pack(">i?i", -1, True, -1)
_FIRST_CHILD = "before"


def data_path(number: int) -> str:
    """Give the path of a node whose data change."""
    return f"{NODES}/data/{number:05}"


def children_path(number: int) -> str:
    """Give the path of a node whose children change."""
    return f"{NODES}/parents/{number:05}"


class Stage:
    """A server with a JIT compiler and enough heap, and one session of ours that changes its nodes."""

    def __init__(self) -> None:
        # With long sessions: whoever is stopped for a moment keeps his.
        self.server = RealServer(tick=2.0, fast=False)
        self._child = _FIRST_CHILD
        self._client: BareClient | None = None

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.drop()
        self.server.close()

    def furnish(self, data_nodes: int, parents: int) -> None:
        """Create the nodes."""
        frame = [NODES, f"{NODES}/data", f"{NODES}/parents", f"{NODES}/ephemeral"]
        self._create(frame)
        self._create([f"{NODES}/node", *map(data_path, range(data_nodes))], b"x" * DATA_SIZE)
        self._create(map(children_path, range(parents)))
        self._create(f"{children_path(number)}/{_FIRST_CHILD}" for number in range(parents))

    def change_data(self, count: int, mark: str) -> None:
        """Set the data of so many nodes; the mark comes first."""
        data = mark.encode().ljust(DATA_SIZE, b".")
        self._multi(
            (wire.Opcode.SET_DATA, wire.set_data_body(data_path(number), data))
            for number in range(count)
        )

    def change_children(self, count: int, mark: str) -> None:
        """Give so many parents a child named as the mark, for the one they had."""
        before, self._child = self._child, mark
        steps: list[tuple[int, bytes]] = []
        for number in range(count):
            path = children_path(number)
            steps.append((wire.Opcode.DELETE, wire.delete_body(f"{path}/{before}")))
            steps.append((wire.Opcode.CREATE, wire.create_body(f"{path}/{mark}")))
        self._multi(steps)

    def end_session(self, session_id: int, password: bytes) -> None:
        """End somebody's session."""
        end_session(self.server.port, session_id, password)

    def _create(self, paths: Iterable[str], data: bytes = b"") -> None:
        self._multi((wire.Opcode.CREATE, wire.create_body(path, data)) for path in paths)

    def _multi(self, steps: Iterable[tuple[int, bytes]]) -> None:
        # In few transactions: what a subject waits for shall be its own work, not the server's log.
        client = self._connected()
        for body in multi_bodies(steps, BATCH):
            reply = client.call(MULTI, body)
            assert reply.err == 0, f"a change was refused: {reply.err}"
            assert struct.unpack_from(">i", reply.body)[0] != -1, "a change was refused"

    def _connected(self) -> BareClient:
        # Nobody pings for us: the session is asked whether it still lives.
        if self._client is not None:
            try:
                self._client.ping()
            except (EOFError, OSError):
                self._client.drop()
                self._client = None
        if self._client is None:
            self._client = BareClient.connect(self.server.port, timeout=60)
        return self._client


def multi_bodies(steps: Iterable[tuple[int, bytes]], size: int) -> Iterator[bytes]:
    """Give the bodies of transactions of so many steps each: an opcode and a body."""
    headed = [struct.pack(">i?i", opcode, False, -1) + body for opcode, body in steps]
    for begin in range(0, len(headed), size):
        yield b"".join(headed[begin : begin + size]) + _END_OF_MULTI


def wait_until_stopped(process: int) -> None:
    """Return when a process has stopped itself."""

    def is_stopped() -> bool:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    wait_until(is_stopped, 30)


def resume(process: int) -> None:
    """Let a stopped process go on."""
    os.kill(process, signal.SIGCONT)
