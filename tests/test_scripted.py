import socket
import struct

import pytest

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError
from tests.ports import LOOPBACK
from tests.scripted import Peer, Script, ScriptedServer, answering, saying
from tests.waiting import stretched, wait_until
from tests.wire import Opcode, Xid

A_MOMENT = 0.05
QUICKLY = 5.0


def no_answer(request: wire.Request) -> bytes | None:
    return None


def said_by(script: Script, request: bytes = b"") -> bytes:
    """Give all that a script says to a client that says `request` and then only listens."""
    with (
        ScriptedServer(script) as server,
        socket.create_connection((LOOPBACK, server.port), stretched(QUICKLY)) as connection,
    ):
        connection.sendall(wire.connect_request() + request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_handshake_grants_the_session_that_is_wanted() -> None:
    with (
        ScriptedServer(answering(no_answer, wire.connect_response(0x55, b"p" * 16, 4))) as server,
        BareClient.connect(server.port) as client,
    ):
        assert client.session == wire.Session(0x55, b"p" * 16, 4.0)


def test_a_script_sees_what_the_client_asks_for() -> None:
    asked = []

    def script(peer: Peer) -> None:
        asked.append(peer.shake_hands())

    with ScriptedServer(script) as server:
        BareClient.connect(server.port, 0x77, b"q" * 16, timeout=6).drop()

    assert asked == [wire.ConnectRequest(0x77, b"q" * 16, 6.0, 0)]


def test_a_session_can_be_refused() -> None:
    with (
        ScriptedServer(saying(wire.session_refused())) as server,
        pytest.raises(SessionRefusedError),
    ):
        BareClient.connect(server.port, 0x77)


def test_pings_and_farewells_are_answered_without_being_told() -> None:
    with (
        ScriptedServer(answering(no_answer)) as server,
        BareClient.connect(server.port) as client,
    ):
        assert client.ping().xid == Xid.PING
        assert client.call(Opcode.CLOSE_SESSION).err == 0


def test_anything_else_is_met_with_silence() -> None:
    with (
        ScriptedServer(answering(no_answer)) as server,
        BareClient.connect(server.port) as client,
    ):
        client.send(Opcode.GET_DATA)

        client.connection.settimeout(A_MOMENT)
        with pytest.raises(TimeoutError):
            client.receive()


@pytest.mark.parametrize(
    "answer",
    [
        wire.reply(99),
        wire.reply(1) * 2,
        wire.reply(2) + wire.reply(1),
        wire.reply(1, err=-7777),
        wire.reply(1)[:-1],
        struct.pack(">i", 0x7FFFFFFF),
        struct.pack(">i", -1),
        wire.frame(b""),
        wire.event(wire.EventType.CREATED, b"/\xff\xfe"),
        wire.event(77, "/a", state=-112),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=repr,
)
def test_any_answer_can_be_given(answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.receive_request()
        peer.send(answer)
        peer.end()

    said = said_by(script, wire.request(1, Opcode.GET_DATA))

    assert said == wire.connect_response() + answer


def test_a_script_can_end_by_fin_while_the_client_still_speaks() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.end()

    with ScriptedServer(script) as server, BareClient.connect(server.port) as client:
        for _ in range(3):
            client.send(Opcode.GET_DATA)

        with pytest.raises(EOFError):
            client.receive()


def test_a_script_can_end_by_rst() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        peer.end(rst=True)

    with (
        ScriptedServer(script) as server,
        BareClient.connect(server.port) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.receive()


def test_each_connection_has_the_script_of_its_turn() -> None:
    with ScriptedServer(saying(wire.session_refused()), answering(no_answer)) as server:
        with pytest.raises(SessionRefusedError):
            BareClient.connect(server.port)
        for _ in range(2):
            BareClient.connect(server.port).drop()

        assert server.accepted == 3


def test_connections_are_served_at_the_same_time() -> None:
    with (
        ScriptedServer(answering(no_answer)) as server,
        BareClient.connect(server.port) as first,
        BareClient.connect(server.port) as second,
    ):
        assert server.open_connections == 2
        assert second.ping() == first.ping()


def test_a_connection_ends_with_its_script() -> None:
    with (
        ScriptedServer(lambda peer: None) as server,
        socket.create_connection((LOOPBACK, server.port), stretched(QUICKLY)) as connection,
    ):
        assert connection.recv(1) == b""


def test_closing_ends_silent_scripts() -> None:
    with (
        ScriptedServer(lambda peer: peer.stay_silent()) as server,
        socket.create_connection((LOOPBACK, server.port), stretched(QUICKLY)) as connection,
    ):
        wait_until(lambda: server.open_connections, QUICKLY)

        server.close()

        assert connection.recv(1) == b""
    server.close()


def test_what_a_script_raises_is_raised_on_closing() -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        raise ZeroDivisionError("in the script")

    server = ScriptedServer(script)
    server.start()
    with BareClient.connect(server.port) as client:
        assert client.connection.recv(1) == b""

    with pytest.raises(ZeroDivisionError, match="in the script"):
        server.close()
