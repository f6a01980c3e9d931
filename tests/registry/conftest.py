"""Two sessions with the same nodes."""

from collections.abc import Iterator

import pytest

from tests.servers import AnyServer
from zc.zk import ZooKeeper


@pytest.fixture
def zk(server: AnyServer, chroot: str) -> Iterator[ZooKeeper]:
    """A session, with a node at `/service`."""
    with ZooKeeper(server.address + chroot) as zk:
        zk.create("/service", b'{"threads": 1}')
        yield zk


@pytest.fixture
def other(zk: ZooKeeper) -> Iterator[ZooKeeper]:
    """Another session with the same nodes."""
    with ZooKeeper(zk.zkaddr) as other:
        yield other
