"""What needs no application; all the calls are in `test_rows`."""

import asyncio

import pytest

from tests.aio.looping import run, until
from zc.zk import ArgumentError, BadVersionError, NodeExistsError
from zc.zk.asab.calls import ZooKeeper
from zc.zk.records import WatchedEvent
from zc.zk.testing import Server


def test_a_missing_node_that_should_be_changed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        zk = ZooKeeper(None, None, server.address, 10.0)
        async with zk.AioClient:
            await zk.set_data("a/b", b"")
            await zk.delete("a/b")

    with Server() as server:
        run(work())

    assert [each.getMessage() for each in caplog.records if each.name == "zc.zk.asab"] == [
        "nothing was written, there is no node a/b",
        "nothing was deleted, there is no node a/b",
    ]


def test_other_errors_are_raised() -> None:
    async def work() -> None:
        zk = ZooKeeper(None, None, server.address, 10.0)
        async with zk.AioClient:
            await zk.create("a", b"")
            with pytest.raises(NodeExistsError):
                await zk.create("/a", b"")
            with pytest.raises(BadVersionError):
                await zk.set_data("a", b"", version=7)
            with pytest.raises(BadVersionError):
                await zk.delete("a", version=7)
            with pytest.raises(ArgumentError):
                await zk.get_data("a/..")

    with Server() as server:
        run(work())


def test_reads_take_watches() -> None:
    async def work() -> None:
        events: list[str] = []

        async def seen(event: WatchedEvent) -> None:
            events.append(f"{event.type} {event.path}")

        zk = ZooKeeper(None, None, server.address, 10.0)
        async with zk.AioClient:
            await zk.exists("a", seen)
            await zk.create("a", b"")
            await until(lambda: events == ["CREATED /a"])
            await zk.get_data("a", seen)
            await zk.set_data("a", b"1")
            await until(lambda: events[1:] == ["CHANGED /a"])
            await zk.get_children("a", seen)
            await zk.create("a/b", b"")
            await until(lambda: events[2:] == ["CHILD /a"])

    with Server() as server:
        run(work())


def test_of_many_upserts_at_once_each_succeeds() -> None:
    async def work() -> None:
        zk = ZooKeeper(None, None, server.address, 10.0)
        async with zk.AioClient:
            await asyncio.gather(*(zk.upsert("a/b", b"%d" % number) for number in range(20)))
            assert await zk.get_data("a/b") in {b"%d" % number for number in range(20)}

    with Server() as server:
        run(work())
