import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, T
from tests.protocol.session.phases import online, waiting
from zc.zk.codes import State, Xid
from zc.zk.errors import (
    ProtocolError,
    ResponseTooLargeError,
)
from zc.zk.operations import (
    Delete,
    Exists,
    GetChildren,
    Sync,
)
from zc.zk.protocol.states import Settings


@pytest.mark.parametrize(
    "data",
    [
        wire.reply(1) + wire.reply(1),
        wire.reply(7),
        wire.reply(0),
        wire.reply(Xid.PING),
        wire.reply(Xid.AUTH),
        wire.reply(Xid.SET_WATCHES),
        wire.frame(b""),
        wire.frame(b"12345"),
        b"\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request",
        wire.event(9, "/a"),
        wire.event(1, b"\xff\xfe"),
        wire.connect_response(),
    ],
)
def test_whatever_breaks_the_protocol_costs_the_connection_and_not_the_session(
    data: bytes,
) -> None:
    talk = online()
    asked = talk.ask(Exists("/a"))
    other = talk.ask(Sync("/"))

    talk.feed(data)
    fault = talk.session.fault
    talk.drop()
    talk.come_back()

    assert fault
    assert not other.ended or not asked.ended
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.CONNECTED]
    assert talk.session.identity.session_id == SESSION_ID


def test_an_unknown_error_number_costs_nothing_but_the_request() -> None:
    talk = online()
    asked, other = talk.ask(Delete("/a")), talk.ask(Sync("/"))

    talk.refuse(-99)
    talk.reply("/")

    assert str(asked.error) == "unknown error code -99: /a"
    assert other.answer == "/"
    assert talk.session.fault is None


def test_a_reply_that_is_too_large_is_not_asked_for_again() -> None:
    talk = online(settings=Settings(timeout=T, longest_frame=1000))
    asked, other = talk.ask(GetChildren("/a")), talk.ask(Sync("/"))

    talk.feed(wire.reply(1, body=bytes(1000)))
    talk.drop()
    talk.connect()
    talk.greet()

    assert isinstance(asked.error, ResponseTooLargeError)
    assert talk.asked == [Sync("/")]
    assert not other.ended


def test_a_reply_that_cannot_be_read_fails_its_request_for_good() -> None:
    talk = online()
    asked = talk.ask(GetChildren("/a"))

    talk.feed(wire.reply(1, body=b"?"))
    talk.drop()
    talk.connect()
    talk.greet()

    assert isinstance(asked.error, ProtocolError)
    assert talk.asked == []


def test_what_arrives_without_a_connection_is_ignored() -> None:
    talk = waiting()

    talk.feed(b"late bytes of another connection")

    assert talk.session.fault is None
