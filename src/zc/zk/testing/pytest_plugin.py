"""Fixtures for pytest: a ZooKeeper for the whole run, and a chroot of its own for each test.

With ZK_TEST_CONNECTION, such as `127.0.0.1:2181/tests`, the same tests run against that server; those that ask for what
only the embedded one can do are skipped.
"""

import os
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from zc.zk import Client, ZooKeeper, ZooKeeperError
from zc.zk.testing import Faults, Server
from zc.zk.testing.chroots import create_chroot, delete_chroot

if TYPE_CHECKING:
    from zc.zk import aio

VARIABLE = "ZK_TEST_CONNECTION"
_TICK_TIME = 0.05  # sessions may be as short as two of them


class OtherServer:
    """The server that ZK_TEST_CONNECTION names: it has an address, and the rest skips the test."""

    def __init__(self, connection_string: str) -> None:
        self.address, slash, path = connection_string.partition("/")
        self.base = (slash + path).rstrip("/")
        self.client = Client(self.address)

    def __repr__(self) -> str:
        return f"<{VARIABLE} {self.address}{self.base}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        skip_elsewhere(f"Server.{name}")


def skip_elsewhere(what: str) -> NoReturn:
    """Skip the test: with a server that is not ours there is no such thing."""
    pytest.skip(f"{what} needs the embedded server, and {VARIABLE} names another")


@pytest.fixture(scope="session")
def zk_server_options() -> dict[str, Any]:
    """Give the arguments of `zc.zk.testing.Server`; a project may override this fixture."""
    return {"tick_time": _TICK_TIME}


@pytest.fixture(scope="session")
def zk_shared_server(zk_server_options: dict[str, Any]) -> Iterator[Server | OtherServer]:
    """Give the server behind `zk_server`, in whatever state the last test left it."""
    connection_string = os.environ.get(VARIABLE)
    if not connection_string:
        with Server(**zk_server_options) as server:
            yield server
        return
    try:
        other = OtherServer(connection_string)
        other.client.start()
    except ZooKeeperError as error:
        pytest.fail(f"{VARIABLE}: {error}", pytrace=False)
    with other.client:
        other.client.ensure_path(other.base or "/")
        yield other


@pytest.fixture
def zk_server(zk_shared_server: Server | OtherServer) -> Iterator[Server | OtherServer]:
    """Give a `zc.zk.testing.Server` that runs, without faults; all tests share it, in one chroot each.

    What a test does to it is undone afterwards, but for wiped data.
    """
    _mend(zk_shared_server)
    yield zk_shared_server
    _mend(zk_shared_server)


@pytest.fixture
def zk_chroot(zk_server: Server | OtherServer) -> Iterator[str]:
    """Give the path of a node of this test alone, which is deleted afterwards with all below it."""
    path = f"/test-{os.getpid()}-{secrets.token_hex(4)}"
    if isinstance(zk_server, Server):
        create_chroot(zk_server, path)
        yield path
        _mend(zk_server)
        delete_chroot(zk_server, path)
    else:
        path = zk_server.base + path
        zk_server.client.create(path)
        yield path
        if zk_server.client.exists(path):
            zk_server.client.delete(path, recursive=True)


@pytest.fixture
def zk_connection_string(zk_server: Server | OtherServer, zk_chroot: str) -> str:
    """Give what any client connects to, as `host:port/chroot`; for kazoo, say."""
    return zk_server.address + zk_chroot


@pytest.fixture
def zk_client(zk_server: Server | OtherServer, zk_connection_string: str) -> Iterator[Client]:
    """Give a `zc.zk.Client` that is connected, in the test's chroot."""
    with Client(zk_connection_string) as client:
        yield client
        _mend(zk_server)


@pytest.fixture
def zk_registry(zk_server: Server | OtherServer, zk_connection_string: str) -> Iterator[ZooKeeper]:
    """Give a `zc.zk.ZooKeeper` in the test's chroot."""
    with ZooKeeper(zk_connection_string) as registry:
        yield registry
        _mend(zk_server)


@pytest.fixture
def zk_aio_client(zk_connection_string: str) -> Iterator["aio.Client"]:
    """Give a `zc.zk.aio.Client` in the test's chroot, for the test's own loop: `async with zk_aio_client:`."""
    from zc.zk import aio  # noqa: PLC0415 (who does without asyncio does not pay for it)

    client = aio.Client(zk_connection_string)
    yield client
    _require_stopped(client, "zk_aio_client")


@pytest.fixture
def zk_aio_registry(zk_connection_string: str) -> Iterator["aio.ZooKeeper"]:
    """Give a `zc.zk.aio.ZooKeeper` in the test's chroot, for the test's own loop: `async with zk_aio_registry:`."""
    from zc.zk import aio  # noqa: PLC0415 (the same)

    registry = aio.ZooKeeper(zk_connection_string)
    client = registry.client
    yield registry
    _require_stopped(client, "zk_aio_registry")


def _require_stopped(client: "aio.Client", name: str) -> None:
    if client.driver.is_running:
        pytest.fail(f"{name} was left open: use it in `async with`", pytrace=False)


@pytest.fixture
def zk_faults(zk_server: Server | OtherServer) -> Iterator[Faults]:
    """Give the `faults` of the server; those that are left are lifted afterwards."""
    if not isinstance(zk_server, Server):
        skip_elsewhere("zk_faults")
    yield zk_server.faults
    zk_server.faults.lift_all()


def _mend(server: Server | OtherServer) -> None:
    """Let a server of ours serve: before clients close, so that they need not wait for it."""
    if isinstance(server, Server):
        server.faults.lift_all()
        server.start()
