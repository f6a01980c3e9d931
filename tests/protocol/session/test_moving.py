"""Another list of servers, while the session goes on."""

import pytest

from tests.protocol.conversation import SESSION_ID, Asked, Conversation, T
from tests.protocol.session.phases import IN_PHASE, online
from zc.zk.codes import State
from zc.zk.errors import ConnectionClosedError, ConnectionLoss
from zc.zk.operations import CloseSession, Create, Ping, Sync
from zc.zk.protocol.ensemble import Endpoint, parse
from zc.zk.protocol.states import Phase

OTHER = Endpoint("b", 2)


def move(talk: Conversation, hosts: str) -> None:
    talk.session.move(parse(hosts)[0], talk.now)
    talk.collect()


def test_a_connection_to_a_server_that_is_still_listed_stays() -> None:
    talk = Conversation("a:1,b:2").go_online()

    move(talk, "b:2,a:1")

    assert talk.session.fault is None
    assert talk.session.phase is Phase.OPEN
    assert talk.states == [State.CONNECTED]


def test_a_server_that_is_not_listed_any_more_is_left_and_the_session_goes_on() -> None:
    talk = online()

    move(talk, "b:2")
    assert [type(each) for each in talk.asked] == [Ping]
    talk.reply()
    assert talk.session.fault is not None
    talk.drop()

    assert talk.dial() == OTHER
    assert talk.now == 1000.0  # at once
    talk.session.connected(talk.now, OTHER)
    talk.now += 0.1
    assert talk.session.identity.session_id == SESSION_ID
    assert talk.states == [State.CONNECTED, State.SUSPENDED]


def test_a_server_that_falls_silent_is_given_up_in_time_while_it_is_left() -> None:
    talk = online()
    heard_at = talk.now
    talk.wait(T / 3)
    assert [type(each) for each in talk.asked] == [Ping]
    talk.wait(T / 3 - 0.5)

    move(talk, "b:2")
    talk.wait(1)

    assert talk.now <= heard_at + 2 / 3 * T
    assert talk.session.fault is not None
    assert talk.session.fault.startswith("no reply")


def test_what_is_in_flight_is_answered_before_the_server_is_left() -> None:
    talk = online()
    write = talk.ask(Create("/a"))

    move(talk, "b:2")
    waiting = talk.ask(Sync("/b"))

    assert [type(each) for each in talk.asked] == [Create, Ping]
    talk.reply("/a")
    assert write.answer == "/a"
    assert not waiting.ended
    talk.reply()
    assert talk.session.fault is not None
    talk.drop()
    talk.come_back()
    assert talk.asked == [Sync("/b")]


def test_a_server_that_answers_nothing_is_left_after_a_second() -> None:
    talk = online()
    write = talk.ask(Create("/a"))
    move(talk, "b:2")

    talk.wait(0.9)
    assert talk.session.fault is None
    talk.wait(0.2)
    assert talk.session.fault is not None
    talk.drop()

    assert isinstance(write.error, ConnectionLoss)
    assert write.error.maybe_applied


def test_what_shall_fail_fast_does_while_a_server_is_left() -> None:
    talk = online()
    move(talk, "b:2")
    asked = Asked(Sync("/a"), fail_fast=True)
    talk.session.submit(asked, talk.now)
    talk.reply()

    talk.drop()

    assert isinstance(asked.error, ConnectionLoss)


def test_a_session_can_be_closed_while_a_server_is_left() -> None:
    talk = online()
    write = talk.ask(Create("/a"))
    move(talk, "b:2")

    talk.session.close(talk.now)
    talk.collect()

    assert [type(each) for each in talk.asked] == [Create, Ping, CloseSession]
    talk.drop()
    assert isinstance(write.error, ConnectionClosedError)
    assert talk.session.phase is Phase.STOPPED


@pytest.mark.parametrize(
    "phase", [phase for phase in Phase if not phase.is_ending and phase is not Phase.WAITING]
)
def test_from_whatever_phase_the_next_server_is_a_listed_one(phase: Phase) -> None:
    talk = IN_PHASE[phase]()

    move(talk, "b:2")
    if talk.session.fault is None:
        talk.wait(1.1)
    talk.drop()

    assert talk.dial() == OTHER


def test_while_no_server_is_found_the_new_ones_are_tried_at_once() -> None:
    talk = IN_PHASE[Phase.WAITING]()
    before = talk.now

    move(talk, "b:2")

    assert talk.dial() == OTHER
    assert talk.now == before


def test_a_client_that_is_not_started_has_the_new_servers_when_it_is() -> None:
    talk = Conversation()

    move(talk, "b:2")

    assert talk.open().dial() == OTHER


def test_when_the_list_grows_some_clients_go_over() -> None:
    chance = 0.9
    talk = Conversation("a:1", chance=lambda: chance).go_online()

    move(talk, "a:1,b:2")
    talk.reply()
    talk.drop()

    assert talk.dial() == OTHER
