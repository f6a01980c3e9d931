"""What is brought about over and over, until the client is closed."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from tests.aio.looping import SOON, run, stays, until
from zc.zk.aio import Client
from zc.zk.asab import keeping
from zc.zk.asab.keeping import Keeper
from zc.zk.errors import ConnectionClosedError, ConnectionLoss, NoAuthError, ZooKeeperError
from zc.zk.testing import Server

A_MOMENT = 0.05


@pytest.fixture
def client() -> Iterator[Client]:
    with Server(tick_time=0.05) as server:
        yield Client(server.address)


class Work:
    """Counts how often it is done; raises what stands next in its line."""

    def __init__(self, *errors: ZooKeeperError) -> None:
        self.errors = list(errors)
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


def test_it_is_brought_about_at_first_and_whenever_somebody_asks(client: Client) -> None:
    async def main() -> None:
        work = Work()
        keeper = Keeper(client, "something", work)
        keeping_it = asyncio.create_task(keeper.keep())
        await until(lambda: work.count == 1)
        assert await stays(lambda: work.count == 1, A_MOMENT)
        keeper.look_again()
        keeper.look_again()
        await until(lambda: work.count == 2)
        assert await stays(lambda: work.count == 2, A_MOMENT)
        keeping_it.cancel()
        await asyncio.wait([keeping_it])

    run(main())


def test_it_ends_with_the_client(client: Client) -> None:
    work = Work(ConnectionClosedError())

    run(asyncio.wait_for(Keeper(client, "something", work).keep(), SOON))

    assert work.count == 1


def test_what_the_network_failed_is_begun_again_at_once(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(ConnectionLoss(), ConnectionLoss(), ConnectionClosedError())

    run(asyncio.wait_for(Keeper(client, "something", work).keep(), SOON))

    assert work.count == 3
    assert caplog.text == ""


def test_a_refusal_is_told_once_and_tried_again_later_or_when_somebody_asks(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(keeping, "_PAUSE", 1.0)

    async def main() -> None:
        work = Work(NoAuthError("/n"), NoAuthError("/n"), NoAuthError("/m"))
        keeper = Keeper(client, "something", work)
        keeping_it = asyncio.create_task(keeper.keep())
        await until(lambda: work.count == 1)
        assert await stays(lambda: work.count == 1, A_MOMENT)
        keeper.look_again()
        await until(lambda: work.count == 4)
        keeping_it.cancel()
        await asyncio.wait([keeping_it])

    run(main())

    assert [record.getMessage() for record in caplog.records] == [
        f"something: {NoAuthError('/n')}",
        f"something: {NoAuthError('/m')}",
    ]


def test_it_can_be_a_watch_and_knows_its_sessions(client: Client) -> None:
    async def main() -> None:
        work = Work()
        keeper = Keeper(client, "something", work)
        assert keeper.session_id == 0
        async with client:
            keeping_it = asyncio.create_task(keeper.keep())
            await client.exists("/n", keeper.look_again)
            await until(lambda: work.count == 1)
            await client.create("/n")
            await until(lambda: work.count == 2)
            keeper.note_session()
            assert client.client_id is not None
            assert keeper.sessions == {keeper.session_id} == {client.client_id[0]}
            keeping_it.cancel()
            await asyncio.wait([keeping_it])

    run(main())
