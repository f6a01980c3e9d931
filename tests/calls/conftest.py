"""Two sessions with the same nodes."""

from collections.abc import Iterator

import pytest

from tests.servers import AnyServer
from zc.zk import (
    Client,
)


@pytest.fixture
def client(server: AnyServer, chroot: str) -> Iterator[Client]:
    with Client(server.address + chroot) as client:
        yield client


@pytest.fixture
def other(server: AnyServer, chroot: str) -> Iterator[Client]:
    """Another session with the same nodes."""
    with Client(server.address + chroot) as other:
        yield other
