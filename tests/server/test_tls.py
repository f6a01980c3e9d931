"""A port that speaks TLS, on loopback (protocol.md, 17)."""

import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.keys import KEY_PASSWORD, Identity, Keys
from tests.ports import LOOPBACK
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import TLS, Client, NoAuthError
from zc.zk.security import ACL, Id
from zc.zk.server.settings import Settings
from zc.zk.testing import Server, ServerTLS, TLSError

CLIENT = Id("x509", "CN=client")
X509 = wire.string("x509") + wire.string("CN=client")


@pytest.fixture
def server(keys: Keys) -> Iterator[Server]:
    """A server to which clients can show a certificate."""
    tls = ServerTLS(keys.server.both, client_ca=keys.trusted, required=False)
    with Server(tls=tls) as server:
        yield server


def trusting(keys: Keys, shown: Identity | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=keys.trusted)
    if shown is not None:
        context.load_cert_chain(shown.both)
    return context


def who_am_i(port: int, context: ssl.SSLContext) -> bytes:
    with BareClient.connect(port, tls=context) as client:
        return client.call(Opcode.WHO_AM_I).body


def plain(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), stretched(10))


def secured(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(plain(port), server_hostname=LOOPBACK)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_our_client_reads_and_writes(server: Server, keys: Keys) -> None:
    with Client(server.address, tls=TLS(ca=keys.trusted)) as client:
        client.create("/n", bytes(1_000_000))

        assert client.get("/n")[0] == bytes(1_000_000)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_is_known_by_its_certificate(
    version: ssl.TLSVersion, server: Server, keys: Keys
) -> None:
    shown, silent = trusting(keys, keys.client), trusting(keys)
    shown.minimum_version = shown.maximum_version = version

    assert X509 in who_am_i(server.port, shown)
    assert X509 not in who_am_i(server.port, silent)


def test_a_node_can_be_for_who_shows_a_certificate(server: Server, keys: Keys) -> None:
    shown = TLS(ca=keys.trusted, certificate=keys.client.both)
    with (
        Client(server.address, tls=shown) as client,
        Client(server.address, tls=TLS(ca=keys.trusted)) as stranger,
    ):
        client.create("/n", b"1", acl=[ACL(31, CLIENT)])
        client.create("/m", b"1", acl=[ACL(31, Id("auth", ""))])

        assert client.get("/n")[0] == b"1"
        assert client.get_acls("/m")[0] == [ACL(31, CLIENT)]
        for path in ("/n", "/m"):
            with pytest.raises(NoAuthError):
                stranger.get(path)


def test_the_super_subject_may_do_everything(keys: Keys) -> None:
    tls = ServerTLS(keys.server.both, client_ca=keys.trusted)
    shown = TLS(ca=keys.trusted, certificate=keys.client.both)
    with (
        Server(tls=tls, settings=Settings(super_subject="CN=client")) as server,
        Client(server.address, tls=shown) as client,
    ):
        client.create("/n", acl=[ACL(0, Id("world", "anyone"))])

        assert client.get("/n")[0] == b""


def test_a_certificate_can_be_required(keys: Keys) -> None:
    with Server(tls=ServerTLS(keys.server.both, client_ca=keys.trusted)) as server:
        assert X509 in who_am_i(server.port, trusting(keys, keys.client))
        for shown in (None, keys.untrusted_client):
            with pytest.raises((OSError, EOFError)):
                who_am_i(server.port, trusting(keys, shown))


def test_a_certificate_that_nobody_trusts_is_refused(server: Server, keys: Keys) -> None:
    with pytest.raises((OSError, EOFError)):
        who_am_i(server.port, trusting(keys, keys.untrusted_client))


def test_four_letter_words_are_answered_and_the_end_is_told(server: Server, keys: Keys) -> None:
    with secured(server.port, trusting(keys)) as connection:
        connection.sendall(b"ruok")

        assert read_all(connection) == b"imok"  # a cut would be an error


def test_a_goodbye_is_answered_by_a_goodbye(server: Server, keys: Keys) -> None:
    with secured(server.port, trusting(keys)) as connection, connection.unwrap() as bare:
        assert bare.recv(10) == b""


@pytest.mark.parametrize("start", [b"ruok", wire.connect_request(), b"GET / HTTP/1.1\r\n\r\n"])
def test_plain_bytes_are_hung_up_on_without_a_word(start: bytes, server: Server) -> None:
    with plain(server.port) as connection:
        connection.sendall(start)

        with contextlib.suppress(ConnectionResetError):
            assert read_all(connection) == b""


def test_rubbish_in_a_handshake_is_hung_up_on(server: Server, keys: Keys) -> None:
    with plain(server.port) as connection:
        connection.sendall(b"\x16\x03\x01\x00\x10" + bytes(16))

        with contextlib.suppress(ConnectionResetError):
            assert read_all(connection)[:1] in (b"", b"\x15")
    assert who_am_i(server.port, trusting(keys))


def test_bytes_that_come_one_at_a_time_are_understood(server: Server, keys: Keys) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(keys).wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
    with plain(server.port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        tls.write(b"ruok")
        for byte in outgoing.read():
            connection.sendall(bytes([byte]))
        incoming.write(read_all(connection))

        answer = b""
        while not answer:
            answer = tls.read()
    assert answer == b"imok"


def test_slow_handshakes_end_in_time_and_hold_up_nobody(keys: Keys) -> None:
    settings = Settings(unconnected_timeout=0.2)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(tls=ServerTLS(keys.server.both), settings=settings))
        silent = [stack.enter_context(plain(server.port)) for _ in range(20)]
        for connection in silent[::2]:
            connection.sendall(b"\x16\x03\x01\x02\x00")

        assert who_am_i(server.port, trusting(keys))
        assert [read_all(connection) for connection in silent] == [b""] * 20


def test_a_slow_reader_gets_everything(server: Server, keys: Keys) -> None:
    with BareClient.connect(server.port, tls=trusting(keys)) as client:
        client.call(Opcode.CREATE, wire.create_body("/big", bytes(900_000)))
        for _ in range(30):
            client.send(Opcode.GET_DATA, wire.path_watch_body("/big"))

        assert [len(client.receive().body) for _ in range(30)] == [900_000 + 72] * 30


def test_who_goes_takes_the_connection_along(server: Server, keys: Keys) -> None:
    BareClient.connect(server.port, tls=trusting(keys)).drop()

    with secured(server.port, trusting(keys)) as connection:
        connection.sendall(b"srvr")
        assert b"Connections: 1\n" in read_all(connection)


def test_a_context_can_be_given(keys: Keys) -> None:
    context = ServerTLS(keys.server.certificate, keys.server.key).context()
    with Server(tls=context) as server:
        assert X509 not in who_am_i(server.port, trusting(keys, keys.client))


def test_a_locked_key_is_opened_by_its_password(keys: Keys) -> None:
    locked = keys.server.locked_key

    ServerTLS(keys.server.certificate, locked, key_password=KEY_PASSWORD).context()
    with pytest.raises(TLSError, match="no certificate and key that fit"):
        ServerTLS(keys.server.certificate, locked).context()


def test_files_that_cannot_be_used_are_told(keys: Keys, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("rubbish")
    good = keys.server

    for tls, reason in [
        (ServerTLS(tmp_path / "none"), f"^no such file: {tmp_path}/none$"),
        (ServerTLS(rubbish), f"^no certificate and key that fit: {rubbish}$"),
        (ServerTLS(good.certificate, keys.client.key), "^no certificate and key that fit: .* and "),
        (ServerTLS(good.both, client_ca=rubbish), f"^no certificate of an authority: {rubbish}$"),
    ]:
        with pytest.raises(TLSError, match=reason):
            Server(tls=tls).start()


def test_no_password_is_in_the_repr() -> None:
    assert "secret" not in repr(ServerTLS("a", key_password="secret"))


def test_failed_handshakes_are_no_errors_of_the_server(
    server: Server, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), contextlib.suppress(OSError, EOFError):
        who_am_i(server.port, ssl.create_default_context())

    wait_until(lambda: len(server.sessions) == 0, 5)
    assert caplog.records == []
