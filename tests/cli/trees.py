"""A tree with everything in it that can be carried over, and how to look at one."""

from collections.abc import Iterator
from contextlib import contextmanager

from zc.zk.cli.carrying import TreeReader
from zc.zk.cli.treelines import Entry
from zc.zk.client import Client
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Id

ANYONE = Id("world", "anyone")
LOCKED = (ACL(31, Id("ip", "127.0.0.1")), ACL(1, ANYONE))


def silent(_done: int) -> None:
    """Tell nobody."""


@contextmanager
def client_of(address: str) -> Iterator[Client]:
    """Give a client that is connected."""
    client = Client(address, default_acl=OPEN_ACL_UNSAFE)
    client.start()
    try:
        yield client
    finally:
        client.stop()


def tree_of(address: str) -> list[Entry]:
    """Give what a server holds at an address with a chroot."""
    with client_of(address) as client:
        return sorted(TreeReader(client, "/", silent).entries())


def fill(address: str) -> None:
    """Make a tree below an address with a chroot."""
    with client_of(address) as client:
        client.ensure_path("/")
        client.set("/", b"top")
        client.create("/json", b'{"a": 1}')
        client.create("/bytes", bytes(range(256)))
        client.create("/\u00e9 space", "\u00e9\n".encode())
        client.create("/big", b"x" * 900_000)
        client.create("/big-2", b"y" * 200_000)
        client.create("/locked", b"", LOCKED)
        client.create("/parent", b"1")
        client.create("/parent/read-only", b"2", [*READ_ACL_UNSAFE])
        for number in range(300):
            client.create_async(f"/parent/n-{number:03}", b"%d" % number)
        client.create("/parent/n-000/deep", b"")
        client.set_acls("/parent", [ACL(1 | 16, ANYONE)])
        client.create("/empty")
