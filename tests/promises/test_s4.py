"""S4: SASL is asked for by name, mutual, never weakened, comes first, and fails in bounded time with a typed error."""

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests import wire
from tests.frames import Frame, Kind, reply_to, request
from tests.kdc import CLIENT
from tests.ports import free_port
from tests.promises.conftest import BOB, ZOE, Connect
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import NEWER_CLASSPATH, RealServer
from tests.saslserver import KerberosServer, SaslServer
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import (
    ACL,
    GSSAPI,
    ArgumentTypeError,
    AuthFailedError,
    Client,
    DigestMD5,
    FailedConnect,
    Id,
    KeeperState,
    NoAuthError,
    NodeExistsError,
    SessionClosedRequireSaslError,
    State,
    make_sasl_acl,
)
from zc.zk.protocol.sasl import Mechanism

pytestmark = pytest.mark.real
BOUND = 2.0  # seconds for a refusal to be told
REPLY_HEADER_BYTES = 16


def failed_start(make_client: Connect, address: str, sasl: Mechanism) -> AuthFailedError:
    """Start a client that is refused, within the bound; give the error."""
    client = make_client(address, sasl=sasl)
    began = monotonic()

    with pytest.raises(AuthFailedError) as caught:
        client.start()

    assert monotonic() - began < stretched(BOUND)
    assert client.client_state is KeeperState.AUTH_FAILED
    assert client.state is State.LOST
    return caught.value


def changed(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Give a rewriting of a reply's token."""

    def rewrite(payload: bytes) -> bytes:
        token, _ = wire.parse_buffer(payload, REPLY_HEADER_BYTES)
        assert token is not None
        return payload[:REPLY_HEADER_BYTES] + wire.buffer(change(token))

    return rewrite


def requests(network: FaultProxy, connection: int) -> list[int | None]:
    """Give what a connection asked for, in order."""
    return [
        frame.opcode
        for frame in network.frames
        if frame.kind is Kind.REQUEST and frame.connection == connection
    ]


@pytest.mark.slow
def test_s4_servers_that_enforce_schemes_are_served_and_told_apart(make_client: Connect) -> None:
    with SaslServer({BOB.user: BOB.password}, required=True, classpath=NEWER_CLASSPATH) as server:
        bob = make_client(server.address, sasl=BOB)
        digest = make_client(server.address, auth_data=[("digest", "bob:x")])

        bob.start()
        digest.start()
        with pytest.raises((SessionClosedRequireSaslError, AuthFailedError)):
            digest.get("/")
        found = bob.exists("/")
        bob.stop()

    assert found
    assert digest.client_state is KeeperState.AUTH_FAILED


# Who we are, to a real server


@pytest.mark.parametrize("who", [BOB, ZOE])
def test_s4_a_user_is_known_to_the_server(
    connect: Connect, strict_server: RealServer, who: DigestMD5
) -> None:
    client = connect(strict_server.address, sasl=who)

    path = client.create("/mine", b"", [ACL(31, Id("auth", ""))], ephemeral=True)

    assert client.get_acls(path)[0] == [make_sasl_acl(who.user, all=True)]


def test_s4_and_k81_what_is_allowed_to_one_user_is_refused_to_another(
    connect: Connect, strict_server: RealServer
) -> None:
    bob, zoe = (connect(strict_server.address, sasl=who) for who in (BOB, ZOE))
    acl = [make_sasl_acl("bob", all=True), make_sasl_acl("zoe", read=True)]
    bob.create("/shared", b"1", acl, ephemeral=True)

    assert zoe.get("/shared")[0] == b"1"
    with pytest.raises(NoAuthError):
        zoe.set("/shared", b"2")
    assert bob.set("/shared", b"3").version == 1


# Only as opt-in


def test_s4_sasl_is_only_done_when_it_is_asked_for(client: Client, network: FaultProxy) -> None:
    client.exists("/")

    assert Opcode.SASL not in requests(network, 1)


@pytest.mark.parametrize("wrong", ["bob:secret", ("bob", "secret"), b"x", DigestMD5])
def test_s4_what_is_no_mechanism_is_an_error_that_does_not_show_it(wrong: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^sasl must be a SASL mechanism") as caught:
        Client(sasl=wrong)  # type: ignore[arg-type]  # what is tested

    assert "secret" not in str(caught.value)


# Refusals are bounded, typed and final


@pytest.mark.parametrize("who", [DigestMD5("bob", "wrong"), DigestMD5("nobody", "nothing")])
def test_s4_a_wrong_password_or_name_is_told_at_once_with_scheme_and_server(
    make_client: Connect, strict_server: RealServer, who: DigestMD5
) -> None:
    error = failed_start(make_client, strict_server.address, who)

    assert str(error) == (
        "authentication failed (scheme sasl DIGEST-MD5, "
        f"server {strict_server.address}, the server refused it)"
    )
    assert (error.scheme, error.server) == ("sasl DIGEST-MD5", strict_server.address)


def test_s4_after_a_refusal_every_future_is_resolved_and_every_call_fails_at_once(
    make_client: Connect, strict_network: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(strict_network.address, sasl=DigestMD5("bob", "wrong"))
    strict_network.hold("to_client")
    client.start_async()
    pending = [
        client.get_async("/"),
        client.create_async("/a"),
        client.add_auth_async("digest", "a:b"),
    ]

    strict_network.heal()

    for each in pending:
        with pytest.raises(AuthFailedError):
            each.get(stretched(BOUND))
    with pytest.raises(AuthFailedError):
        client.get("/")
    client.stop()
    assert client.client_state is KeeperState.AUTH_FAILED
    wait_until(lambda: "stopped for good" in caplog.text, BOUND)


def test_s4_a_user_whose_password_was_changed_is_told_lost(
    connect: Connect, strict_network: FaultProxy
) -> None:
    client = connect(strict_network.address, sasl=BOB)
    states = States(client)
    strict_network.rewrite(
        request(Opcode.SASL), lambda payload: payload.replace(b"response=", b"response=0"), times=2
    )

    strict_network.cut()

    states.wait_for(State.SUSPENDED, State.LOST, bound=BOUND)
    assert client.client_state is KeeperState.AUTH_FAILED


def test_s4_a_server_without_sasl_is_never_talked_to(
    make_client: Connect, server: AnyServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    network = proxy_to(server.port)

    error = failed_start(make_client, network.address, BOB)

    assert error.reason in {"the server does not do SASL", "not implemented by this server"}
    assert requests(network, 1) == [Opcode.SASL]


def test_s4_a_client_without_sasl_is_told_that_the_server_requires_it(
    connect: Connect, strict_server: RealServer
) -> None:
    client = connect(strict_server.address)

    with pytest.raises(SessionClosedRequireSaslError):
        client.get("/")

    wait_until(lambda: client.client_state is KeeperState.AUTH_FAILED, BOUND)
    with pytest.raises(AuthFailedError, match="the server requires that clients authenticate"):
        client.get("/")


# The server must prove itself


@pytest.mark.parametrize(
    ("step", "change", "reason"),
    [
        (
            2,
            lambda _: b"rspauth=" + b"0" * 32,
            "the server did not prove that it knows the password",
        ),
        (2, lambda _: b"", "the server's challenge has rspauth 0 times"),
        (1, lambda token: token + b',qop="auth-int"', "the server wants a security layer"),
        (
            1,
            lambda token: token.replace(b"md5-sess", b"md5"),
            "the server wants another algorithm than md5-sess",
        ),
        (1, lambda token: token * 50, "the server's challenge is 5000 bytes"),
        (1, lambda _: b"\x00\xff", "the server's challenge is not in UTF-8"),
    ],
)
def test_s4_a_server_that_cheats_is_refused(
    make_client: Connect,
    strict_network: FaultProxy,
    step: int,
    change: Callable[[bytes], bytes],
    reason: str,
) -> None:
    seen = 0

    def is_that_step(frame: Frame) -> bool:
        nonlocal seen
        seen += reply_to(Opcode.SASL)(frame)
        return reply_to(Opcode.SASL)(frame) and seen == step

    strict_network.rewrite(is_that_step, changed(change), times=1)

    error = failed_start(make_client, strict_network.address, BOB)

    assert error.reason.rstrip("0123456789 bytes") == reason.rstrip("0123456789 bytes")
    assert set(requests(strict_network, 1)) == {Opcode.SASL}


def test_s4_a_server_that_skips_its_proof_is_refused(
    make_client: Connect, strict_network: FaultProxy
) -> None:
    strict_network.rewrite(
        reply_to(Opcode.SASL),
        lambda payload: payload[:REPLY_HEADER_BYTES] + wire.buffer(None),
        times=None,
    )

    error = failed_start(make_client, strict_network.address, BOB)

    assert error.reason == "the server does not do SASL"


# Before everything else, on each connection


def test_s4_sasl_comes_before_identities_watches_and_requests_on_every_connection(
    connect: Connect, strict_network: FaultProxy
) -> None:
    client = connect(strict_network.address, sasl=BOB, auth_data=[("digest", "a:b")])
    client.exists("/nothing", lambda event: None)
    states = States(client)
    strict_network.refuse()
    strict_network.cut()
    states.wait_for(State.SUSPENDED, bound=BOUND)
    waiting = [client.get_async("/"), client.create_async("/queued", ephemeral=True)]

    strict_network.accept()
    for each in waiting:
        each.get(stretched(BOUND * 2))

    number = max(frame.connection for frame in strict_network.frames)
    order = [opcode for opcode in requests(strict_network, number) if opcode != Opcode.PING]
    assert order == [
        Opcode.SASL,
        Opcode.SASL,
        Opcode.AUTH,
        Opcode.SET_WATCHES,
        Opcode.GET_DATA,
        Opcode.CREATE,
    ]


def test_s4_the_session_outlives_the_connection(
    connect: Connect, strict_network: FaultProxy
) -> None:
    client = connect(strict_network.address, sasl=BOB)
    before = client.client_id
    states = States(client)

    strict_network.cut(rst=True)

    states.wait_for(State.SUSPENDED, State.CONNECTED, bound=BOUND)
    assert client.client_id == before
    assert client.exists("/")


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_s4_a_connection_lost_in_the_middle_is_only_a_failed_attempt(
    make_client: Connect, strict_network: FaultProxy, step: int, direction: str
) -> None:
    selector = request(Opcode.SASL) if direction == "to_server" else reply_to(Opcode.SASL)
    seen = 0

    def is_that_step(frame: Frame) -> bool:
        nonlocal seen
        seen += selector(frame)
        return selector(frame) and seen == step

    strict_network.on(is_that_step, strict_network.cut)
    client = make_client(strict_network.address, sasl=BOB)

    client.start()

    assert client.exists("/")
    assert len(strict_network.attempts) == 2


def test_s4_a_server_that_falls_silent_in_the_middle_costs_one_attempt(
    make_client: Connect, strict_network: FaultProxy
) -> None:
    strict_network.rewrite(request(Opcode.SASL), lambda _: [], times=1)
    client = make_client(strict_network.address, sasl=BOB, connect_timeout=0.4)

    client.start()

    assert client.exists("/")
    first, second = strict_network.attempts
    assert 0.4 <= second - first < stretched(1.2)


def test_s4_an_exchange_byte_by_byte_is_the_same(
    make_client: Connect, strict_network: FaultProxy
) -> None:
    strict_network.one_byte_writes()
    client = make_client(strict_network.address, sasl=BOB)

    client.start()

    assert client.exists("/")


# Kerberos


def by_name(port: int) -> str:
    """Give the address of a port by the name that the server's principal has."""
    return f"localhost:{port}"


def test_s4_kerberos_says_who_we_are(connect: Connect, kerberos: KerberosServer) -> None:
    client = connect(by_name(kerberos.port), sasl=GSSAPI())

    path = client.create("/mine", b"", [ACL(31, Id("auth", ""))], ephemeral=True)

    assert client.get_acls(path)[0] == [make_sasl_acl(CLIENT, all=True)]


def test_s4_kerberos_can_take_a_keytab_and_a_principal(
    connect: Connect, kerberos: KerberosServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keytab = str(kerberos.kdc.keytab(CLIENT))
    monkeypatch.delenv("KRB5_CLIENT_KTNAME")
    monkeypatch.setenv("KRB5CCNAME", "FILE:/nonexistent/tickets")

    client = connect(by_name(kerberos.port), sasl=GSSAPI(CLIENT, keytab=keytab))

    assert client.exists("/")


def test_s4_kerberos_comes_first_on_every_connection(
    connect: Connect, kerberos: KerberosServer, proxy_to: Callable[[int], FaultProxy]
) -> None:
    network = proxy_to(kerberos.port)
    client = connect(by_name(network.port), sasl=GSSAPI())
    states = States(client)
    network.forget_frames()

    network.cut()
    states.wait_for(State.SUSPENDED, State.CONNECTED, bound=BOUND)
    client.exists("/")

    number = max(frame.connection for frame in network.frames)
    order = [opcode for opcode in requests(network, number) if opcode != Opcode.PING]
    assert order == [Opcode.SASL] * 3 + [Opcode.EXISTS]


def test_s4_kerberos_asks_dns_for_no_other_name_of_the_server(
    make_client: Connect, kerberos: KerberosServer
) -> None:
    error = failed_start(make_client, kerberos.address, GSSAPI())

    assert error.reason == ("Server zookeeper/127.0.0.1@ZOO.TEST not found in Kerberos database")


def test_s4_kerberos_takes_another_name_of_the_server_when_it_is_given(
    connect: Connect, kerberos: KerberosServer
) -> None:
    client = connect(kerberos.address, sasl=GSSAPI(host="localhost"))

    assert client.exists("/")


def test_s4_kerberos_without_a_ticket_is_refused_at_once(
    make_client: Connect, kerberos: KerberosServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRB5_CLIENT_KTNAME")
    monkeypatch.setenv("KRB5CCNAME", "FILE:/nonexistent/tickets")

    error = failed_start(make_client, by_name(kerberos.port), GSSAPI())

    assert error.scheme == "sasl GSSAPI"
    assert error.reason.startswith("No Kerberos credentials available")


def test_s4_kerberos_with_no_kdc_in_reach_is_tried_again(
    make_client: Connect,
    kerberos: KerberosServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    right = kerberos.kdc.configuration.read_text()
    wrong = tmp_path / "krb5.conf"
    wrong.write_text(right.replace(str(kerberos.kdc.port), str(free_port())))
    monkeypatch.setenv("KRB5_CONFIG", str(wrong))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/tickets")
    client = make_client(by_name(kerberos.port), sasl=GSSAPI())

    with pytest.raises(FailedConnect, match="GSSAPI: Cannot contact any KDC"):
        client.start(1.0)


# And it is said to nobody


def test_s4_no_password_crosses_the_network_or_enters_a_log(
    connect: Connect, strict_network: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client = connect(strict_network.address, sasl=BOB)
        with pytest.raises(NodeExistsError):
            client.create("/zookeeper")
        client.stop()

    assert BOB.password not in caplog.text
    assert not [each for each in strict_network.frames if BOB.password.encode() in each.payload]
