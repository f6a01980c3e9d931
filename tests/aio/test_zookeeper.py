"""The registry helper on an event loop, from its start to its end."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from tests.aio.looping import SOON, others, run, stays, told_by_child, until
from tests.loops import on_same_loops
from zc.zk import ConnectionClosedError, FailedConnect, NoNodeError
from zc.zk.aio import Client, ZooKeeper
from zc.zk.testing import Server

A_MOMENT = 0.05


def test_no_thread_is_made(server: Server) -> None:
    async def main() -> None:
        before = set(threading.enumerate())
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            await zk.register("/s", "h:1")
            children = await zk.children("/s")
            children(lambda _: None)
            assert set(threading.enumerate()) == before

    run(main())


PROGRAM = """
import asyncio, sys
import zc.zk.aio

async def main():
    zk = await zc.zk.aio.ZooKeeper(sys.argv[1])
    await zk.create("/left")
    print("done")

asyncio.run(main())
"""


def test_a_program_that_closes_nothing_ends_at_once_and_quietly(server: Server) -> None:
    begun = time.monotonic()

    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", on_same_loops(PROGRAM), server.address],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("done\n", "", 0)
    assert time.monotonic() - begun < 10.0


def test_a_registry_is_connected_when_it_was_awaited_or_entered(server: Server) -> None:
    async def main() -> None:
        zk = ZooKeeper(server.address)
        assert not zk.connected.is_set()
        assert await zk is zk
        assert zk.connected.is_set()
        async with zk as same:
            assert same is zk
            assert await zk.exists("/")
        assert zk.handle is None
        await zk.close()
        with pytest.raises(ConnectionClosedError):
            await zk.get("/")
        assert repr(zk) == f"<zc.zk.aio.ZooKeeper {server.address} closed>"

    run(main())


def test_a_registry_can_wait_for_a_server_that_comes_later(server: Server) -> None:
    async def main() -> None:
        server.stop()
        waiting = asyncio.ensure_future(started(ZooKeeper(server.address, wait=True)))
        assert await stays(lambda: not waiting.done(), A_MOMENT)
        server.start()
        async with await waiting as zk:
            assert await zk.exists("/")

    run(main())


async def started(zk: ZooKeeper) -> ZooKeeper:
    return await zk


def test_waiting_for_a_server_may_be_cancelled_and_leaves_nothing(server: Server) -> None:
    async def main() -> None:
        server.stop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(A_MOMENT):
                await ZooKeeper(server.address, wait=True)
        assert others() == set()

    run(main())


def test_a_registry_that_finds_no_server_names_what_it_tried(server: Server) -> None:
    async def main() -> None:
        server.stop()
        with pytest.raises(FailedConnect, match=f"{server.address}: connection refused"):
            await ZooKeeper(server.address, start_timeout=0.2)
        with pytest.raises(FailedConnect):
            async with ZooKeeper(server.address, start_timeout=0.2):
                pytest.fail("there is no server")
        assert others() == set()

    run(main())


def test_a_borrowed_client_is_started_where_it_is_not_and_left_open(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        async with ZooKeeper(client) as zk:
            assert zk.client is client
            assert client.connected
        assert client.connected
        async with ZooKeeper(client) as one, ZooKeeper(client) as other:
            await one.create("/s")
            await one.register("/s", "h:1")
            await other.register("/s", "h:2")
            await one.close()
            assert await other.get_children("/s") == ["h:2"]
        await client.stop()

    run(main())


def test_the_state_is_shown_while_the_server_comes_and_goes(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            assert str(zk.state) == "CONNECTED"
            server.stop()
            await until(lambda: not zk.connected.is_set())
            assert str(zk.state) == "CONNECTING"
            server.start()
            await asyncio.wait_for(zk.connected.wait(), SOON)
        assert str(zk.state) == "CONNECTING"

    run(main())


def test_a_close_that_is_cancelled_goes_on_and_ends_what_waits(server: Server) -> None:
    async def main() -> None:
        zk = await ZooKeeper(server.address)
        await zk.create("/s")
        registration = await zk.register("/s", "h:1")
        server.stop()
        await until(lambda: not zk.connected.is_set())
        updating = asyncio.create_task(registration.update(a=1))
        await asyncio.sleep(0)
        closing = asyncio.create_task(zk.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait((closing,))
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(updating, SOON)
        await until(lambda: not others())

    run(main())


def test_many_live_objects_are_made_at_once(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            names = [f"/{number}" for number in range(20)]
            for name in names:
                await zk.create(name, b'{"a": 1}')
            children, properties = await asyncio.gather(
                zk.children_of(names), zk.properties_of(names)
            )
            assert list(children) == list(properties) == names
            assert all(dict(each) == {"a": 1} for each in properties.values())
            with pytest.raises(NoNodeError):
                await zk.children_of([*names, "/none"])
            assert await zk.children_of([]) == {}

    run(main())


def test_properties_may_be_read_without_following_them(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s", b'{"a": 1}')
            properties = await zk.properties("/s", watch=False)
            assert dict(properties) == {"a": 1}
            assert zk.watches == set()
            with pytest.raises(TypeError, match="without watching"):
                properties(print)
            with pytest.raises(NoNodeError):
                await zk.properties("/none")

    run(main())


def test_the_tree_is_printed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s", b'{"a": 1}')
            await zk.create("/s/b")
            await zk.print_tree("/s")

    run(main())

    assert capsys.readouterr().out == '/s\n  {\n    "a": 1\n  }\n  /b\n'


def test_a_registry_may_stand_on_another_policy_of_its_client(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            async with ZooKeeper(client.within(5)) as zk:
                await zk.create("/s")
                registration = await zk.register("/s", "h:1")
                await registration.update(a=1)
                assert list(await zk.children("/s")) == ["h:1"]
            assert client.connected
            assert await client.get_children("/s") == []

    run(main())


def test_a_registry_closes_at_once_when_its_client_was_stopped(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        zk = await ZooKeeper(client)
        await zk.create("/s")
        await zk.register("/s", "h:1")
        await client.stop()
        begun = time.monotonic()
        await zk.close()
        assert time.monotonic() - begun < 1.0

    run(main())


async def asked_in_child(zk: ZooKeeper, client: Client) -> list[object]:
    """Use the parent's registry in a child."""
    async with asyncio.timeout(SOON):
        registration = await zk.register("/s", "h:2")
        children = await zk.children("/s")
        seen = [sorted(children), registration.is_held, await client.ensure_path_async("/a")]
        await zk.close()
        await client.stop()
        return seen


def test_a_registry_begins_anew_in_a_child_where_its_client_does(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address, after_fork="new session")
        async with ZooKeeper(client) as zk:
            await zk.create("/s")
            await zk.register("/s", "h:1")
            told = await asyncio.to_thread(told_by_child, lambda: asked_in_child(zk, client))
            assert told == "[['h:1', 'h:2'], True, True]"
            assert await zk.get_children("/s") == ["h:1"]
        await client.stop()

    run(main())
