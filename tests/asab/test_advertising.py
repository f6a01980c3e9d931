import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

import zc.zk
from tests.aio.looping import run, until
from tests.asab.applications import becomes
from zc.zk import aio
from zc.zk.asab.advertising import Advertisement
from zc.zk.testing import Server

PREFIX = "/asab/run/App."
FIRST, SECOND, THIRD = (f"App.{number:010}" for number in range(3))


@contextlib.asynccontextmanager
async def advertising(
    server: Server, data: bytes = b"1"
) -> AsyncIterator[tuple[aio.Client, Advertisement]]:
    """Give an advertisement that is being kept, and the client that keeps it."""
    async with aio.Client(server.address, 2.0) as client:
        advertisement = Advertisement(client, PREFIX)
        advertisement.want(data)
        keeping = asyncio.ensure_future(advertisement.keep())
        try:
            yield client, advertisement
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])


def seen(client: aio.Client) -> Callable[[], Awaitable[dict[str, bytes]]]:
    """Give a function that tells what is advertised."""

    async def look() -> dict[str, bytes]:
        try:
            names = await client.get_children("/asab/run")
        except zc.zk.NoNodeError:
            return {}
        with contextlib.suppress(zc.zk.NoNodeError):
            return {name: (await client.get(f"/asab/run/{name}"))[0] for name in names}
        return {}

    return look


@pytest.fixture
def server() -> "contextlib.AbstractContextManager[Server]":
    return Server(tick_time=0.05)


def test_a_node_is_made_with_those_above_it(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await becomes(seen(client), {FIRST: b"1"})
            await until(lambda: advertisement.path == f"/asab/run/{FIRST}")

    with server:
        run(work())


def test_the_latest_data_are_written_in_place(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await becomes(seen(client), {FIRST: b"1"})
            for number in range(50):
                advertisement.want(b"%d" % number)
            await becomes(seen(client), {FIRST: b"49"})

    with server:
        run(work())


def test_a_node_that_somebody_deletes_comes_back_at_once(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await until(lambda: advertisement.path)
            await becomes(seen(client), {FIRST: b"1"})
            await client.delete(f"/asab/run/{FIRST}")
            await becomes(seen(client), {SECOND: b"1"})
            advertisement.want(b"2")
            await becomes(seen(client), {SECOND: b"2"})

    with server:
        run(work())


def test_a_node_whose_parent_is_deleted_comes_back_with_it(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await until(lambda: advertisement.path)
            await client.delete("/asab", recursive=True)
            await becomes(seen(client), {FIRST: b"1"})

    with server:
        run(work())


@pytest.mark.slow
def test_after_the_loss_of_the_session_there_is_one_node_with_the_latest_data(
    server: Server,
) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await becomes(seen(client), {FIRST: b"1"})
            assert client.client_id is not None
            lost = client.client_id[0]
            server.expire(lost)
            advertisement.want(b"2")
            await becomes(seen(client), {SECOND: b"2"})
            stat = await client.exists(f"/asab/run/{SECOND}")
            assert stat is not None
            assert stat.ephemeralOwner == client.client_id[0] != lost

    with server:
        run(work())


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_a_creation_whose_reply_was_lost_leaves_one_node(server: Server, fault: str) -> None:
    async def work() -> None:
        async with aio.Client(server.address) as outsider:
            await outsider.ensure_path("/asab/run")
            with getattr(server.faults, fault)(operation="create") as happening:
                async with advertising(server, b"1") as (_, advertisement):
                    await until(lambda: happening.happened)
                    await until(lambda: advertisement.path)
                    names = await outsider.get_children("/asab/run")
                    assert [f"/asab/run/{name}" for name in names] == [advertisement.path]
                    advertisement.want(b"2")
                    await becomes(seen(outsider), {names[0]: b"2"})

    with server:
        run(work())


@pytest.mark.slow
def test_a_creation_whose_reply_was_lost_with_the_session_leaves_one_node(server: Server) -> None:
    async def work() -> None:
        async with (
            aio.Client(server.address) as outsider,
            advertising(server) as (client, advertisement),
        ):
            await until(lambda: advertisement.path)
            assert client.client_id is not None
            lost = client.client_id[0]
            with server.faults.drop_after(operation="create") as cut:
                refusing = server.faults.refuse()
                await outsider.delete(f"/asab/run/{FIRST}")
                await until(lambda: cut.happened)
            assert server.expire(lost)
            refusing.lift()

            await becomes(seen(outsider), {THIRD: b"1"})
            stat = await outsider.exists(f"/asab/run/{THIRD}")
            assert stat is not None
            assert stat.ephemeralOwner == client.client_id[0] != lost

    with server:
        run(work())


def test_a_node_of_the_same_name_that_is_another_s_is_let_be(server: Server) -> None:
    async def work() -> None:
        async with (
            aio.Client(server.address) as outsider,
            advertising(server) as (client, advertisement),
        ):
            await until(lambda: advertisement.path)
            transaction = outsider.transaction()  # so that nobody comes between
            transaction.delete(f"/asab/run/{FIRST}")
            transaction.create(f"/asab/run/{FIRST}", b"theirs", ephemeral=True)
            await transaction.commit()

            await becomes(seen(client), {FIRST: b"theirs", THIRD: b"1"})

    with server:
        run(work())


def test_other_nodes_with_such_names_are_let_be(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            await until(lambda: advertisement.path)
            others = ["App.x", "App.", "App.12345678901", "Apple", "App.000000000x"]
            for other in others:
                await client.create(f"/asab/run/{other}", ephemeral=True)
            with server.faults.drop_after(operation="create"):
                await client.delete(f"/asab/run/{FIRST}")
                await until(lambda: advertisement.path not in {None, f"/asab/run/{FIRST}"})

            names = set(await client.get_children("/asab/run"))
            assert names >= set(others)
            assert len(names) == len(others) + 1

    with server:
        run(work())


@pytest.mark.slow
def test_what_is_refused_is_told_once_and_tried_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with aio.Client(server.address) as outsider:
            await outsider.create("/asab", acl=zc.zk.READ_ACL_UNSAFE)
            async with advertising(server) as (client, advertisement):
                await until(lambda: complaints(caplog))
                advertisement.look_again()
                await asyncio.sleep(0.05)
                assert len(complaints(caplog)) == 1
                await outsider.delete("/asab")
                advertisement.look_again()
                await becomes(seen(client), {FIRST: b"1"})

    with server, caplog.at_level(logging.WARNING, logger="zc.zk.asab"):
        run(work())


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "zc.zk.asab"]


class Switching:
    """A client that gives its session up for that of another, while the server still keeps the first."""

    def __init__(self, current: aio.Client) -> None:
        self.current = current

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


def test_a_node_of_a_session_that_was_given_up_is_removed(server: Server) -> None:
    async def work() -> None:
        async with aio.Client(server.address) as earlier, aio.Client(server.address) as later:
            client = Switching(earlier)
            advertisement = Advertisement(cast("aio.Client", client), PREFIX)
            advertisement.want(b"1")
            keeping = asyncio.ensure_future(advertisement.keep())
            await becomes(seen(later), {FIRST: b"1"})
            await until(lambda: advertisement.path)
            client.current = later
            advertisement.look_again()
            await becomes(seen(later), {SECOND: b"1"})
            keeping.cancel()
            await asyncio.wait([keeping])

    with server:
        run(work())


def test_it_ends_with_its_client(server: Server) -> None:
    async def work() -> None:
        client = aio.Client(server.address)
        await client.start()
        advertisement = Advertisement(client, PREFIX)
        keeping = asyncio.ensure_future(advertisement.keep())
        await until(lambda: advertisement.path)
        await client.stop()
        advertisement.look_again()
        await asyncio.wait_for(keeping, 20.0)

    with server:
        run(work())


@pytest.mark.slow
def test_while_no_server_is_there_it_waits_and_then_goes_on(server: Server) -> None:
    async def work() -> None:
        async with advertising(server) as (client, advertisement):
            client.operation_timeout = 0.2
            await until(lambda: advertisement.path)
            server.kill()
            for _ in range(8):
                advertisement.look_again()
                await asyncio.sleep(0.05)
            advertisement.want(b"2")
            server.start()
            look = seen(client.within(10.0))
            await becomes(look, {SECOND: b"2"} if FIRST not in await look() else {FIRST: b"2"})

    with server:
        run(work())
