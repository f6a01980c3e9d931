"""The calls on nodes, awaited: what only this face does, for what they do is tested by tests/calls, by both."""

import asyncio
import inspect

import pytest

from tests.aio.looping import run, until
from zc.zk import (
    ConnectionLoss,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    OutcomeUnknown,
    Stat,
)
from zc.zk.aio import Client
from zc.zk.testing import Server

ASYNC = [
    name
    for name, _ in inspect.getmembers(Client)
    if name.endswith("_async") and not name.startswith(("_", "run"))
]


def test_an_async_call_asks_at_once_and_gives_a_future(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            created = client.create_async("/a", b"1")
            read = client.get_async("/a")
            changed = client.set_async("/a", b"2", 0)
            gone = client.delete_async("/a")

            assert all(asyncio.isfuture(each) for each in (created, read, changed, gone))
            assert await created == "/a"
            assert (await read)[0] == b"1"
            assert (await changed).version == 1
            assert await gone is True

    run(main())


def test_calls_that_are_gathered_are_answered_each_for_itself(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await asyncio.gather(*(client.create(f"/{n}", b"%d" % n) for n in range(100)))
            answers = await asyncio.gather(
                *(client.get(f"/{n}") for n in range(102)), return_exceptions=True
            )

            assert [each[0] for each in answers if isinstance(each, tuple)] == [
                b"%d" % n for n in range(100)
            ]
            assert [type(each) for each in answers[100:]] == [NoNodeError, NoNodeError]

    run(main())


def test_calls_are_answered_in_the_order_in_which_they_were_made(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a")
            order: list[int] = []
            futures = [client.set_async("/a", b"%d" % number) for number in range(50)]
            for future in futures:
                future.add_done_callback(lambda done: order.append(done.result().version))
            await asyncio.gather(*futures)
            await asyncio.sleep(0)

            assert order == list(range(1, 51))
            assert (await client.get("/a"))[0] == b"49"

    run(main())


def test_calls_of_several_steps_have_their_futures(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            assert await client.ensure_path_async("/a/b")
            path, stat = await client.create_async("/c/d", makepath=True, include_data=True)
            assert path == "/c/d"
            assert isinstance(stat, Stat)
            name = await client.create_async("/c/d/e", protected=True)
            assert name.endswith("-e")
            assert await client.delete_async("/c", recursive=True)
            assert await client.exists_async("/c") is None
            answers = await client.multi_read_async([("get", "/a"), ("get_children", "/a")])
            assert answers[1] == ["b"]

    run(main())


def test_the_error_of_a_call_is_raised_where_it_is_awaited(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            future = client.create_async("/")
            with pytest.raises(NodeExistsError):
                await future
            with pytest.raises(NodeExistsError):
                await future
            with pytest.raises(NoNodeError):
                await client.ensure_path_async("/zookeeper/quota/a") and await client.get("/none")

    run(main())


def test_what_was_awaited_with_a_bound_of_the_callers_may_go_on(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            with server.faults.stall(), pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get("/")
            assert (await client.get("/"))[0] == b""

    run(main())


def test_a_write_whose_outcome_can_be_told_is_made_once_when_its_answer_is_lost(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            with server.faults.drop_after():
                assert await client.create("/mine", ephemeral=True) == "/mine"
            with server.faults.drop_after():
                assert await client.create_async("/too", ephemeral=True) == "/too"
            with server.faults.drop_after(), pytest.raises(ConnectionLoss) as told:
                await client.set_async("/mine", b"1")
            assert isinstance(told.value, OutcomeUnknown)
            assert (await client.get("/mine"))[0] == b"1"

    run(main())


def test_a_call_that_fails_fast_does_not_wait_for_a_server(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address, fail_fast=True) as client:
            server.stop()
            await until(lambda: not client.connected)
            with pytest.raises(ConnectionLoss):
                await client.get("/")
            for future in (client.get_async("/"), client.set_async("/", b"")):
                with pytest.raises(ConnectionLoss):
                    await future

    run(main())


def test_a_future_ends_at_its_deadline(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            with server.faults.stall():
                with pytest.raises(OperationTimeoutError):
                    await client.within(0.1).get_async("/")
                with pytest.raises(OperationTimeoutError) as told:
                    await client.within(0.1).create_async("/a")
            assert told.value.maybe_applied

    run(main())


@pytest.mark.parametrize("name", ASYNC)
def test_each_async_call_has_an_awaited_twin_with_the_same_parameters(name: str) -> None:
    future, awaited = getattr(Client, name), getattr(Client, name.removesuffix("_async"))

    assert not inspect.iscoroutinefunction(future)
    assert inspect.iscoroutinefunction(awaited)
    if name != "start_async":
        ours, theirs = inspect.signature(future), inspect.signature(awaited)
        assert list(ours.parameters) == list(theirs.parameters)
