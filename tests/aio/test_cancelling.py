"""Cancellation: any await may end at any moment, and the connection, the nodes and the tasks stay in order."""

import asyncio
import gc
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from tests.aio.looping import others, run, turns, until
from zc.zk import NetworkError, OperationTimeoutError, State, ZooKeeperError
from zc.zk.aio import Client, ZooKeeper
from zc.zk.operations import Create, Delete, GetData
from zc.zk.plans import Pause, Plan, Together
from zc.zk.testing import Server

Work = Callable[[], Coroutine[Any, Any, object]]


async def cancelled_after(work: Awaitable[object], turns: int) -> None:
    """Begin something, and cancel it after so many turns of the loop, if it still runs."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError, ZooKeeperError):
        await task


@pytest.mark.parametrize("turns", range(8))
def test_answers_stay_in_step_after_a_call_was_cancelled(server: Server, turns: int) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            for number in range(10):
                await client.create(f"/{number}", b"%d" % number)
            for number in range(10):
                await cancelled_after(client.get(f"/{number}"), turns)
                assert (await client.get(f"/{number}"))[0] == b"%d" % number

    run(main())


def test_an_identity_is_not_shown_when_it_is_cancelled_before_a_server_is_there(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            server.stop()
            await until(lambda: not client.connected)
            await cancelled_after(client.add_auth("no-such-scheme", "x"), 3)
            server.start()
            await until(lambda: client.connected)
            assert await client.exists("/")

    run(main())


def test_what_waits_for_a_server_is_not_sent_when_it_is_cancelled(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            server.stop()
            await until(lambda: not client.connected)
            writing = asyncio.create_task(client.create("/never"))
            future = client.create_async("/nor-this")
            await asyncio.sleep(0.05)
            writing.cancel()
            future.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            server.start()
            await until(lambda: client.connected)

            assert await client.get_children("/") == ["zookeeper"]

    run(main())


def test_a_plan_that_is_cancelled_cleans_up_to_its_end_however_often_it_is_cancelled(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            ended = []

            def plan() -> Plan[None]:
                yield from Create("/plan")
                try:
                    yield from Pause(60.0)
                finally:
                    yield from Pause(0.05)
                    yield from Delete("/plan", -1)
                    ended.append(True)

            task = asyncio.create_task(client.run(plan(), 100.0))
            await until(lambda: bool(task.get_stack()))
            while not await client.exists("/plan"):
                pass
            for _ in range(5):
                task.cancel()
                await asyncio.sleep(0.005)
            with pytest.raises(asyncio.CancelledError):
                await task

            assert ended == [True]
            assert await client.exists("/plan") is None

    run(main())


def test_a_stop_that_is_cancelled_stops_all_the_same(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        await client.create("/mine", ephemeral=True)
        await cancelled_after(client.stop(), 1)

        await until(lambda: not others())
        assert client.state is State.LOST
        async with Client(server.address) as other:
            assert await other.exists("/mine") is None

    run(main())


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8])
def test_a_start_that_is_cancelled_leaves_nothing(server: Server, turns: int) -> None:
    async def main() -> None:
        client = Client(server.address)
        with server.faults.stall():  # no start is over before it is cancelled
            await cancelled_after(client.start(), turns)

        await until(lambda: not others())
        assert client.state is State.LOST

    run(main())


def test_a_time_out_of_the_callers_own_ends_a_wait(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            with server.faults.stall():
                begun = time.monotonic()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await client.get("/")
                assert time.monotonic() - begun < 2.0
            assert await client.exists("/")

    run(main())


def test_a_task_group_whose_task_fails_cancels_the_others_and_the_client_goes_on(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            async def fail() -> None:
                async with asyncio.TaskGroup() as group:
                    for number in range(100):
                        group.create_task(client.create(f"/{number}"))
                    group.create_task(client.get("/missing"))

            with pytest.raises(ExceptionGroup):
                await fail()
            assert await client.exists("/")

    run(main())


def test_nobody_complains_of_what_a_cancelled_plan_had_asked_together(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            def plan() -> Plan[list[object]]:
                return (yield from Together([GetData("/none"), GetData("/nor-this")]))

            for turns in range(8):
                await cancelled_after(client.run(plan()), turns)
            assert await client.exists("/")
            gc.collect()

    run(main())


def test_a_registration_that_is_cancelled_leaves_no_node(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            for turns in range(12):
                await cancelled_after(zk.register("/s", f"h:{turns}"), turns)
            children = await zk.children("/s")
            await until(lambda: sorted(children) == sorted(kept(zk)))

    run(main())


def kept(zk: ZooKeeper) -> list[str]:
    """Give the names of the nodes that the registry keeps for us."""
    return [path.rpartition("/")[2] for path in zk._registrar._kept]  # noqa: SLF001 (nobody else can be asked)


def storm(zk: ZooKeeper, chance: random.Random) -> list[Work]:
    """Give all that can be asked and cancelled; none of it leaves a node that it does not own."""
    client = zk.client

    async def live() -> None:
        children = await zk.children("/s")
        children(lambda _=None: None)
        async for _ in children.changes():
            await asyncio.sleep(0)

    async def register() -> None:
        registration = await zk.register("/s", f"h:{chance.randrange(10**9)}")
        try:
            await registration.update(a=1)
        finally:
            await registration.withdraw()

    async def change() -> None:
        properties = await zk.properties("/p")
        await properties.update(n=chance.random())

    async def commit() -> None:
        async with client.transaction() as transaction:
            transaction.check("/p", -1)
            transaction.set_data("/data", b"t")

    async def watch() -> None:
        await client.DataWatch("/data", lambda *_: False)
        await client.add_watch("/data", lambda _: None)
        await client.remove_watches("/data")

    return [
        live,
        register,
        change,
        commit,
        watch,
        lambda: client.get("/data"),
        lambda: client.set("/data", b"%d" % chance.randrange(100)),
        lambda: client.exists("/missing"),
        lambda: client.get_children("/", include_data=True),
        lambda: client.ensure_path("/s"),
        lambda: client.multi_read([("get", "/data"), ("get_children", "/s")]),
        lambda: client.sync("/"),
        lambda: client.within(0.01).get("/data"),
        lambda: client.retry(client.get, "/data"),
        lambda: client.get_acls("/data"),
    ]


async def ride(zk: ZooKeeper, count: int, chance: random.Random) -> None:
    """Begin and cancel at random, several at a time."""
    works = storm(zk, chance)
    running: set[asyncio.Task[object]] = set()
    for number in range(count):
        task = asyncio.create_task(chance.choice(works)())
        asyncio.get_running_loop().call_later(chance.choice((0, 0, 0.0005, 0.003)), task.cancel)
        running.add(task)
        if len(running) >= 50:
            await asyncio.wait(running)
            for each in running:
                with suppress(asyncio.CancelledError, NetworkError, OperationTimeoutError):
                    each.exception()
            running.clear()
        if number % 500 == 499:
            await zk.set("/data", b"%d" % number)
            assert (await zk.get("/data"))[0] == b"%d" % number
    if running:
        await asyncio.wait(running)
        for each in running:
            with suppress(asyncio.CancelledError):
                each.exception()


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_random_cancellations_leave_the_right_answers_no_stray_nodes_and_no_tasks(
    server: Server, count: int
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            for path in ("/s", "/p", "/data"):
                await zk.create(path, b"{}" if path == "/p" else b"0")
            before = others()
            await ride(zk, count, random.Random(count))

            await zk.set("/data", b"last")
            assert (await zk.get("/data"))[0] == b"last"
            children = await zk.children("/s")
            await until(lambda: not children)
            await until(lambda: others() == before)
            assert sorted(await zk.get_children("/")) == ["data", "p", "s", "zookeeper"]
            assert kept(zk) == []

    run(main())


def test_a_live_object_that_is_cancelled_leaves_no_watch(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            for turns in range(12):
                await cancelled_after(zk.children("/s"), turns)
            gc.collect()
            await until(lambda: zk.watches == set())

    run(main())


WRITES: dict[str, tuple[Callable[[Client], Coroutine[Any, Any, object]], str]] = {
    "create": (lambda client: client.create("/n/", sequence=True), "Create /n/0000000000"),
    "makepath": (lambda client: client.create("/n/a", makepath=True), "Create /n/a"),
    "set": (lambda client: client.set("/n", b"1"), "SetData /n"),
    "delete": (lambda client: client.delete("/n"), "Delete /n"),
}


@pytest.mark.parametrize(("write", "told"), WRITES.values(), ids=WRITES)
def test_a_write_is_told_whose_caller_is_cancelled_when_the_answer_has_come(
    server: Server,
    caplog: pytest.LogCaptureFixture,
    write: Callable[[Client], Coroutine[Any, Any, object]],
    told: str,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/n")
            writing = asyncio.create_task(write(client))
            await asyncio.sleep(0)
            while client.driver.session.in_flight:
                await turns(1)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing

    with caplog.at_level(logging.INFO):
        run(main())

    assert f"done, though nobody waits for it any more: {told}" in caplog.messages


@pytest.mark.parametrize(("write", "told"), WRITES.values(), ids=WRITES)
def test_a_write_is_told_whose_caller_is_cancelled_while_live_objects_catch_up(
    server: Server,
    caplog: pytest.LogCaptureFixture,
    write: Callable[[Client], Coroutine[Any, Any, object]],
    told: str,
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/n")
            live = await zk.children("/n"), await zk.properties("/n")
            reading = "get" if told.startswith("SetData") else "get_children"
            with server.faults.stall(operation=reading) as stalled:
                writing = asyncio.create_task(write(zk.client))
                await asyncio.to_thread(stalled.wait, 10.0)
                writing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await writing
            assert len(live) == 2

    with caplog.at_level(logging.INFO):
        run(main())

    assert f"done, though nobody waits for it any more: {told}" in caplog.messages


def test_a_write_that_waits_to_be_made_again_is_not_made_once_it_is_cancelled(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/n", b"0")
            with server.faults.drop_before(operation="set", times=1), server.faults.refuse():
                writing = client.set_async("/n", b"1", 0)
                await until(lambda: not client.connected)
                await asyncio.sleep(0.02)
                writing.cancel()
            await until(lambda: client.connected)
            for _ in range(10):  # more than it takes to find out, and to write
                assert (await client.get("/n"))[0] == b"0"

    run(main())


def test_a_write_that_is_made_again_as_it_is_cancelled_is_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/n", b"0")
            with server.faults.drop_before(operation="set", times=1):
                writing = client.set_async("/n", b"1", 0)
                await until(lambda: not client.connected)
            with server.faults.delay(0.2, operation="set") as delayed:
                await asyncio.to_thread(delayed.wait, 10.0)
                writing.cancel()
                await until(lambda: "nobody waits for it any more: SetData /n" in caplog.text)
            assert (await client.get("/n"))[0] == b"1"

    with caplog.at_level(logging.INFO):
        run(main())
