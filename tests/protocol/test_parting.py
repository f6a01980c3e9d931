"""Closing while the connection is lost: whoever has a session tries to say so once more."""

from collections.abc import Callable

import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation
from tests.protocol.session.phases import online
from zc.zk.codes import State
from zc.zk.errors import ConnectionClosedError
from zc.zk.operations import CloseSession, Sync
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.race import Race
from zc.zk.protocol.states import Phase


def suspended() -> Conversation:
    talk = online(hosts="a:1,b:2")
    talk.drop()
    return talk


def dialling() -> Conversation:
    talk = suspended()
    talk.dial()
    return talk


def greeting() -> Conversation:
    talk = suspended()
    talk.connect()
    return talk


def parting() -> Conversation:
    talk = suspended()
    talk.session.close(talk.now)
    return talk


def test_a_server_is_asked_for_the_session_and_told_that_it_ends() -> None:
    talk = parting()

    hello = talk.connect()
    talk.greet()
    said = talk.asked
    talk.reply()
    fault = talk.session.fault
    talk.drop()

    assert hello.session_id == SESSION_ID
    assert [type(operation) for operation in said] == [CloseSession]
    assert fault == "closed by the caller"
    assert talk.session.phase is Phase.STOPPED
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST]


def test_what_waits_and_what_is_asked_meanwhile_fails_at_once() -> None:
    talk = suspended()
    before = talk.ask(Sync("/"))

    talk.session.close(talk.now)
    after = talk.ask(Sync("/"))

    assert isinstance(before.error, ConnectionClosedError)
    assert isinstance(after.error, ConnectionClosedError)


def test_it_does_not_wait_for_the_pause_between_attempts() -> None:
    talk = parting()

    assert len(talk.session.dial(talk.now)) == 2
    assert talk.session.unreachable(Endpoint("a", 1), "connection refused", talk.now) <= 0.1


def test_when_no_server_is_reached_it_ends() -> None:
    talk = parting()
    talk.session.dial(talk.now)

    talk.session.disconnected("no server could be reached", talk.now)

    assert talk.session.phase is Phase.STOPPED


def test_when_a_server_is_not_reached_the_others_are_tried() -> None:
    talk = parting()
    first, second = talk.session.dial(talk.now)

    talk.session.unreachable(first, "connection refused", talk.now)
    talk.session.disconnected("no server could be reached", talk.now)

    assert talk.session.dial(talk.now) == (second,)


def test_a_server_that_refuses_beside_one_that_is_silent_is_not_asked_without_end() -> None:
    talk = parting()
    silent, refusing = Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2)
    race = Race([silent, refusing], 10.0, talk.now)
    tried: list[Endpoint] = []

    end = talk.now + 1.0
    while talk.now < end and len(tried) < 1000:
        attempt = race.start(talk.now)
        if attempt is not None:
            tried.append(attempt.server)
            if attempt.server == refusing:
                race.failed(attempt, "connection refused", talk.now)
                pause = talk.session.unreachable(refusing, "connection refused", talk.now)
                race.hold_off(pause, talk.now)
        talk.now = max(talk.now, race.deadline())

    assert tried[:2] == [silent, refusing]
    assert len(tried) < 12


def test_of_servers_that_hang_up_each_is_tried_once() -> None:
    talk = parting()

    tried = []
    while talk.session.phase is Phase.PARTING:
        tried.append(talk.dial())
        talk.connect()
        talk.drop()

    assert (len(tried), set(tried)) == (2, {Endpoint("a", 1), Endpoint("b", 2)})


def test_a_server_that_does_not_answer_has_half_a_second() -> None:
    talk = parting()
    talk.connect()

    talk.wait(0.49)
    early = talk.session.fault
    talk.wait(0.02)

    assert early is None
    assert talk.session.fault
    assert talk.session.phase is Phase.PARTING


def test_a_session_that_has_expired_needs_no_other_server() -> None:
    talk = parting()
    talk.connect()

    talk.feed(wire.session_refused())
    talk.drop()

    assert talk.session.phase is Phase.STOPPED


def test_an_attempt_that_is_being_made_begins_again_without_pauses() -> None:
    talk = dialling()

    talk.session.close(talk.now)
    fault = talk.session.fault
    talk.session.disconnected("no server could be reached", talk.now)
    servers = talk.session.dial(talk.now)

    assert fault is not None
    assert len(servers) == 2
    assert talk.session.fault is None


def test_an_attempt_that_has_just_succeeded_goes_on() -> None:
    talk = dialling()

    talk.session.close(talk.now)
    talk.session.connected(talk.now, Endpoint("a", 1))

    assert talk.session.fault is None
    assert talk.session.data_to_send(talk.now)


def test_a_server_that_was_asked_already_is_told_next() -> None:
    talk = greeting()

    talk.session.close(talk.now)
    talk.greet()

    assert [type(operation) for operation in talk.asked] == [CloseSession]


def never_open() -> Conversation:
    return Conversation().open()


def assumed_lost() -> Conversation:
    talk = suspended()
    talk.wait_offline(20.0)
    return talk


@pytest.mark.parametrize("make", [never_open, assumed_lost])
def test_who_has_no_session_ends_at_once(make: Callable[[], Conversation]) -> None:
    talk = make()

    talk.session.close(talk.now)

    assert talk.session.phase is Phase.STOPPED
