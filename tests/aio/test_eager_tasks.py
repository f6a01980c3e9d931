"""All works where the loop's tasks begin at once, as Python 3.12's `asyncio.eager_task_factory` has them begin."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.aio.looping import run, until
from tests.loops import eager, standard
from zc.zk.aio import Children, Client, ZooKeeper
from zc.zk.testing import Server

pytestmark = pytest.mark.timeout(60)


def run_eagerly(work: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(eager)
        await asyncio.create_task(work)

    run(main(), standard)


def test_a_registry_lives_a_whole_life(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/svc")
            registered = await zk.register("/svc", "h:1", port=1)
            children = await zk.children("/svc")
            seen: list[list[str]] = []

            @children
            async def changed(children: Children) -> None:
                await asyncio.sleep(0)
                seen.append(sorted(children))

            server.drop_connections()
            await until(lambda: zk.client.info.reconnects == 1)
            await zk.create("/svc/more")
            await until(lambda: seen and seen[-1] == ["h:1", "more"])
            identity = zk.client.client_id
            assert identity is not None
            server.expire(identity[0])
            await until(lambda: zk.client.info.expiries == 1 and registered.is_held)
            await until(lambda: seen[-1] == ["h:1", "more"])

    run_eagerly(main())


def test_a_callback_that_stops_its_client_is_not_waited_for(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        stopped = asyncio.Event()

        async def stop(*_: object) -> None:
            await client.stop()
            stopped.set()

        loop = asyncio.get_running_loop()
        await client.DataWatch("/", stop)
        begun = loop.time()
        await asyncio.wait_for(stopped.wait(), 2.0)
        assert loop.time() - begun < 0.9

    run_eagerly(main())


def test_a_plan_that_is_cancelled_cleans_up(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            for turns in range(12):
                work = asyncio.create_task(client.ensure_path("/a/b/c/d"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                work.cancel()
                await asyncio.wait((work,))
            await client.ensure_path("/a/b/c/d")
            await client.delete("/a", recursive=True)

    run_eagerly(main())
