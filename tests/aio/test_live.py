"""Live objects on an event loop: their callbacks, which may be coroutine functions, and what is iterated over."""

import asyncio
import gc
import json
import logging
from functools import partial

import pytest

from tests.aio.looping import SOON, run, stays, until
from zc.zk import CancelWatch, State, UsageError, ZooKeeperError
from zc.zk.aio import Children, Client, Properties, ZooKeeper
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

            assert not children._callbacks  # noqa: SLF001 (it is seen nowhere else)
            assert not children._bells  # noqa: SLF001 (the same)
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


def test_a_live_object_is_made_by_its_client_alone(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            for make in (Children, Properties):
                with pytest.raises(UsageError, match="await the method that makes one"):
                    make(client, "/")

    run(main())


def test_a_lost_connection_is_no_change_to_iterate_over(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            seen: list[list[str]] = []

            async def read() -> None:
                async for names in children.changes():
                    seen.append(sorted(names))  # noqa: PERF401 (others look meanwhile)

            reading = asyncio.create_task(read())
            await until(lambda: seen == [[]])
            server.restart()
            await until(lambda: not zk.client.connected)
            await until(lambda: zk.client.connected)
            await zk.create("/s/a")
            await until(lambda: seen[-1] == ["a"])
            assert seen == [[], ["a"]]
            await zk.close()
            await asyncio.wait_for(reading, SOON)

    run(main())


def test_an_iteration_ends_with_its_client_though_the_session_was_lost_before(
    server: Server,
) -> None:
    async def main() -> None:
        zk = await ZooKeeper(server.address, 0.3)
        await zk.create("/s", b"{}")
        properties = await zk.properties("/s")
        seen: list[object] = []

        async def read() -> None:
            async for snapshot in properties.changes():
                seen.append(dict(snapshot))  # noqa: PERF401 (others look meanwhile)

        reading = asyncio.create_task(read())
        await until(lambda: seen == [{}])
        server.stop()
        await until(lambda: zk.client.state is State.LOST)
        await zk.close()
        await asyncio.wait_for(reading, SOON)
        assert [snapshot async for snapshot in properties.changes()] == []

    run(main())


def test_an_iteration_that_is_broken_off_leaves_nothing(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            async for names in (await zk.children("/s")).changes():
                assert names == []
                break
            gc.collect()
            await until(lambda: zk.watches == set())

    run(main())


@pytest.mark.filterwarnings("error")
def test_no_coroutine_is_left_when_a_callback_does_not_end(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            begun = []

            async def slow(children: Children) -> None:
                if len(children):
                    begun.append(True)
                    await asyncio.Event().wait()

            async def following(_: Children) -> None:
                return

            children = await zk.children("/s")
            children(slow)
            children(following)
            await zk.create("/s/a")
            await until(lambda: begun)

    run(main())
    gc.collect()


def test_a_callback_may_write_what_it_watches(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s", b'{"n": 0}')
            properties = await zk.properties("/s")

            @properties
            async def count_up(given: Properties) -> None:
                if given["n"] < 5:
                    await given.update(n=given["n"] + 1)

            await until(lambda: properties["n"] == 5)

    run(main())


def test_a_callback_may_close_the_registry(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        zk = await ZooKeeper(server.address)
        async with ZooKeeper(server.address) as other:
            await zk.create("/s")

            closed: list[bool] = []

            async def end(children: Children) -> None:
                if len(children):
                    client = zk.client
                    await zk.close()
                    closed.append(client.connected)

            (await zk.children("/s"))(end)
            await other.create("/s/a")
            await until(lambda: closed == [False])
            assert zk.handle is None

    run(main())

    assert "had not ended" not in caplog.text


def test_objects_whose_callbacks_register_with_each_other_do_not_wait_for_ever(
    server: Server,
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/one")
            await zk.create("/another")
            one, another = await zk.children("/one"), await zk.children("/another")
            meeting = asyncio.Barrier(2)
            called: list[str] = []
            came: set[str] = set()

            async def cross(given: Children, target: Children, name: str) -> None:
                if (
                    len(given) == 1 and name not in came
                ):  # the first call may begin late, and see it already
                    came.add(name)
                    await meeting.wait()

                    async def note(_: Children) -> None:
                        called.append(name)

                    target(note)

            one(partial(cross, target=another, name="one"))
            another(partial(cross, target=one, name="another"))
            await zk.create("/one/a")
            await zk.create("/another/a")
            await until(lambda: {"one", "another"} <= set(called))

    run(main())


def test_a_state_is_told_once_to_each_callback(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            seen: dict[str, list[list[str]]] = {"plain": [], "awaited": []}

            async def awaited(given: Children) -> None:
                seen["awaited"].append(sorted(given))
                await asyncio.sleep(0.01)

            children(lambda given: seen["plain"].append(sorted(given)))
            children(awaited)
            for name in "abc":
                await zk.create(f"/s/{name}")
                await asyncio.sleep(0.005)
            await until(lambda: all(told[-1] == ["a", "b", "c"] for told in seen.values()))
            assert await stays(lambda: seen["plain"][-2:].count(["a", "b", "c"]) == 1, A_MOMENT)
            assert seen["awaited"] == sorted(seen["awaited"])  # and none again after a later one

    run(main())


def test_callbacks_without_parameters_are_told_of_a_deletion(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            told: list[object] = []

            async def note(given: Children | None = None) -> None:
                told.append(None if given is None else sorted(given))

            children = await zk.children("/s")
            children(note)
            await zk.delete("/s")
            await until(lambda: told == [[], None])
            assert children.deleted
            await zk.create("/s")
            await until(lambda: told == [[], None, []])

    run(main())


def test_an_item_cannot_be_assigned_for_it_could_not_be_awaited(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s", b'{"a": 1}')
            properties = await zk.properties("/s")
            with pytest.raises(UsageError, match=r"await update\(\) instead"):
                properties["a"] = 2
            await properties.update({"b": 2}, c=3)
            assert properties.data == {"a": 1, "b": 2, "c": 3}
            await properties.set(d=4)
            assert dict(properties) == {"d": 4}
            assert await zk.get_properties("/s") == {"d": 4}

    run(main())


def test_the_last_state_is_iterated_over_though_the_client_is_closed_meanwhile(
    server: Server,
) -> None:
    async def main() -> None:
        zk = await ZooKeeper(server.address)
        await zk.create("/s")
        children = await zk.children("/s")
        seen: list[list[str]] = []
        may_go_on = asyncio.Event()

        async def read() -> None:
            async for names in children.changes():
                seen.append(names)
                await may_go_on.wait()

        reading = asyncio.create_task(read())
        await until(lambda: seen)
        await zk.create("/s/a")
        assert list(children) == ["a"]
        await zk.close()
        may_go_on.set()
        await asyncio.wait_for(reading, SOON)

        assert seen == [[], ["a"]]

    run(main())


@pytest.mark.parametrize("is_busy", [False, True])
def test_an_iteration_ends_with_the_session_though_another_one_is_begun(
    server: Server, is_busy: bool
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            seen: list[list[str]] = []
            may_go_on = asyncio.Event()

            async def read() -> None:
                async for names in children.changes():
                    seen.append(names)
                    await may_go_on.wait()

            if not is_busy:
                may_go_on.set()
            reading = asyncio.create_task(read())
            await until(lambda: seen)
            await zk.client.restart()
            may_go_on.set()
            await asyncio.wait_for(reading, SOON)

            assert seen == [[]]

    run(main())


def test_changes_can_be_iterated_over_in_a_callback_and_beside_one_that_does_not_end(
    server: Server,
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            seen: list[int] = []
            ended = asyncio.Event()

            @children
            async def follow(children: Children) -> None:
                async for names in children.changes():
                    seen.append(len(names))
                    if len(names) == 2:
                        break
                ended.set()

            await until(lambda: seen == [0])
            await zk.create("/s/a")
            await until(lambda: seen == [0, 1])
            await zk.create("/s/b")
            await asyncio.wait_for(ended.wait(), SOON)

    run(main())


def test_changes_of_what_is_not_watched_cannot_be_iterated_over(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            properties = await zk.properties("/", watch=False)
            with pytest.raises(ZooKeeperError, match="without watching"):
                await anext(properties.changes())

    run(main())


@pytest.mark.parametrize("kind", ["function", "coroutine function"])
def test_a_callback_that_meets_a_cancellation_is_logged_and_robs_no_other(
    server: Server, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            told: list[int] = []

            async def bad_work(children: Children) -> None:
                if len(children):
                    await cancelled

            def bad(children: Children) -> None:
                if len(children):
                    cancelled.result()

            children(bad if kind == "function" else bad_work)

            @children
            async def good(children: Children) -> None:
                told.append(len(children))

            for number, name in enumerate("ab"):
                await zk.create(f"/s/{name}")
                await until(lambda number=number: told and told[-1] == number + 1)  # type: ignore[misc]
            assert caplog.text.count("failed, and is not called again") == 1

    run(main())
