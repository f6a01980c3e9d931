"""Paths below a chroot, in everything that the client is told."""

import pytest

import zc.zk
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import (
    OPEN_ACL_UNSAFE,
    Client,
    WatchedEvent,
)

SOON = 20.0


def test_paths_are_relative_to_the_chroot_in_answers(
    server: AnyServer, chroot: str, client: Client
) -> None:
    with Client(server.address) as root:
        assert client.create("/a") == "/a"
        assert client.create("/a/b-", sequence=True) == "/a/b-0000000000"
        assert client.create("/c", include_data=True)[0] == "/c"
        assert client.sync("/a") == "/a"

        assert sorted(root.get_children(chroot)) == ["a", "c"]
        assert root.get_children(f"{chroot}/a") == ["b-0000000000"]


def test_the_root_is_the_chroot(server: AnyServer, chroot: str, client: Client) -> None:
    with Client(server.address) as root:
        client.set("/", b"data")
        client.set_acls("/", OPEN_ACL_UNSAFE)

        assert root.get(chroot) == client.get("/")
        assert client.exists("/") == root.exists(chroot)
        assert client.get_children("/") == []
        assert client.sync("/") == "/"
        assert client.ensure_path("/")


def test_paths_are_relative_to_the_chroot_in_events(
    server: AnyServer, chroot: str, client: Client
) -> None:
    events: list[WatchedEvent] = []
    client.get("/", events.append)
    client.get_children("/", events.append)
    client.exists("/a", events.append)

    with Client(server.address) as root:
        root.set(chroot, b"data")
        root.create(f"{chroot}/a")

    told = [("CHANGED", "/"), ("CHILD", "/"), ("CREATED", "/a")]
    wait_until(lambda: sorted((event.type, event.path) for event in events) == told, SOON)


def test_paths_are_relative_to_the_chroot_in_errors(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError) as failed:
        client.get("/a")

    assert failed.value.path == "/a"


def test_a_chroot_that_is_missing_can_be_created(server: AnyServer, chroot: str) -> None:
    with Client(f"{server.address}{chroot}/deeper") as client:
        assert client.exists("/") is None
        with pytest.raises(zc.zk.NoNodeError):
            client.create("/a")

        assert client.ensure_path("/a/b")

        assert client.get_children("/") == ["a"]
