"""Say what a behaviour test may ask of a server, be it the embedded one or a real one."""

from typing import Protocol, TypeVar

from tests.ports import free_port
from tests.realserver import RealServer

R = TypeVar("R", bound=RealServer)


class AnyServer(Protocol):
    """A server on loopback; its port, its data and its sessions outlive kills and restarts."""

    @property
    def port(self) -> int: ...

    @property
    def address(self) -> str: ...

    @property
    def is_running(self) -> bool: ...

    @property
    def version(self) -> tuple[int, int]:
        """The Apache version that it is, or behaves like."""

    def start(self) -> None:
        """Start and wait until it serves."""

    def stop(self) -> None:
        """Close all connections and end."""

    def kill(self) -> None:
        """End as a crash does."""

    def restart(self) -> None:
        """Stop and start."""

    def wipe(self) -> None:
        """Forget all data, sessions and zxids; only while not running."""

    def expire(self, session_id: int, password: bytes) -> None:
        """End a session from outside; return when it is over."""


class EmbeddedServer:
    """`zc.zk.testing.Server` as AnyServer."""

    def __init__(self) -> None:
        # Here, so that the tests of the test tools do not depend on what they are for.
        from zc.zk.server.settings import Settings  # noqa: PLC0415
        from zc.zk.testing import Server  # noqa: PLC0415

        # As the real ones do, it sweeps old TTL nodes and empty containers soon.
        self._server = Server(port=free_port(), settings=Settings(sweep_interval=0.2))

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def address(self) -> str:
        return self._server.address

    @property
    def is_running(self) -> bool:
        return self._server.is_running

    @property
    def version(self) -> tuple[int, int]:
        return self._server.settings.version

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.kill()

    def restart(self) -> None:
        self._server.restart()

    def wipe(self) -> None:
        self._server.wipe()

    def expire(self, session_id: int, password: bytes) -> None:
        if not self._server.expire(session_id):
            raise LookupError(f"session {session_id:#x} is not alive")


def serving(server: R) -> R:
    """Give a server that serves, whatever the test before has done to it."""
    if server.is_running:
        server.resume()
    else:
        server.start()
    return server
