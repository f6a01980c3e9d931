import pytest

from tests.protocol.conversation import Asked, Conversation
from tests.protocol.session.phases import BOB, EVE, online, waiting
from zc.zk.codes import KeeperState, State
from zc.zk.errors import (
    AuthFailedError,
)
from zc.zk.operations import (
    SetData,
    Sync,
)
from zc.zk.protocol.states import Phase


def refused_identity() -> tuple[Conversation, Asked, Asked]:
    talk = online()
    identity, other = talk.ask(BOB), talk.ask(SetData("/a", b""))
    talk.refuse(AuthFailedError.code)
    return talk, identity, other


def test_a_refused_identity_is_final() -> None:
    talk, identity, _ = refused_identity()

    assert isinstance(identity.error, AuthFailedError)
    assert talk.session.phase is Phase.STOPPED
    assert talk.session.keeper_state is KeeperState.AUTH_FAILED
    assert talk.states == [State.CONNECTED, State.LOST]
    assert talk.session.fault is not None


def test_a_refused_identity_fails_all_that_waits() -> None:
    _, _, other = refused_identity()

    assert isinstance(other.error, AuthFailedError)
    assert other.error.maybe_applied


def test_after_a_refused_identity_every_call_fails_at_once() -> None:
    talk, _, _ = refused_identity()

    asked = talk.ask(Sync("/"))

    assert isinstance(asked.error, AuthFailedError)


def test_after_a_refused_identity_a_new_start_does_not_show_it() -> None:
    talk, _, _ = refused_identity()

    talk.open()
    talk.connect()
    talk.greet(0x52)

    assert talk.asked == []
    assert talk.states[-1] is State.CONNECTED


def test_listeners_are_told_connected_after_identities_were_accepted() -> None:
    talk = waiting()
    talk.ask(BOB)
    talk.connect()
    talk.greet()

    before = list(talk.states)
    talk.reply(zxid=0)

    assert before == []
    assert talk.states == [State.CONNECTED]


def test_an_identity_that_fails_for_another_reason_concerns_who_gave_it() -> None:
    talk = online()
    asked = talk.ask(BOB)

    talk.refuse(-5)

    assert str(asked.error) == "the server could not read the request"
    assert talk.session.phase is Phase.OPEN


@pytest.mark.parametrize("code", [-5, -99])
def test_an_identity_that_fails_for_another_reason_does_not_hold_up_the_session(
    code: int,
) -> None:
    talk = waiting()
    talk.ask(BOB)
    talk.connect()
    talk.greet()

    talk.refuse(code)

    assert talk.states == [State.CONNECTED]


def test_everybody_who_adds_the_same_identity_meanwhile_is_answered() -> None:
    talk = online()
    talk.drop()
    first, second = talk.ask(BOB), talk.ask(BOB)

    talk.come_back()
    talk.reply()

    assert (first.answers, second.answers) == ([None], [None])


def test_everybody_who_adds_the_same_identity_meanwhile_has_a_deadline() -> None:
    talk = online()
    talk.drop()
    first, second = talk.ask(BOB, within=1.0), talk.ask(BOB, within=2.0)

    talk.wait_offline(3.0)

    assert (len(first.errors), len(second.errors)) == (1, 1)


def test_an_identity_that_nobody_waits_for_any_more_is_forgotten() -> None:
    talk = online()
    talk.drop()
    asked = talk.ask(BOB)

    asked.ended = True  # cancelled
    talk.come_back()

    assert talk.asked == []
    assert talk.session.identities == []
    assert talk.session.shown_schemes == []


def test_an_identity_is_shown_for_as_long_as_one_of_those_who_gave_it_waits() -> None:
    talk = online()
    talk.drop()
    first, second, third = (talk.ask(BOB) for _ in range(3))

    first.ended = third.ended = True
    talk.come_back()
    talk.reply()

    assert second.answers == [None]
    assert talk.session.identities == [BOB]


@pytest.mark.parametrize("stops", [False, True])
def test_an_identity_that_was_accepted_once_stays_whoever_gives_it_up_later(stops: bool) -> None:
    talk = online()
    talk.ask(BOB)
    talk.reply()
    talk.drop()

    talk.ask(BOB).ended = True
    if stops:
        talk.session.finish("closed")
        talk.open()
    talk.come_back()

    assert talk.asked == [BOB]


def test_an_identity_that_was_accepted_too_late_is_shown_from_then_on() -> None:
    talk = online()
    talk.ask(BOB).ended = True
    talk.reply()
    talk.drop()

    talk.come_back()

    assert talk.asked == [BOB]


def test_an_identity_that_failed_for_another_reason_is_not_shown_again() -> None:
    talk = online()
    talk.ask(BOB)
    talk.refuse(-5)
    talk.drop()

    talk.come_back()

    assert talk.asked == []


def test_an_identity_that_a_stop_failed_is_not_shown_after_the_next_start() -> None:
    talk = waiting()
    asked = talk.ask(BOB)
    talk.session.finish("closed")

    talk.open()
    talk.come_back()

    assert len(asked.errors) == 1
    assert talk.asked == []


def test_identities_are_those_that_were_accepted_or_are_waited_for() -> None:
    talk = waiting()
    given_up, waited_for = talk.ask(EVE), talk.ask(BOB)

    given_up.ended = True

    assert not waited_for.ended
    assert talk.session.identities == [BOB]
