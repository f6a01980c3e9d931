"""R30: on an event loop the same promises hold, and no cancelled await, long answer or slow task breaks them.

Most promises are kept through this face by the tests that keep them through the other one; here is what it adds.
"""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest
import uvloop

from tests.aio.looping import run, until
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.wire import Opcode
from zc.zk import OPEN_ACL_UNSAFE, State, UsageError
from zc.zk.aio import Client, ZooKeeper

pytestmark = pytest.mark.slow

T = 3.0  # seconds of session
HELD = 0.3 * T  # seconds for which a task holds the loop up
MOST_AT_ONCE = 500  # replies that may be handled in one turn of the loop
LOOPS = {"asyncio": None, "uvloop": uvloop.new_event_loop}
Work = Callable[[Client], Coroutine[Any, Any, object]]
on_both_loops = pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)


@pytest.fixture
def address(network: FaultProxy, home: str) -> str:
    return network.address + home


# Cancellation

WRITES: dict[str, tuple[Opcode, Work, str]] = {
    "create": (Opcode.CREATE, lambda client: client.create("/b", b"1"), "Create /b"),
    "a sequential one": (
        Opcode.CREATE,
        lambda client: client.create("/q-", sequence=True),
        "Create /q-0000000001",
    ),
    "set": (Opcode.SET_DATA, lambda client: client.set("/a", b"1"), "SetData /a"),
    "delete": (Opcode.DELETE, lambda client: client.delete("/a"), "Delete /a"),
}


@pytest.mark.parametrize(("opcode", "write", "told"), WRITES.values(), ids=WRITES)
def test_r30_a_write_that_was_cancelled_is_told_where_it_was_done_all_the_same(
    network: FaultProxy,
    address: str,
    caplog: pytest.LogCaptureFixture,
    opcode: Opcode,
    write: Work,
    told: str,
) -> None:
    async def main() -> None:
        async with Client(address) as client:
            await client.create("/a")
            await begin_and_cancel(client, write, network, opcode)
            await asyncio.to_thread(network.heal)
            line = f"done, though nobody waits for it any more: {told}"
            await until(lambda: line in caplog.messages)
            assert await client.exists("/")  # answers are in step

    with caplog.at_level(logging.INFO):
        run(main())


def test_r30_a_write_that_was_cancelled_and_never_answered_is_told_with_the_loss(
    network: FaultProxy, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Client(address) as client:
            await client.create("/a")
            await begin_and_cancel(
                client, lambda client: client.set("/a", b"1"), network, Opcode.SET_DATA
            )
            await asyncio.to_thread(network.cut)
            await until(lambda: "writes that nobody waits for, perhaps done: 1" in caplog.text)
            await asyncio.to_thread(network.heal)
            assert (await client.get("/a"))[0] == b"1"

    with caplog.at_level(logging.INFO):
        run(main())


@pytest.mark.parametrize("ephemeral", [False, True])
def test_r30_a_protected_create_that_was_cancelled_leaves_a_node_that_is_told_or_none(
    network: FaultProxy, address: str, caplog: pytest.LogCaptureFixture, ephemeral: bool
) -> None:
    async def main() -> None:
        async with Client(address) as client:

            def create(client: Client) -> Coroutine[Any, Any, object]:
                return client.create("/p-", ephemeral=ephemeral, sequence=True, protected=True)

            await begin_and_cancel(client, create, network, Opcode.CREATE)
            await asyncio.to_thread(network.heal)
            for name in await client.get_children("/"):
                assert f"nobody waits for it any more: Create /{name}" in caplog.text

    with caplog.at_level(logging.INFO):
        run(main())


async def begin_and_cancel(
    client: Client, write: Work, network: FaultProxy, opcode: Opcode
) -> None:
    """Cancel a write when the server has it and the answer is on its way."""
    await asyncio.to_thread(network.hold, "to_client")
    writing = asyncio.ensure_future(write(client))
    await until(
        lambda: any(
            each.direction == "to_server" and each.opcode == opcode for each in network.frames[-3:]
        )
    )
    await asyncio.to_thread(time.sleep, 0.05)  # the server's time to do it
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


# The loop is not held up


@on_both_loops
def test_r30_replies_that_come_all_at_once_leave_others_their_turns(
    real_server: RealServer, home: str, new_loop: Any
) -> None:
    async def main() -> None:
        async with Client(real_server.address + home) as client:
            await client.create("/a", b"data")
            results = [client.get_async("/a") for _ in range(10_000)]
            await asyncio.sleep(0.01)
            time.sleep(0.5)  # noqa: ASYNC251 (the replies pile up in front of a loop that is held)
            handled = sum(each.done() for each in results)
            while not results[-1].done():
                before = handled
                await asyncio.sleep(0)
                handled = sum(each.done() for each in results)
                assert handled - before <= MOST_AT_ONCE
            assert {(await each)[0] for each in results} == {b"data"}

    run(main(), new_loop)


# The loop is held up by others


@on_both_loops
def test_r30_a_task_that_holds_the_loop_for_a_third_of_the_time_out_costs_nothing(
    real_server: RealServer, home: str, new_loop: Any
) -> None:
    async def main() -> None:
        async with Client(real_server.address + home, T) as client:
            told: list[State] = []
            client.add_listener(told.append)
            await client.create("/mine", ephemeral=True)
            before = client.client_id
            for pause in (0.0, 0.0, 0.0, 0.04, T / 3 - 0.01, 0.0):
                await asyncio.sleep(pause)
                time.sleep(HELD)  # noqa: ASYNC251 (as a user's task does)
            assert await client.exists("/mine")
            assert (client.client_id, told) == (before, [])

    run(main(), new_loop)


@on_both_loops
def test_r30_an_answer_that_came_while_the_loop_was_held_is_no_time_out(
    real_server: RealServer, home: str, new_loop: Any
) -> None:
    async def main() -> None:
        async with Client(real_server.address + home, T) as client:
            asking = asyncio.ensure_future(client.within(0.2).exists("/"))
            await asyncio.sleep(0)
            time.sleep(0.5)  # noqa: ASYNC251 (as a user's task does)
            assert await asking

    run(main(), new_loop)


# Another loop, another thread

VALUES: dict[str, Any] = {
    "path": "/a",
    "paths": ["/a"],
    "value": b"",
    "acls": [*OPEN_ACL_UNSAFE],
    "scheme": "digest",
    "credential": "me:secret",
    "watch": print,
    "functions": {"/a": print},
    "reads": [("get", "/a")],
    "joining": None,
    "leaving": "1",
    "new_members": None,
    "address": ("127.0.0.1", 1),
    "name": "plan",
}
# What asks for nothing: it can be called anywhere, or takes what the others give.
ANYWHERE = {
    *("add_listener", "remove_listener", "within", "transaction", "unchroot", "inherit"),
    *("command", "server_version"),  # over connections of their own
    *("run", "run_async", "kept", "catch_up"),
}


def calls_of(owner: Client | ZooKeeper, hosts: str) -> dict[str, Callable[[], Any]]:
    """Give a call of each public method that needs the loop."""
    values = {**VALUES, "hosts": hosts}
    calls: dict[str, Callable[[], Any]] = {}
    for name in dir(type(owner)):
        method = inspect.getattr_static(type(owner), name)
        if name.startswith("_") or not inspect.isfunction(method) or name in ANYWHERE:
            continue
        needed = {
            each.name: values[each.name]
            for each in inspect.signature(method).parameters.values()
            if each.default is each.empty and each.name in values
        }
        calls[f"{type(owner).__name__}.{name}"] = partial(getattr(owner, name), **needed)
    return calls


async def first_of(changes: AsyncIterator[object]) -> object:
    return await anext(changes)


def refused(name: str, call: Callable[[], Any]) -> str:
    """Give what a call that must be refused says, in a loop of its own where it is to be awaited."""

    def use() -> None:
        result = call()
        if inspect.iscoroutine(result):
            asyncio.run(result)

    begun = time.monotonic()
    try:
        use()
    except UsageError as error:
        assert time.monotonic() - begun < 1.0
        return str(error)
    pytest.fail(f"{name} was not refused")


def test_r30_every_use_from_another_loop_or_thread_is_refused_at_once(
    real_server: RealServer, home: str
) -> None:
    address = real_server.address + home

    async def main() -> None:
        async with ZooKeeper(address) as zk:
            await zk.client.create("/a", b"{}")
            children, properties = await zk.children("/"), await zk.properties("/a")
            registered = await zk.register("/", "h:1")
            watch = await zk.client.DataWatch("/a")
            transaction = zk.client.transaction()
            transaction.check("/a", 0)
            watched: list[int] = []
            calls = {
                **calls_of(zk.client, address),
                **calls_of(zk, address),
                "children(callback)": lambda: children(
                    lambda _: watched.append(threading.get_ident())
                ),
                "properties(callback)": lambda: properties(print),
                "watch(callback)": lambda: watch(print),
                "properties.set": lambda: properties.set(a=1),
                "properties.update": lambda: properties.update(a=1),
                "registered.update": lambda: registered.update(a=1),
                "registered.withdraw": registered.withdraw,
                "transaction.commit": transaction.commit,
                "changes": lambda: first_of(children.changes()),
            }
            assert len(calls) > 70
            texts = {}

            def elsewhere() -> None:
                for name, call in calls.items():
                    texts[name] = refused(name, call)

            await asyncio.to_thread(elsewhere)
            for name, text in texts.items():
                assert "event loop" in text, name
            assert watched == []
            assert zk.client.connected
            assert await zk.client.exists("/h:1")

    run(main())
