"""The event that a start on a loop gives."""

import asyncio
from typing import cast

import pytest

from tests.aio.looping import run, turns
from tests.drivers.conftest import Told
from zc.zk.codes import KeeperState, State
from zc.zk.drivers.aio.connected import LoopConnected
from zc.zk.protocol.session import Session

A_MOMENT = 0.01


@pytest.fixture
def connected(session: Told) -> LoopConnected:
    return LoopConnected(cast("Session", session))


def test_it_is_set_while_a_server_answers(session: Told, connected: LoopConnected) -> None:
    assert not connected.is_set()

    session.state = State.CONNECTED
    assert connected.is_set()
    assert run(connected.wait(0))

    session.state = State.SUSPENDED
    assert not connected.is_set()


def test_all_who_wait_go_on_when_it_is_set(session: Told, connected: LoopConnected) -> None:
    async def main() -> list[bool]:
        waiting = [asyncio.create_task(connected.wait(seconds)) for seconds in (60.0, None)]
        await turns(3)
        connected.look()
        await turns(3)
        assert not any(each.done() for each in waiting)
        session.state = State.CONNECTED
        connected.look()
        return await asyncio.gather(*waiting)

    assert run(main()) == [True, True]


def test_waiting_gives_up_in_time(connected: LoopConnected) -> None:
    assert run(connected.wait(A_MOMENT)) is False


def test_waiting_may_be_cancelled_and_the_others_wait_on(
    session: Told, connected: LoopConnected
) -> None:
    async def main() -> bool:
        first, second = [asyncio.create_task(connected.wait()) for _ in range(2)]
        await turns(3)
        first.cancel()
        await turns(3)
        session.state = State.CONNECTED
        connected.look()
        return await second and first.cancelled()

    assert run(main())


@pytest.mark.parametrize("end", [KeeperState.CLOSED, KeeperState.AUTH_FAILED])
def test_waiting_ends_where_it_cannot_be_set_any_more(
    session: Told, connected: LoopConnected, end: KeeperState
) -> None:
    session.keeper_state = end

    assert run(connected.wait()) is False
