"""S2: TLS is one argument, verifies by default, and is never left for plain text."""

import os
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.certificates import Authority, Pair
from tests.keys import KEY_PASSWORD, Keys
from tests.promises.told import States
from tests.scripted import ScriptedServer, saying
from tests.servers import AnyServer
from tests.tlsproxy import TLSProxy, server_context
from tests.tlsserver import TlsServer
from tests.waiting import stretched, wait_until
from zc.zk import ACL, TLS, Client, FailedConnect, Id, Permissions, State, ZooKeeper
from zc.zk.drivers.probing import takes_writes

SOON = 20.0
A_WHILE = 0.6  # seconds in which a client that cannot connect tries a few times
HANDSHAKE = b"\x16\x03"  # what TLS begins with


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def localhost(authority: Authority) -> Pair:
    return authority.issue("localhost", ["localhost"])


@pytest.fixture
def secure(server: AnyServer, localhost: Pair) -> Iterator[TLSProxy]:
    """What speaks TLS before a server."""
    with TLSProxy(server.port, server_context(localhost)) as secure:
        yield secure


@pytest.fixture
def trusting(authority: Authority) -> TLS:
    return TLS(ca=authority.certificate)


def reason(client: Client) -> str:
    """Start a client that cannot, and give why."""
    with pytest.raises(FailedConnect) as caught:
        client.start(timeout=stretched(A_WHILE))
    assert len(caught.value.attempts) == 1
    return caught.value.attempts[0][1]


def test_s2_one_argument_turns_it_on(
    secure: TLSProxy, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))  # what the system trusts

    with Client(secure.address, tls=True) as client:
        assert client.exists("/") is not None

    assert secure.starts
    assert all(start.startswith(HANDSHAKE) for start in secure.starts)


def test_s2_everything_works_over_it(secure: TLSProxy, chroot: str, trusting: TLS) -> None:
    data = os.urandom(600_000)
    with Client(secure.address + chroot, tls=trusting) as client:
        zk = ZooKeeper(client)
        client.create("/service")
        addresses = zk.children("/service")
        zk.register_server("/service", "127.0.0.1:80")
        wait_until(lambda: sorted(addresses) == ["127.0.0.1:80"], SOON)
        client.create("/large", data)
        results = [client.set_async("/large", data) for _ in range(20)]

        assert [result.get(stretched(SOON)).version for result in results] == list(range(1, 21))
        assert client.get("/large")[0] == data


def test_s2_an_unknown_authority_is_refused_by_default(secure: TLSProxy) -> None:
    assert reason(Client(secure.address, tls=True)) == (
        "the server's certificate is of an authority that is not trusted"
    )


def test_s2_a_certificate_for_another_host_is_refused_by_default(
    secure: TLSProxy, trusting: TLS, authority: Authority
) -> None:
    secure.context = server_context(authority.issue("other", ["other.test"]))

    assert reason(Client(secure.address, tls=trusting)) == (
        "the server's certificate is not for 'localhost'"
    )


def test_s2_the_name_is_the_configured_one_and_no_name_is_found_for_an_address(
    secure: TLSProxy, trusting: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "gethostbyaddr", asked.append)
    monkeypatch.setattr(socket, "getnameinfo", asked.append)

    # Its certificate is for localhost, which is what a reverse look-up would give.
    assert reason(Client(f"127.0.0.1:{secure.port}", tls=trusting)) == (
        "the server's certificate is not for '127.0.0.1'"
    )
    assert asked == []


def test_s2_an_expired_certificate_is_refused(
    secure: TLSProxy, trusting: TLS, authority: Authority
) -> None:
    secure.context = server_context(authority.issue("old", ["localhost"], age=timedelta(days=9)))

    assert reason(Client(secure.address, tls=trusting)) == "the server's certificate has expired"


def test_s2_versions_before_1_2_are_refused(
    secure: TLSProxy, trusting: TLS, localhost: Pair
) -> None:
    old = server_context(localhost)
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    secure.context = old

    assert "versions of TLS" in reason(Client(secure.address, tls=trusting))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_s2_the_versions_from_1_2_on_are_spoken(
    secure: TLSProxy, trusting: TLS, version: ssl.TLSVersion
) -> None:
    secure.context.minimum_version = secure.context.maximum_version = version

    with Client(secure.address, tls=trusting) as client:
        assert client.exists("/") is not None


def test_s2_the_server_is_asked_for_by_its_name(secure: TLSProxy, trusting: TLS) -> None:
    with Client(secure.address, tls=trusting):
        pass

    assert set(secure.names) == {"localhost"}


def test_s2_the_callers_context_is_accepted_as_it_is(
    secure: TLSProxy, authority: Authority
) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False  # the caller knows

    with Client(f"127.0.0.1:{secure.port}", tls=context) as client:
        assert client.exists("/") is not None


def test_s2_plain_text_is_never_fallen_back_to(server: AnyServer, trusting: TLS) -> None:
    assert reason(Client(server.address, tls=trusting)) == (
        "the server hung up in the TLS handshake: it may not speak TLS on this port"
    )
    with ScriptedServer(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as stranger:
        client = Client(stranger.address, tls=trusting, connect_timeout=0.1)
        assert reason(client) == "no TLS handshake within 0.1 s"


def test_s2_nothing_leaves_in_plain_text(trusting: TLS) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(stretched(SOON))
        client = Client(f"localhost:{listener.getsockname()[1]}", tls=trusting)
        client.add_auth_async("digest", "user:the-password")
        client.start_async()
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(stretched(SOON))
            heard.append(connection.recv(65536))
            connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # handshake failure
            while data := connection.recv(65536):
                heard.append(data)
        client.stop()

    assert b"".join(heard).startswith(HANDSHAKE)
    assert b"the-password" not in b"".join(heard)


def test_s2_accepting_any_certificate_needs_an_ugly_name_and_is_warned_of(
    secure: TLSProxy, caplog: pytest.LogCaptureFixture
) -> None:
    ugly = TLS(insecure_accept_any_certificate=True)

    with Client(f"127.0.0.1:{secure.port}", tls=ugly) as client:
        assert client.exists("/") is not None

    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "without verification" in warnings[0].getMessage()


# --- our own certificate


def demanding(localhost: Pair, authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(localhost)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_s2_a_server_that_requires_our_certificate_gets_it_or_says_so(
    secure: TLSProxy,
    localhost: Pair,
    authority: Authority,
    trusting: TLS,
    version: ssl.TLSVersion,
) -> None:
    secure.context = demanding(localhost, authority, version)
    own = authority.issue("us")

    why = reason(Client(secure.address, tls=trusting))
    shown = TLS(ca=authority.certificate, certificate=own.certificate, key=own.key)
    with Client(secure.address, tls=shown) as client:
        assert client.exists("/") is not None

    assert "require a client certificate" in why or "requires a client certificate" in why


def test_s2_a_renewed_certificate_is_shown_from_the_next_connection_on(
    secure: TLSProxy, localhost: Pair, authority: Authority
) -> None:
    secure.context = demanding(localhost, authority, ssl.TLSVersion.TLSv1_3)
    own = authority.issue("renewable")
    settings = TLS(ca=authority.certificate, certificate=own.certificate, key=own.key)
    with Client(secure.address, tls=settings) as client:
        states = States(client)
        authority.issue("renewable")  # into the same files
        before = client.client_id

        secure.cut()

        states.wait_for(State.CONNECTED, bound=SOON)
        assert client.client_id == before
    serials = [dict(certificate)["serialNumber"] for certificate in secure.certificates]  # type: ignore[call-overload]
    assert len(set(serials)) == 2


# --- the stream


def test_s2_a_stream_that_is_cut_off_is_a_lost_connection(
    secure: TLSProxy, chroot: str, trusting: TLS
) -> None:
    with Client(secure.address + chroot, tls=trusting) as client:
        states = States(client)
        client.create("/a", b"1", ephemeral=True)

        secure.cut()

        states.wait_for(State.CONNECTED, bound=SOON)
        assert client.get("/a")[0] == b"1"
        assert states.values == [State.SUSPENDED, State.CONNECTED]


def test_s2_words_go_over_it_too(secure: TLSProxy, trusting: TLS) -> None:
    with Client(secure.address, tls=trusting) as client:
        assert client.command(b"ruok") == "imok"
        assert client.server_version() >= (3, 4)


# --- a real server's own TLS


def test_s2_a_real_server_is_spoken_to_and_knows_us_by_our_certificate(
    tls_server: TlsServer, keys: Keys
) -> None:
    own = keys.client
    settings = TLS(keys.trusted, own.certificate, own.locked_key, KEY_PASSWORD)
    mine = [ACL(Permissions.ALL, Id("x509", "CN=client"))]
    data = os.urandom(600_000)

    with Client(tls_server.secure_address, tls=settings) as client:
        client.create("/mine", data, acl=mine)
        assert client.get("/mine")[0] == data
        client.delete("/mine")


def test_s2_a_real_server_answers_words_over_it(tls_server: TlsServer, keys: Keys) -> None:
    with Client(tls_server.secure_address, tls=TLS(ca=keys.trusted)) as client:
        assert client.command(b"ruok") == "imok"
        assert len(client.command(b"mntr")) > 1000
        assert client.server_version() == (3, 8, 0)
        server = client.driver.servers[0]
        assert takes_writes(server, client.driver.security, client.last_zxid, stretched(SOON))


@pytest.mark.slow
def test_s2_a_real_server_that_requires_our_certificate_says_so(keys: Keys) -> None:
    with TlsServer(keys, client_auth="need") as demanding:
        why = reason(Client(demanding.secure_address, tls=TLS(ca=keys.trusted)))
        stranger = keys.untrusted_client
        settings = TLS(keys.trusted, stranger.certificate, stranger.key)
        why_not = reason(Client(demanding.secure_address, tls=settings))

    assert "certificate" in why
    assert "certificate" in why_not
