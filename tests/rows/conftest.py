"""Every server, two sessions with the same nodes, and a network between that can fail."""

from collections.abc import Iterator

import pytest

from tests.proxy import FaultProxy
from tests.servers import AnyServer
from zc.zk import Client


@pytest.fixture
def server(every_server: AnyServer) -> AnyServer:
    """The embedded server, ZooKeeper 3.8.0 and ZooKeeper 3.9.3."""
    return every_server


@pytest.fixture
def client(server: AnyServer, chroot: str) -> Iterator[Client]:
    with Client(server.address + chroot) as client:
        yield client


@pytest.fixture
def other(server: AnyServer, chroot: str) -> Iterator[Client]:
    """Another session with the same nodes."""
    with Client(server.address + chroot) as other:
        yield other


@pytest.fixture
def proxied(proxy: FaultProxy, chroot: str) -> Iterator[Client]:
    """A client behind the proxy."""
    with Client(proxy.address + chroot) as client:
        yield client
