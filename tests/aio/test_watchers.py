"""Watches for good on an event loop, with functions and with coroutine functions."""

import asyncio
from functools import partial

import pytest

from tests.aio.looping import run, stays, until
from zc.zk import UsageError
from zc.zk.aio import ChildrenWatch, Client, DataWatch
from zc.zk.testing import Server

A_MOMENT = 0.05


def test_a_data_watch_may_be_a_coroutine_function_and_end_by_returning_false(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            seen = []

            async def watch(data: bytes | None, _: object) -> bool:
                seen.append(data)
                return data != b"2"

            await client.DataWatch("/a", watch)
            await client.create("/a", b"1")
            await until(lambda: seen == [None, b"1"])
            await client.set("/a", b"2")
            await until(lambda: seen[-1] == b"2")
            await client.set("/a", b"3")
            assert await stays(lambda: seen[-1] == b"2", A_MOMENT)

    run(main())


def test_a_watch_is_made_by_its_client_alone(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            for make in (DataWatch, ChildrenWatch):
                with pytest.raises(UsageError, match="await the method that makes one"):
                    make(client, "/", print)

    run(main())


def test_a_coroutine_function_that_raises_at_first_is_logged_by_its_name_and_stays(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            calls: list[bytes | None] = []

            async def culprit(data: bytes | None, _: object) -> None:
                calls.append(data)
                if len(calls) == 1:
                    raise LookupError("of the function")

            await client.DataWatch("/", culprit)
            await until(lambda: calls)
            await client.set("/", b"1")
            await until(lambda: calls == [b"", b"1"])

    run(main())

    (complaint,) = [line for line in caplog.messages if "callback failed" in line]
    assert "<DataWatch / <function" in complaint
    assert "culprit" in complaint


def test_a_function_that_raises_at_first_is_raised_and_not_kept(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            def failing(*_: object) -> None:
                raise LookupError("of the function")

            with pytest.raises(LookupError):
                await client.DataWatch("/", failing)
            with pytest.raises(LookupError):
                await client.data_watches({"/": failing})
            await until(lambda: not client.driver.session.trail.watches.paths)

    run(main())


def test_a_function_may_write_what_it_watches(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a", b"0")

            @(await client.DataWatch("/a"))
            async def count_up(data: bytes | None, _: object) -> None:
                if data is not None and int(data) < 5:
                    await client.set("/a", b"%d" % (int(data) + 1))

            seen: list[bytes | None] = []
            await client.DataWatch("/a", lambda data, _: seen.append(data))
            await until(lambda: seen[-1] == b"5")
            assert callable(count_up)

    run(main())


def test_a_slow_function_gets_the_latest_state_next(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a", b"0")
            may_go_on = asyncio.Event()
            seen: list[bytes | None] = []
            latest: list[bytes | None] = []

            async def slow(data: bytes | None, _: object) -> None:
                seen.append(data)
                if len(seen) == 2:
                    await may_go_on.wait()

            await client.DataWatch("/a", slow)
            await client.DataWatch("/a", lambda data, _: latest.append(data))
            await client.set("/a", b"1")
            await until(lambda: len(seen) == 2)
            for count in (2, 3, 4):
                await client.set("/a", b"%d" % count)
            await until(lambda: latest[-1] == b"4")
            may_go_on.set()
            await until(lambda: seen == [b"0", b"1", b"4"])

    run(main())


def test_a_state_is_never_told_twice(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client, Client(server.address) as other:
            await client.create("/a", b"0")
            seen: list[bytes | None] = []
            names: list[list[str]] = []

            async def data(given: bytes | None, _: object) -> None:
                seen.append(given)
                await asyncio.sleep(0)

            async def children(given: list[str]) -> None:
                names.append(sorted(given))
                await asyncio.sleep(0)

            await client.DataWatch("/a", data)
            await client.ChildrenWatch("/a", children)
            for number in range(1, 30):
                await other.set("/a", b"%d" % number)
                await other.create(f"/a/{number}")
            await until(lambda: seen[-1] == b"29" and len(names[-1]) == 29)
            told = [int(each or b"") for each in seen]
            assert told == sorted(set(told))
            assert [len(each) for each in names] == sorted({len(each) for each in names})

    run(main())


def test_a_watch_that_is_bound_to_the_session_ends_with_it(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client, Client(server.address) as other:
            await client.create("/a")
            lasting: list[list[str]] = []
            bound: list[list[str]] = []

            async def last(names: list[str]) -> None:
                lasting.append(names)

            async def end(names: list[str]) -> None:
                bound.append(names)

            await client.ChildrenWatch("/a", last)
            await client.ChildrenWatch("/a", end, allow_session_lost=False)
            await until(lambda: lasting == bound == [[]])
            assert client.client_id is not None
            lost = client.client_id
            server.expire(lost[0])
            await until(lambda: client.connected and client.client_id != lost)
            await other.create("/a/b")
            await until(lambda: lasting == [[], ["b"]])
            assert await stays(lambda: bound == [[]], A_MOMENT)

    run(main())


def test_many_watches_are_made_at_once(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            seen: dict[str, list[bytes | None]] = {f"/{number}": [] for number in range(10)}
            for path in seen:
                await client.create(path)

            async def note(path: str, data: bytes | None, _: object) -> None:
                seen[path].append(data)

            watches = await client.data_watches({path: partial(note, path) for path in seen})
            assert list(watches) == list(seen)
            for path in seen:
                await client.set(path, b"1")
            await until(lambda: all(told == [b"", b"1"] for told in seen.values()))

    run(main())
