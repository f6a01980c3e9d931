"""Our client and kazoo's, as far as they are alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kazoo.client import KazooClient

import zc.zk
from tests.waiting import stretched
from zc.zk.testing import Server

KINDS = ("ours", "kazoo")


@contextmanager
def connected(kind: str, server: Server, **options: Any) -> Iterator[Any]:
    """Give a client that is connected; Any: kazoo ships no types."""
    client = unconnected(kind, server, **options)
    client.start(stretched(10))
    try:
        yield client
    finally:
        server.faults.lift_all()
        client.stop()
        client.close()


def unconnected(kind: str, server: Server, **options: Any) -> Any:
    """Give a client that was not started."""
    options.setdefault("timeout", 2.0)
    make: Any = zc.zk.Client if kind == "ours" else KazooClient
    return make(server.address, **options)
