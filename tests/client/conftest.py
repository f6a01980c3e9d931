"""Two sessions with the same nodes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faces import client_of
from tests.servers import AnyServer
from zc.zk import (
    Client,
)


@pytest.fixture
def client(face: str, server: AnyServer, chroot: str) -> Iterator[Any]:
    """A client; Any: of either face."""
    with client_of(face, server.address + chroot) as client:
        yield client


@pytest.fixture
def other(server: AnyServer, chroot: str) -> Iterator[Client]:
    """Another session with the same nodes."""
    with Client(server.address + chroot) as other:
        yield other
