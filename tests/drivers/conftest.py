"""A client of an embedded server, for tests of what is below it."""

from collections.abc import Iterator

import pytest

from zc.zk import Client
from zc.zk.testing import Server


@pytest.fixture
def embedded() -> Iterator[Server]:
    """An embedded server."""
    with Server() as server:
        yield server


@pytest.fixture
def client(embedded: Server) -> Iterator[Client]:
    """A client of `embedded`, with a node at `/a`."""
    with Client(embedded.address) as client:
        client.create("/a", b"0")
        yield client
