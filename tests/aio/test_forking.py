"""What a child can do that a coroutine forks, whose thread was in the middle of running the loop."""

import os
from collections.abc import Callable
from typing import Any

from tests.aio.looping import in_child, run, until
from tests.promises.forked import calls_of
from tests.promises.programs import run_program
from zc.zk import ForkedClientError
from zc.zk.aio import ZooKeeper
from zc.zk.testing import Server


def is_refused(call: Callable[[], Any]) -> bool:
    """Tell whether a call fails at once, without a loop that could run it."""
    try:
        answer = call()
        if hasattr(answer, "send"):  # it can be awaited
            answer.send(None)
    except ForkedClientError as error:
        return str(os.getpid()) in str(error)
    return False


def test_every_method_fails_at_once_in_a_child_of_a_coroutine(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            client = zk.client
            await client.create("/mine", b"{}")
            registered = await zk.register("/", "h:1")
            children, properties = await zk.children("/"), await zk.properties("/mine")
            transaction = client.transaction()
            transaction.delete("/mine")
            calls: dict[str, Callable[[], Any]] = {
                **dict(calls_of(client=client, registry=zk, registered=registered)),
                "commit": transaction.commit,
                "set_hosts": lambda: client.set_hosts(server.address),
                "within": lambda: client.within(1.0).get("/mine"),
                "children(callback)": lambda: children(print),
                "properties(callback)": lambda: properties(print),
                "properties.set": lambda: properties.set(a=1),
                "properties.update": lambda: properties.update(a=1),
                "children.changes": lambda: anext(children.changes()),
            }

            def call_all() -> str:
                return repr([name for name, call in calls.items() if not is_refused(call)])

            assert in_child(call_all) == "[]"
            await client.create("/more")
            await until(lambda: "more" in children)
            assert registered.is_held

    run(main())


def test_a_child_of_a_coroutine_ends_nothing_of_its_parents(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            session = zk.client.client_id
            registered = await zk.register("/", "h:1")

            def close() -> str:
                for end in (zk.client.stop, zk.close):
                    try:
                        end().send(None)
                    except StopIteration:
                        continue
                    return f"{end} waits"
                return "closed"

            assert in_child(close) == "closed"
            assert await zk.exists("/h:1")
            assert registered.is_held
            assert zk.client.client_id == session

    run(main())


LEAVES = """
import asyncio, os, sys, warnings
from zc.zk.aio import Client

warnings.simplefilter("ignore")  # 3.12 and later warn of forks; loops and sockets are left open in the child

async def main():
    async with Client(sys.argv[1], 9.0) as client:
        child = os.fork()
        if child == 0:
            sys.exit(3)  # through the loop, whose tasks are cancelled in the child
        # A child that closes the loop cuts off what threads tell its parent's: that is asyncio's affair.
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            await asyncio.sleep(0.01)
        fired = asyncio.Event()
        await client.exists("/a", lambda event: fired.set())
        await client.create("/a")
        await asyncio.wait_for(fired.wait(), 2.0)
        print(client.info.reconnects)

asyncio.run(main())
"""


def test_a_child_that_leaves_through_the_loop_of_its_parent_does_not_touch_the_connection(
    server: Server,
) -> None:
    assert run_program(LEAVES, server.address) == "0\n"
