"""Watches for good on an event loop, with functions and with coroutine functions."""

from tests.aio.looping import run, stays, until
from zc.zk.aio import Client
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
