"""Transactions, awaited; what they do is tested by tests/test_transactions.py."""

import asyncio

import pytest

from tests.aio.looping import run
from zc.zk import ArgumentError, NoNodeError, RolledBackError
from zc.zk.aio import Client
from zc.zk.testing import Server


def test_a_context_commits_at_its_end(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            async with client.transaction() as transaction:
                transaction.create("/a", b"1")
                transaction.create("/a/b")
                transaction.set_data("/a", b"2", 0)
                transaction.check("/a", 1)
            assert transaction.results is not None
            assert transaction.results[:2] == ["/a", "/a/b"]
            assert transaction.committed
            assert (await client.get("/a"))[0] == b"2"

    run(main())


def test_a_context_that_raises_does_nothing(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            transaction = client.transaction()

            async def fail() -> None:
                async with transaction:
                    transaction.create("/a")
                    raise LookupError

            with pytest.raises(LookupError):
                await fail()
            assert not transaction.committed
            assert await client.exists("/a") is None

    run(main())


def test_a_context_that_is_cancelled_does_nothing(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            async def hang() -> None:
                async with client.transaction() as transaction:
                    transaction.create("/a")
                    await asyncio.Event().wait()

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(hang(), 0.02)
            assert await client.exists("/a") is None

    run(main())


def test_a_transaction_is_committed_once(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            async with client.transaction() as transaction:
                transaction.create("/a")
                assert await transaction.commit() == ["/a"]
            with pytest.raises(ArgumentError, match="committed already"):
                await transaction.commit()
            with pytest.raises(ArgumentError, match="committed already"):
                transaction.delete("/a")

    run(main())


def test_what_fails_is_in_the_results_or_raised(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            async with client.transaction() as transaction:
                transaction.create("/a")
                transaction.delete("/none")
            assert transaction.results is not None
            assert [type(each) for each in transaction.results] == [RolledBackError, NoNodeError]

            raising = client.transaction(raising=True)
            raising.create("/a")
            raising.delete("/none")
            with pytest.raises(NoNodeError):
                async with raising:
                    pass
            assert await client.exists("/a") is None

    run(main())


def test_a_transaction_can_be_committed_without_waiting(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            transaction = client.transaction()
            transaction.create("/a")
            committing = transaction.commit_async()
            assert asyncio.isfuture(committing)
            assert (await client.get("/a"))[0] == b""  # asked later
            assert await committing == ["/a"]
            assert await client.transaction().commit() == []

    run(main())


def test_a_transaction_that_is_cancelled_is_done_or_not(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            for turns in range(12):
                transaction = client.transaction()
                transaction.create(f"/a{turns}")
                transaction.create(f"/b{turns}")
                task = asyncio.create_task(transaction.commit())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait((task,))
                nodes = [await client.exists(f"/{name}{turns}") for name in "ab"]
                assert (nodes[0] is None) is (nodes[1] is None)

    run(main())
