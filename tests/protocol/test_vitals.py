"""How a session is doing, as a value."""

import dataclasses

import pytest

from tests.protocol.conversation import PASSWORD, SESSION_ID, Conversation, T
from zc.zk.codes import KeeperState, State
from zc.zk.operations import GetData, SetData
from zc.zk.protocol.vitals import Vitals, vitals


def look(talk: Conversation, callbacks_waiting: int = 0) -> Vitals:
    return vitals(talk.session, talk.now, "192.0.2.1:2181", callbacks_waiting, 3)


def test_before_the_start_there_is_no_server() -> None:
    info = look(Conversation())

    assert (info.server, info.peer, info.session_id, info.connected_for) == ("", "", 0, None)
    assert (info.state, info.client_state) == (State.LOST, KeeperState.CLOSED)


def test_a_connected_client_names_its_server_session_and_time_outs() -> None:
    talk = Conversation().go_online()
    talk.now += 2.5

    info = look(talk)

    assert (info.server, info.peer) == ("a:1", "192.0.2.1:2181")
    assert (info.session_id, info.timeout, info.requested_timeout) == (SESSION_ID, T, T)
    assert (info.connected_for, info.connects, info.reconnects) == (2.5, 1, 0)
    assert info.is_healthy
    assert not info.is_read_only


def test_it_counts_what_is_under_way_and_what_waits() -> None:
    talk = Conversation().go_online()
    talk.ask(GetData("/a"))
    under_way = look(talk)
    talk.drop()
    talk.ask(SetData("/b", b"", -1))

    waiting = look(talk)

    assert (under_way.in_flight, under_way.waiting) == (1, 0)
    assert (waiting.in_flight, waiting.waiting) == (0, 2)
    assert waiting.connected_for is None
    assert not waiting.is_healthy


def test_callbacks_that_pile_up_are_not_healthy() -> None:
    talk = Conversation().go_online()

    assert not look(talk, callbacks_waiting=100).is_healthy


def test_it_never_changes() -> None:
    info = look(Conversation())

    with pytest.raises(dataclasses.FrozenInstanceError):
        info.watches = 1  # type: ignore[misc]


def test_the_password_is_not_in_it() -> None:
    info = look(Conversation().go_online())

    shown = repr(info) + repr(dataclasses.asdict(info))
    assert repr(PASSWORD) not in shown
    assert PASSWORD.hex() not in shown
    assert "password" not in shown
