"""The two servers that are compared, each started by its own command on one and the same core."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from bench.cores import SERVER_CORES, on_cores
from bench.stage import BATCH, MULTI, multi_bodies
from tests import wire
from tests.bareclient import BareClient
from tests.ownedprocess import OwnedProcess
from tests.ports import LOOPBACK, free_port
from tests.realserver import RealServer

TICK = 0.2  # seconds: how late a session may expire
_AS_DELIVERED = ("-Dzookeeper.forceSync=yes", "-Dzookeeper.preAllocSize=65536")
_SECONDS_TO_START = 60.0
_SECONDS_TO_ANSWER = 0.2
_PAUSE = 0.001  # seconds between two attempts to connect


class Server(Protocol):
    """A server on loopback, in a process of its own, that can be started again and again."""

    port: int

    @property
    def process_id(self) -> int:
        """The id of its process, which runs."""

    def launch(self) -> None:
        """Start it and do not wait."""

    def kill(self) -> None:
        """End it at once."""

    def close(self) -> None:
        """End it, and remove what it left behind."""


class Embedded:
    """`zk server`, with its data in memory."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = OwnedProcess("zk-bench-")

    @property
    def process_id(self) -> int:
        """The id of its process, which runs."""
        assert self._process.running is not None
        return self._process.running.pid

    def launch(self) -> None:
        """Start it and do not wait."""
        # An installed package has its byte code. Ours is compiled by the first start, and goes with the folder.
        byte_code = str(self._process.prepare_directory() / "bytecode")
        command = (Path(sys.executable).with_name("zk"), "server", "--port", str(self.port))
        environment = {"PYTHONPYCACHEPREFIX": byte_code, "PYTHONDONTWRITEBYTECODE": ""}
        self._process.launch(command, environment)

    def kill(self) -> None:
        """End it at once."""
        self._process.end_processes()

    def close(self) -> None:
        """End it, and remove what it left behind."""
        self._process.remove()


class Apache:
    """Apache ZooKeeper, which waits for the disk before it answers a write, as it is delivered."""

    def __init__(self) -> None:
        self._server = RealServer(tick=TICK, fast=False, java_options=_AS_DELIVERED)
        self.port = self._server.port
        self.launch = self._server.launch
        self.kill = self._server.kill
        self.close = self._server.close

    @property
    def process_id(self) -> int:
        """The id of its process, which runs."""
        return self._server.process_id


MAKERS: dict[str, Callable[[], Server]] = {"embedded": Embedded, "Apache": Apache}


class Running:
    """A server that serves, alone on its core as far as we can help it. A context manager, which ends it."""

    def __init__(self, name: str) -> None:
        self.server = MAKERS[name]()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.server.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.close()

    def start(self) -> float:
        """Start it; give the seconds from then until it says that it serves."""
        begun = time.monotonic()
        with on_cores(SERVER_CORES):
            self.server.launch()
        while not self._does_serve():
            assert time.monotonic() < begun + _SECONDS_TO_START, "a server does not start"
            time.sleep(_PAUSE)
        return time.monotonic() - begun

    def _does_serve(self) -> bool:
        address = (LOOPBACK, self.server.port)
        try:
            with socket.create_connection(address, _SECONDS_TO_ANSWER) as connection:
                connection.sendall(b"srvr")
                return b"Mode: " in connection.recv(4096)
        except OSError:  # Apache's also accepts connections and answers nothing for a while
            return False

    def restart(self) -> float:
        """Start it anew, as `start` does."""
        self.server.kill()
        return self.start()

    @property
    def cpu_time(self) -> float:
        """The seconds of CPU that it has used."""
        fields = self._tell("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def most_resident(self) -> int:
        """How many bytes of memory it had at most."""
        line = next(each for each in self._tell("status").splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def create(self, paths: Iterable[str], data: bytes = b"") -> None:
        """Create nodes."""
        client = BareClient.connect(self.server.port, timeout=60)
        steps = ((wire.Opcode.CREATE, wire.create_body(path, data)) for path in paths)
        for body in multi_bodies(steps, BATCH):
            reply = client.call(MULTI, body)
            assert reply.err == 0, f"nodes were not created: {reply.err}"
        client.end()

    def _tell(self, what: str) -> str:
        return Path(f"/proc/{self.server.process_id}/{what}").read_text()
