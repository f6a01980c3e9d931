import asyncio

from tests.aio.looping import run, until
from tests.ports import free_port
from zc.zk import ConnectionClosedError, FailedConnect, State
from zc.zk.asab.calls import LoopClient
from zc.zk.protocol.states import StateChange
from zc.zk.testing import Server


def test_changes_of_the_state_are_told_with_their_reasons() -> None:
    async def work() -> None:
        heard: list[StateChange] = []

        async def hear(change: StateChange) -> None:
            heard.append(change)

        client = LoopClient(server.address)
        client.explain_to(hear)
        async with client:
            await until(lambda: [each.state for each in heard] == [State.CONNECTED])
            await asyncio.to_thread(server.drop_connections)
            await until(lambda: len(heard) == 3)

        assert [each.state for each in heard][1:] == [State.SUSPENDED, State.CONNECTED, State.LOST]
        assert all(each.reason for each in heard)

    with Server() as server:
        run(work())


def test_why_there_is_no_connection_is_said_as_by_start() -> None:
    async def work() -> None:
        client = LoopClient(nowhere)
        client.start_async()
        await until(lambda: "refused" in str(client.why_not_started(3.0)))
        assert isinstance(client.why_not_started(3.0), FailedConnect)
        await client.stop()
        assert isinstance(client.why_not_started(3.0), ConnectionClosedError)

    nowhere = f"127.0.0.1:{free_port()}"
    run(work())
