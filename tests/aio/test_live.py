"""Live objects on an event loop: their callbacks, which may be coroutine functions, and what is iterated over."""

import asyncio
import gc
import json
import logging

import pytest

from tests.aio.looping import SOON, run, stays, until
from zc.zk import CancelWatch
from zc.zk.aio import Children, ZooKeeper
from zc.zk.testing import Server

A_MOMENT = 0.05


def test_a_coroutine_function_is_called_at_first_and_after_each_change(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            seen: list[list[str]] = []

            async def note(children: Children) -> None:
                await asyncio.sleep(0)
                seen.append(sorted(children))

            children = await zk.children("/s")
            assert children(note) is note

            await until(lambda: seen == [[]])
            await zk.create("/s/a")
            await until(lambda: seen[-1:] == [["a"]])

    run(main())


def test_a_callback_may_ask_write_and_make_live_objects(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            await zk.create("/t", b'{"n": 0}')
            made = []

            async def look(children: Children) -> None:
                for name in children:
                    other = await zk.properties("/t")
                    await other.update({name: 1})
                    made.append((await zk.get("/t"))[0])

            children = await zk.children("/s")
            children(look)
            await zk.create("/s/a")

            await until(lambda: made)
            assert json.loads(made[0]) == {"a": 1, "n": 0}

    run(main())


def test_changes_that_come_while_a_callback_runs_make_one_more_call(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            gate = asyncio.Event()
            seen: list[list[str]] = []

            async def slow(children: Children) -> None:
                seen.append(sorted(children))
                await gate.wait()

            children = await zk.children("/s")
            children(slow)
            await until(lambda: seen)
            for name in "abc":
                await zk.create(f"/s/{name}")
            assert await stays(lambda: seen == [[]], A_MOMENT)
            gate.set()

            await until(lambda: seen == [[], ["a", "b", "c"]])

    run(main())


def test_a_callback_that_never_returns_holds_up_no_other_and_is_named_at_the_end(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            await zk.create("/t")
            seen: list[list[str]] = []

            async def never(_: Children) -> None:
                await asyncio.Event().wait()

            stuck, other = await zk.children("/s"), await zk.children("/t")
            stuck(never)
            other(lambda children: seen.append(list(children)))
            await zk.create("/t/a")
            await until(lambda: seen[-1:] == [["a"]])

    run(main())

    assert "had not ended when its client was closed" in caplog.text
    assert "never" in caplog.text


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_callback_that_raises_is_named_and_called_no_more(
    server: Server, caplog: pytest.LogCaptureFixture, is_coroutine: bool
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            calls = []

            def broken(children: Children) -> None:
                calls.append(len(children))
                if len(children):
                    raise LookupError("of the callback")

            async def broken_later(children: Children) -> None:
                broken(children)

            children = await zk.children("/s")
            children(broken_later if is_coroutine else broken)
            await until(lambda: calls == [0])
            await zk.create("/s/a")
            await until(lambda: calls == [0, 1])
            await until(lambda: "is not called again" in caplog.text)
            await zk.create("/s/b")
            assert await stays(lambda: calls == [0, 1], A_MOMENT)

    run(main())

    assert "broken" in caplog.text
    assert "of the callback" in caplog.text


def test_a_callback_cancels_its_watch_quietly(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            calls = []

            async def once(_: Children) -> None:
                calls.append(1)
                raise CancelWatch

            children = await zk.children("/s")
            children(once)
            await until(lambda: calls)
            await zk.create("/s/a")
            assert await stays(lambda: calls == [1], A_MOMENT)

    run(main())

    assert "once" not in caplog.text


def test_changes_are_iterated_over_and_the_last_state_is_never_missed(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk, ZooKeeper(server.address) as other:
            await zk.create("/s", b"{}")
            properties = await zk.properties("/s")
            seen = []

            async def read() -> None:
                async for snapshot in properties.changes():
                    seen.append(snapshot)
                    await asyncio.sleep(0.02)  # slower than what is written

            async def write() -> None:
                theirs = await other.properties("/s")
                for number in range(50):
                    await theirs.set(number=number)

            reading = asyncio.create_task(read())
            await until(lambda: seen)
            await asyncio.create_task(write())
            await until(lambda: seen[-1] == {"number": 49})

            assert seen[0] == {}
            assert len(seen) < 50
            await zk.close()
            await asyncio.wait_for(reading, SOON)

    run(main())


def test_an_iteration_over_changes_that_ends_leaves_no_callback(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            changes = children.changes()
            assert await anext(changes) == []
            await changes.aclose()

            assert children._callbacks == ()  # noqa: SLF001 (it is seen nowhere else)
            assert len(zk.client._listeners) == 1  # noqa: SLF001 (the same; the registry's own)

    run(main())


def test_garbage_of_another_thread_lets_go_of_its_watch(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            held = [await zk.children("/s")]
            assert zk.watches == {"/s"}

            def collect() -> None:
                held.clear()
                gc.collect()

            await asyncio.to_thread(collect)
            await until(lambda: zk.watches == set())

    run(main())


def test_live_objects_that_nobody_uses_leave_no_watch(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s", b"{}")
            children, properties = await zk.children("/s"), await zk.properties("/s")
            assert zk.watches == {"/s"}
            del children, properties
            gc.collect()
            await until(lambda: zk.watches == set())

    run(main())
