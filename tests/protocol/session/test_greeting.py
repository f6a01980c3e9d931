import pytest

from tests import wire
from tests.protocol.conversation import PASSWORD, SESSION_ID, Conversation
from tests.protocol.session.phases import online, waiting
from zc.zk.operations import (
    Sync,
)
from zc.zk.records import ConnectRequest


def test_a_first_connection_asks_for_a_new_session() -> None:
    talk = waiting()

    assert talk.connect() == ConnectRequest(0, 9000, 0, bytes(16))


def test_a_later_connection_asks_for_the_same_session_with_what_was_seen() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=77)
    talk.drop()

    assert talk.connect() == ConnectRequest(77, 9000, SESSION_ID, PASSWORD)


def test_nothing_but_the_greeting_goes_out_before_its_answer() -> None:
    talk = waiting()
    talk.ask(Sync("/"))

    talk.connect()

    assert talk.asked == []


def test_a_session_that_is_there_already_may_be_taken_up() -> None:
    talk = Conversation()
    talk.session.attach(0x77, b"other-password16")
    talk.open()

    assert talk.connect() == ConnectRequest(0, 9000, 0x77, b"other-password16")


def test_the_time_out_is_the_one_that_the_server_grants() -> None:
    talk = waiting()
    talk.connect()
    talk.greet(timeout=6.0)

    assert talk.session.identity.timeout == 6.0
    assert talk.session.deadline() == pytest.approx(talk.now + 2.0)


def test_a_server_that_answers_nonsense_is_dropped_and_another_one_tried() -> None:
    talk = Conversation("a:1,b:2").open()
    talk.connect()

    talk.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    reason = talk.session.fault
    talk.drop()

    assert reason == "the peer is not a ZooKeeper server: it sent b'HTTP/1.1 400 Bad Request'"
    assert str(talk.dial()) == "b:2"


def test_a_server_that_refuses_a_first_session_is_dropped() -> None:
    talk = waiting()
    talk.connect()

    talk.feed(wire.session_refused())

    assert talk.session.fault == "the server refused to open a session"
    assert talk.changes == []
