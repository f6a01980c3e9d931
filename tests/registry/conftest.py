"""Two sessions with the same nodes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faces import registry_of
from tests.servers import AnyServer
from zc.zk import ZooKeeper


@pytest.fixture
def zk(face: str, server: AnyServer, chroot: str) -> Iterator[Any]:
    """A session, with a node at `/service`; Any: of either face."""
    with registry_of(face, server.address + chroot) as zk:
        zk.create("/service", b'{"threads": 1}')
        yield zk


@pytest.fixture
def other(zk: ZooKeeper) -> Iterator[ZooKeeper]:
    """Another session with the same nodes."""
    with ZooKeeper(zk.zkaddr) as other:
        yield other
