import pytest

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError, create_node, end_session
from tests.echo import Echo
from tests.frames import request
from tests.proxy import FaultProxy
from tests.scripted import Peer, ScriptedServer, answering, saying
from tests.wire import Opcode


def shake_hands_and_end(peer: Peer) -> None:
    peer.shake_hands()


def test_replies_are_matched_and_events_kept() -> None:
    event = wire.event(wire.EventType.DELETED, "/a")

    with (
        ScriptedServer(answering(lambda asked: event + wire.reply(asked.xid))) as server,
        BareClient.connect(server.port) as client,
    ):
        reply = client.call(Opcode.GET_DATA)

    assert reply.xid == 1
    assert [event.xid for event in client.events] == [wire.Xid.EVENT]


def test_a_reply_to_something_else_is_an_error() -> None:
    with (
        ScriptedServer(answering(lambda asked: wire.reply(77))) as server,
        BareClient.connect(server.port) as client,
        pytest.raises(ValueError, match="expected the reply to 1"),
    ):
        client.call(Opcode.GET_DATA)


def test_a_session_of_another_is_ended_though_its_owner_comes_back_in_between(
    echo: Echo, echo_proxy: FaultProxy
) -> None:
    taken_away = echo_proxy.cut_on(request(Opcode.CLOSE_SESSION), times=3)

    end_session(echo_proxy.port, 0x77, b"p" * 16)

    assert taken_away.fired == 3
    assert [request.opcode for request in echo.requests] == [Opcode.CLOSE_SESSION]


def test_a_session_is_over_when_it_is_refused_after_an_answer_was_lost() -> None:
    with ScriptedServer(shake_hands_and_end, saying(wire.session_refused())) as server:
        end_session(server.port, 0x77, b"p" * 16)

        assert server.accepted == 2


def test_a_session_that_is_not_there_cannot_be_ended() -> None:
    with (
        ScriptedServer(saying(wire.session_refused())) as server,
        pytest.raises(SessionRefusedError, match="session 0x77 is refused"),
    ):
        end_session(server.port, 0x77, b"p" * 16)


def test_a_node_that_cannot_be_created_is_an_error() -> None:
    with (
        ScriptedServer(answering(lambda asked: wire.reply(asked.xid, err=-110))) as server,
        pytest.raises(RuntimeError, match="cannot create /a: error -110"),
    ):
        create_node(server.port, "/a")
