"""The event that a start gives."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from tests.drivers.conftest import Told
from tests.waiting import remains, stretched
from zc.zk.codes import KeeperState, State
from zc.zk.drivers.connected import Connected
from zc.zk.protocol.session import Session

SOON = 20.0
A_MOMENT = 0.05


@pytest.fixture
def connected(session: Told) -> Connected:
    return Connected(cast("Session", session))


def test_it_is_set_while_a_server_answers(session: Told, connected: Connected) -> None:
    assert not connected.is_set()

    session.state = State.CONNECTED
    assert connected.is_set()
    assert connected.wait(0)

    session.state = State.SUSPENDED
    assert not connected.is_set()


def test_waiting_ends_when_it_is_set(session: Told, connected: Connected) -> None:
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(connected.wait, seconds) for seconds in (stretched(SOON), None)]
        assert remains(lambda: not any(each.done() for each in waiting), A_MOMENT)

        session.state = State.CONNECTED
        connected.look()

        assert [each.result(stretched(SOON)) for each in waiting] == [True, True]


def test_waiting_gives_up_in_time(connected: Connected) -> None:
    begun = time.monotonic()

    assert connected.wait(A_MOMENT) is False

    assert time.monotonic() - begun >= A_MOMENT


@pytest.mark.parametrize("end", [KeeperState.CLOSED, KeeperState.AUTH_FAILED])
def test_waiting_ends_where_it_cannot_be_set_any_more(
    session: Told, connected: Connected, end: KeeperState
) -> None:
    session.keeper_state = end

    assert connected.wait() is False
