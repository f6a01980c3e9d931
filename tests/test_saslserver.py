import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.digestlogin import digest_answer
from tests.kdc import CLIENT
from tests.realserver import NEWER_CLASSPATH
from tests.saslserver import KerberosServer, SaslServer
from tests.wire import Opcode

AUTHENTICATION_FAILED = -115
SESSION_CLOSED_REQUIRE_SASL = -124
NO_LAYER = b"\1\0\0\0"

pytestmark = pytest.mark.real


def say(client: BareClient, token: bytes) -> tuple[int, bytes | None]:
    reply = client.call(Opcode.SASL, wire.buffer(token))
    return reply.err, wire.parse_buffer(reply.body)[0]


def log_in(client: BareClient, name: str, password: str) -> int:
    error, challenge = say(client, b"")
    assert error == 0
    assert challenge is not None
    return say(client, digest_answer(name, password, challenge))[0]


def test_a_user_logs_in_with_the_password(sasl_server: SaslServer) -> None:
    with BareClient.connect(sasl_server.port) as client:
        assert log_in(client, "alice", sasl_server.users["alice"]) == 0

        identities = client.call(Opcode.WHO_AM_I).body

    assert wire.string("sasl") + wire.string("alice") in identities


def test_a_wrong_password_is_refused(sasl_server: SaslServer) -> None:
    with BareClient.connect(sasl_server.port) as client:
        assert log_in(client, "alice", "wrong") == AUTHENTICATION_FAILED


@pytest.mark.slow
def test_a_server_can_require_a_login() -> None:
    with SaslServer({"eve": "apple"}, required=True, classpath=NEWER_CLASSPATH) as server:
        with BareClient.connect(server.port) as client:
            reply = client.call(Opcode.EXISTS, wire.path_watch_body("/"))
            assert reply.err == SESSION_CLOSED_REQUIRE_SASL

        with BareClient.connect(server.port) as client:
            assert log_in(client, "eve", "apple") == 0
            assert client.call(Opcode.EXISTS, wire.path_watch_body("/")).err == 0


@pytest.mark.slow
def test_a_client_logs_in_by_kerberos(kerberos: KerberosServer) -> None:
    import gssapi  # noqa: PLC0415  # cannot be installed everywhere; the fixture has asked for it

    service = gssapi.Name("zookeeper@localhost", gssapi.NameType.hostbased_service)
    context = gssapi.SecurityContext(name=service, usage="initiate")
    with BareClient.connect(kerberos.port) as client:
        token = context.step()
        while not context.complete:
            error, answer = say(client, token)
            assert error == 0
            token = context.step(answer) or b""
        _, offer = say(client, token)
        assert context.unwrap(offer).message[0] & NO_LAYER[0]

        assert say(client, context.wrap(NO_LAYER, encrypt=False).message) == (0, None)

        identities = client.call(Opcode.WHO_AM_I).body
    assert wire.string("sasl") + wire.string(CLIENT) in identities
