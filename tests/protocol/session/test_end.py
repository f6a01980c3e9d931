import pytest

from tests.protocol.conversation import SESSION_ID, Asked
from tests.protocol.session.phases import BOB, IN_PHASE, closing, online, stopped, waiting
from zc.zk.codes import State
from zc.zk.errors import (
    ConnectionClosedError,
)
from zc.zk.operations import (
    CloseSession,
    Create,
    GetData,
    SetData,
    Sync,
)
from zc.zk.protocol.requests import NEVER
from zc.zk.protocol.states import Phase


def test_closing_ends_the_session_and_answers_what_is_in_flight() -> None:
    talk = online()
    asked = talk.ask(Sync("/"))
    talk.session.close(talk.now)
    talk.collect()
    said = talk.asked

    talk.reply("/")
    talk.reply()
    fault = talk.session.fault
    talk.drop()

    assert [type(operation) for operation in said] == [Sync, CloseSession]
    assert asked.answer == "/"
    assert fault == "closed by the caller"
    assert talk.session.phase is Phase.STOPPED
    assert talk.states == [State.CONNECTED, State.LOST]


def test_a_server_that_hangs_up_on_the_farewell_has_ended_the_session_too() -> None:
    talk = closing()

    talk.drop()

    assert talk.session.phase is Phase.STOPPED


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.CLOSING])
def test_what_is_asked_of_a_closed_client_fails_at_once(phase: Phase) -> None:
    talk = IN_PHASE[phase]()

    asked = talk.ask(Sync("/"))

    assert isinstance(asked.error, ConnectionClosedError)


def test_closing_without_a_connection_is_immediate() -> None:
    talk = waiting()
    asked = talk.ask(Sync("/"))

    talk.session.close(talk.now)

    assert isinstance(asked.error, ConnectionClosedError)
    assert talk.session.phase is Phase.STOPPED


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.is_ending])
def test_the_end_resolves_everything(phase: Phase) -> None:
    talk = IN_PHASE[phase]()
    asked = [talk.ask(each) for each in (GetData("/a"), SetData("/a", b""), BOB, Create("/c"))]

    talk.session.finish("closed")

    assert [each.ended for each in asked] == [True] * 4
    assert all(isinstance(each.error, ConnectionClosedError) for each in asked[:2])
    assert talk.session.deadline() >= talk.now


def test_the_end_of_a_write_that_was_sent_is_unknown() -> None:
    talk = online()
    sent = talk.ask(SetData("/a", b""))
    read = talk.ask(GetData("/a"))
    unsent = Asked(SetData("/b", b""))
    talk.session.submit(unsent, talk.now)

    talk.session.finish("closed")

    errors = [each.error for each in (sent, read, unsent)]
    assert [isinstance(error, ConnectionClosedError) for error in errors] == [True] * 3
    assert [getattr(error, "maybe_applied", None) for error in errors] == [True, False, False]


def test_an_identity_that_nobody_was_shown_yet_is_resolved_by_the_end() -> None:
    talk = waiting()
    asked = talk.ask(BOB)

    talk.session.finish("closed")

    assert asked.ended


def test_the_end_names_the_session_that_ended() -> None:
    talk = online()

    talk.session.finish("closed by the caller")

    assert talk.changes[-1].session_id == SESSION_ID
    assert talk.changes[-1].reason == "closed by the caller"


def test_an_identity_given_to_a_stopped_client_is_kept_for_its_start() -> None:
    talk = stopped()
    asked = talk.ask(BOB)

    talk.open()
    talk.connect()
    talk.greet()

    assert asked.answer is None
    assert talk.asked == [BOB]


def test_a_client_may_be_opened_again_and_begins_a_new_session() -> None:
    talk = online()
    talk.session.finish("closed")

    talk.open()
    hello = talk.connect()
    talk.greet(0x52)

    assert hello.session_id == 0
    assert talk.states == [State.CONNECTED, State.LOST, State.CONNECTED]
    assert talk.session.earlier_ids == {SESSION_ID}


def test_the_end_comes_once() -> None:
    talk = online()

    talk.session.finish("closed")
    talk.session.finish("closed again")

    assert talk.states == [State.CONNECTED, State.LOST]


def test_a_stopped_client_says_nothing_more() -> None:
    talk = online()
    talk.session.finish("closed")

    talk.session.tick(talk.now + 1000)

    assert talk.session.data_to_send(talk.now) == b""
    assert talk.session.deadline() == NEVER
