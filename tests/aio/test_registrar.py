"""Registrations on an event loop; what they do is tested by tests/registry, by both faces."""

import asyncio

import pytest

from tests.aio.looping import run, stays, until
from zc.zk import (
    ConnectionClosedError,
    FailedConnect,
    NodeExistsError,
    OperationTimeoutError,
    UsageError,
)
from zc.zk.aio import Client, RegisteredServer, ZooKeeper
from zc.zk.testing import Server

A_MOMENT = 0.05


async def lose_session(client: Client, server: Server) -> None:
    """End the session from outside; return when the client has another one."""
    lost = client.client_id
    assert lost is not None
    assert server.expire(lost[0])
    await until(lambda: client.connected and client.client_id != lost)


def test_a_registration_comes_back_with_its_latest_data_after_a_lost_session(
    server: Server,
) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk, ZooKeeper(server.address) as other:
            await zk.create("/s")
            registration = await zk.register("/s", "h:1", color="red")
            await registration.update(color="blue")
            children = await other.children("/s")
            await lose_session(zk.client, server)
            await until(lambda: registration.is_held)
            await until(lambda: list(children) == ["h:1"])

            stat = await zk.exists("/s/h:1")
            assert stat is not None
            assert zk.client.client_id is not None
            assert stat.ephemeralOwner == zk.client.client_id[0]
            assert (await zk.get_properties("/s/h:1"))["color"] == "blue"

    run(main())


def test_a_withdrawn_registration_does_not_come_back(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            registration = await zk.register("/s", "h:1")
            await registration.withdraw()
            await registration.withdraw()
            assert await zk.exists("/s/h:1") is None
            await lose_session(zk.client, server)

            assert await stays(lambda: not registration.is_held, A_MOMENT)
            assert await zk.exists("/s/h:1") is None
            with pytest.raises(UsageError, match="the registration was withdrawn"):
                await registration.update(a=1)
            assert (await zk.register("/s", "h:1")).is_held

    run(main())


def test_a_name_is_registered_once(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            results = await asyncio.gather(
                *(zk.register("/s", "h:1") for _ in range(3)), return_exceptions=True
            )
            kinds = sorted(type(result).__name__ for result in results)
            assert kinds == ["NodeExistsError", "NodeExistsError", "RegisteredServer"]

    run(main())


def test_a_name_of_another_session_is_waited_for(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk, ZooKeeper(server.address) as other:
            await zk.create("/s")
            theirs = await other.register("/s", "h:1")
            waiting = asyncio.create_task(zk.register("/s", "h:1"))
            assert await stays(lambda: not waiting.done(), A_MOMENT)
            await theirs.withdraw()
            assert (await waiting).is_held
            with pytest.raises(NodeExistsError):
                await other.register("/s", "h:1", wait_for_name=0)
            with pytest.raises(NodeExistsError):
                await other.register("/s", "h:1", wait_for_name=0.05)

    run(main())


def test_waiting_for_a_name_may_be_cancelled(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk, ZooKeeper(server.address) as other:
            await zk.create("/s")
            theirs = await other.register("/s", "h:1")
            waiting = asyncio.create_task(zk.register("/s", "h:1"))
            assert await stays(lambda: not waiting.done(), A_MOMENT)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await theirs.withdraw()
            assert await other.exists("/s/h:1") is None
            assert (await zk.register("/s", "h:1")).is_held

    run(main())


def test_waiting_for_a_name_ends_with_the_client(server: Server) -> None:
    async def main() -> None:
        zk = await ZooKeeper(server.address)
        async with ZooKeeper(server.address) as other:
            await zk.create("/s")
            await other.register("/s", "h:1")
            waiting = asyncio.create_task(zk.register("/s", "h:1"))
            assert await stays(lambda: not waiting.done(), A_MOMENT)
            await zk.close()
            with pytest.raises(ConnectionClosedError):
                await asyncio.wait_for(waiting, 1.0)

    run(main())


def test_updates_at_the_same_time_keep_what_each_wanted(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            registration = await zk.register("/s", "h:1")
            await asyncio.gather(*(registration.update({f"n{n}": n}) for n in range(10)))
            data = await zk.get_properties("/s/h:1")
            assert {f"n{n}": n for n in range(10)}.items() <= data.items()
            assert registration.data == data
            assert registration.address == "h:1"

    run(main())


def test_an_update_that_cannot_be_made_in_time_is_made_later(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(Client(server.address, operation_timeout=0.2)) as zk:
            await zk.create("/s")
            registration = await zk.register("/s", "h:1")
            server.stop()
            with pytest.raises(OperationTimeoutError):
                await registration.update(a=1)
            server.start()
            await until(lambda: registration.data.get("a") == 1 and zk.client.connected)
            assert (await zk.get_properties("/s/h:1"))["a"] == 1
            await zk.client.stop()

    run(main())


def test_a_borrowed_client_stays_open_and_its_registrations_go(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            async with ZooKeeper(client) as zk:
                await zk.create("/s")
                registrations = [await zk.register("/s", f"h:{n}") for n in range(1, 6)]
                assert len(await client.get_children("/s")) == 5
            assert zk.handle is None
            assert client.connected
            assert await client.get_children("/s") == []
            assert not any(each.is_held for each in registrations)

    run(main())


def test_closing_a_borrowed_client_without_a_server_withdraws_later(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client, Client(server.address) as other:
            zk = await ZooKeeper(client)
            await zk.create("/s")
            await zk.register("/s", "h:1")
            server.stop()
            begun = asyncio.get_running_loop().time()
            await zk.close()
            assert asyncio.get_running_loop().time() - begun < 2.5
            server.start()

            left = await ZooKeeper(other)
            children = await left.children("/s")
            await until(lambda: not children)

    run(main())


def test_what_shows_a_registration_says_how_it_stands(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            registration = await zk.register("/s", "h:1")
            assert isinstance(registration, RegisteredServer)
            assert repr(registration) == "<RegisteredServer /s/h:1 held>"
            assert await zk.delete("/s/h:1")
            assert repr(registration) == "<RegisteredServer /s/h:1 withdrawn>"

    run(main())


def test_a_registration_that_is_cancelled_at_the_last_moment_is_withdrawn(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            children = await zk.children("/s")  # who registers waits until these show it
            for turns in range(30):
                name = f"h:{turns + 1}"
                registering = asyncio.create_task(zk.register("/s", name))
                for _ in range(turns):
                    await asyncio.sleep(0)
                registering.cancel()
                await asyncio.wait((registering,))
                if registering.cancelled():
                    await until(lambda name=name: name not in children)  # type: ignore[misc]
                    assert (await zk.register("/s", name)).is_held
                assert name in await zk.get_children("/s")

    run(main())


def test_withdrawing_again_waits_for_what_a_cancelled_withdrawal_began(server: Server) -> None:
    async def main() -> None:
        async with ZooKeeper(server.address) as zk, ZooKeeper(server.address) as other:
            registered = await zk.register("/", "h:1")
            with server.faults.stall() as stalled:
                withdrawing = asyncio.create_task(registered.withdraw())
                await asyncio.to_thread(stalled.wait, 10.0)
                withdrawing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await withdrawing
                again = [asyncio.create_task(registered.withdraw()) for _ in range(2)]
                await asyncio.sleep(0.02)
                assert not any(each.done() for each in again)
            await asyncio.gather(*again)
            assert await other.exists("/h:1") is None
            await registered.withdraw()

    run(main())


def test_a_borrowed_client_without_a_server_is_not_ended_by_a_registry_that_cannot_start(
    server: Server,
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/mine", ephemeral=True)
            server.stop()
            await until(lambda: not client.connected)
            with pytest.raises(FailedConnect):
                await ZooKeeper(client, start_timeout=0.05)
            server.start()
            await until(lambda: client.connected)
            assert await client.exists("/mine")

    run(main())
