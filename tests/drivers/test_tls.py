"""What secures connections, and the bytes it makes, without a network."""

import os
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import Authority, Pair
from tests.tlsproxy import server_context
from zc.zk import ArgumentError, ArgumentTypeError
from zc.zk.drivers.tls import TLS, Channel, Security, secured

PASSWORD = "the-key-password"
Secure = Callable[..., Security]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.issue("server", ["localhost", "zk.test", "127.0.0.1", "fe80::1"])


@pytest.fixture(scope="module")
def client_pair(authority: Authority) -> Pair:
    return authority.issue("client")


class Peer:
    """A server's side of TLS, in memory; `names` are those that it was asked for."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.names: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.side = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def feed(self, data: bytes) -> None:
        self._incoming.write(data)

    def take(self) -> bytes:
        return self._outgoing.read()

    def shake_hands(self) -> None:
        try:
            self.side.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLError):
            return  # the alert, if any, is there to be taken


def introduce(channel: Channel, peer: Peer, size: int = 1 << 20) -> None:
    """Let both shake hands, over a network that carries so many bytes at a time."""
    data: bytes | None = None
    while not channel.shake_hands(data):
        peer.feed(channel.take())
        peer.shake_hands()
        answer = peer.take()
        assert answer
        while len(answer) > size:
            if channel.shake_hands(answer[:size]):
                break
            answer = answer[size:]
        data = answer
    peer.feed(channel.take())
    peer.shake_hands()


def trusting(authority: Authority, **options: object) -> Security:
    security = secured(TLS(ca=authority.certificate, **options))  # type: ignore[arg-type]
    assert security is not None
    return security


def connected(security: Security, pair: Pair, host: str = "localhost") -> tuple[Channel, Peer]:
    channel, peer = security.begin(host), Peer(server_context(pair))
    introduce(channel, peer)
    return channel, peer


# --- what can be asked for


@pytest.mark.parametrize("setting", [None, False])
def test_nothing_is_secured_unless_asked_for(setting: bool | None) -> None:
    assert secured(setting) is None


def test_a_key_password_is_never_shown() -> None:
    assert PASSWORD not in repr(TLS(certificate="a", key_password=PASSWORD))


@pytest.mark.parametrize("setting", [1, "yes", b"", {}, object()])
def test_what_is_no_setting_is_refused(setting: bool) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^tls must be True, a zc\.zk\.TLS or"):
        secured(setting)


@pytest.mark.parametrize("name", ["ca", "certificate", "key", "key_password"])
def test_a_setting_of_another_type_is_refused(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^{name} must be .*, not int$"):
        TLS(**{name: 5})  # type: ignore[arg-type]


def test_a_key_alone_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^a key needs the certificate"):
        TLS(key="key.pem")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ca": "nowhere"}, r"the trusted certificates cannot be used \(nowhere\): no such file"),
        ({"ca": "empty"}, r"the trusted certificates cannot be used \(empty\): \w"),
        ({"certificate": "nowhere"}, r"the certificate and its key cannot be used \(nowhere\): no"),
        ({"certificate": "server.crt", "key": "client.key"}, r"\(.*\): key values mismatch"),
        ({"certificate": "server.crt", "key": "locked.key"}, r"the certificate and its key cannot"),
        ({"certificate": "server.crt"}, r"the certificate and its key cannot"),
        ({"ciphers": "none-such"}, r"the ciphers cannot be used \(none-such\): no cipher"),
    ],
)
def test_what_cannot_be_used_is_named_when_the_client_is_made(
    settings: dict[str, str],
    reason: str,
    folder: Path,
    authority: Authority,
    server_pair: Pair,
    client_pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    authority.issue("locked", password=PASSWORD.encode())
    Path("empty").touch()

    with pytest.raises(ArgumentError, match=reason) as caught:
        secured(TLS(**settings))  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("password", [PASSWORD, PASSWORD.encode()])
def test_a_locked_key_is_opened_by_its_password(
    authority: Authority, password: str | bytes
) -> None:
    pair = authority.issue("locked", password=PASSWORD.encode())

    trusting(authority, certificate=pair.certificate, key=pair.key, key_password=password)


def test_a_wrong_password_is_an_error_that_does_not_show_it(authority: Authority) -> None:
    pair = authority.issue("locked", password=b"another")

    with pytest.raises(ArgumentError) as caught:
        trusting(authority, certificate=pair.certificate, key=pair.key, key_password=PASSWORD)

    assert PASSWORD not in str(caught.value)


def test_the_callers_context_is_used_as_it_is(server_pair: Pair) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    security = secured(context)
    assert security is not None

    _, peer = connected(security, server_pair, "another.test")

    assert peer.names == ["another.test"]


def test_accepting_any_certificate_is_warned_of_once(
    server_pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    security = secured(TLS(insecure_accept_any_certificate=True))
    assert security is not None

    for _ in range(2):
        connected(security, server_pair, "another.test")

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "without verification" in caplog.text


# --- changed files


def replace(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))


@pytest.fixture
def own(tmp_path: Path, client_pair: Pair) -> Pair:
    """A certificate of the client's that is to be replaced."""
    own = Pair(tmp_path / "own.crt", tmp_path / "own.key")
    replace(own.certificate, client_pair.certificate)
    replace(own.key, client_pair.key)
    return own


def shown(security: Security, server: Pair, authority: Authority) -> object:
    """Give the name that a server sees in our certificate."""
    context = server_context(server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    channel, peer = security.begin("localhost"), Peer(context)
    introduce(channel, peer)
    certificate = peer.side.getpeercert()
    assert certificate is not None
    return certificate["subject"][0][0][1]


def test_files_that_have_changed_are_read_for_the_next_connection(
    authority: Authority, server_pair: Pair, own: Pair
) -> None:
    security = trusting(authority, certificate=own.certificate, key=own.key)
    before = shown(security, server_pair, authority)
    renewed = authority.issue("renewed")

    replace(own.certificate, renewed.certificate)
    replace(own.key, renewed.key)

    assert (before, shown(security, server_pair, authority)) == ("client", "renewed")


def test_files_that_have_not_changed_are_not_read_again(
    authority: Authority, server_pair: Pair, own: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    security = trusting(authority, certificate=own.certificate, key=own.key)
    peer = Peer(server_context(server_pair))
    monkeypatch.setattr(ssl, "SSLContext", None)  # nothing new can be made

    introduce(security.begin("localhost"), peer)


def test_files_that_are_half_replaced_leave_the_earlier_ones(
    authority: Authority, server_pair: Pair, own: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    security = trusting(authority, certificate=own.certificate, key=own.key)
    renewed = authority.issue("renewed")

    replace(own.certificate, renewed.certificate)
    between = [shown(security, server_pair, authority) for _ in range(2)]
    replace(own.key, renewed.key)

    assert between == ["client", "client"]
    assert shown(security, server_pair, authority) == "renewed"
    assert len(caplog.records) == 1
    assert "key values mismatch" in caplog.text


def test_files_that_have_gone_leave_the_earlier_ones(
    authority: Authority, server_pair: Pair, own: Pair
) -> None:
    security = trusting(authority, certificate=own.certificate, key=own.key)

    own.key.unlink()

    assert shown(security, server_pair, authority) == "client"


# --- the handshake


@pytest.mark.parametrize("host", ["localhost", "zk.test", "zk.test.", "127.0.0.1", "fe80::1%eth0"])
def test_a_server_is_known_by_its_configured_name(
    authority: Authority, server_pair: Pair, host: str
) -> None:
    channel, peer = connected(trusting(authority), server_pair, host)
    channel.encrypt(memoryview(b"data"))
    peer.feed(channel.take())

    assert peer.side.read() == b"data"
    assert peer.names in ([host.rstrip(".")], [None])  # addresses are not asked for


@pytest.mark.parametrize("size", [1, 100])
def test_a_handshake_may_come_in_pieces(authority: Authority, server_pair: Pair, size: int) -> None:
    channel = trusting(authority).begin("localhost")

    introduce(channel, Peer(server_context(server_pair)), size)


def failing(channel: Channel, peer: Peer) -> str:
    """Give why a handshake fails."""
    with pytest.raises(OSError, match=r"\w") as caught:
        introduce(channel, peer)
    peer.feed(channel.take())  # the server is told
    with pytest.raises(ssl.SSLError):
        peer.side.read()
    return str(caught.value)


@pytest.mark.parametrize(
    ("host", "hosts", "age", "reason"),
    [
        ("other.test", ["zk.test"], 0, "is not for 'other.test'"),
        ("127.0.0.2", ["127.0.0.1"], 0, "is not for '127.0.0.2'"),
        ("zk.test", ["zk.test"], 9, "has expired"),
        ("zk.test", ["zk.test"], -9, "is not valid yet"),
    ],
)
def test_a_certificate_that_is_not_right_says_what_is_wrong(
    authority: Authority, host: str, hosts: list[str], age: int, reason: str
) -> None:
    pair = authority.issue("wrong", hosts, age=timedelta(days=age))

    why = failing(trusting(authority).begin(host), Peer(server_context(pair)))

    assert why == f"the server's certificate {reason}"


def test_a_certificate_of_another_authority_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("server", ["localhost"])

    why = failing(trusting(authority).begin("localhost"), Peer(server_context(stranger)))

    assert why == "the server's certificate is of an authority that is not trusted"


def test_a_certificate_that_vouches_for_itself_is_refused(
    authority: Authority, server_pair: Pair
) -> None:
    security = secured(True)
    assert security is not None

    why = failing(security.begin("localhost"), Peer(server_context(server_pair)))

    assert "authority that is not trusted" in why


def test_the_name_may_be_left_unverified(authority: Authority, server_pair: Pair) -> None:
    connected(trusting(authority, verify_hostname=False), server_pair, "another.test")


def test_versions_before_1_2_are_refused(authority: Authority, server_pair: Pair) -> None:
    context = server_context(server_pair)
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    lax = trusting(authority, ciphers="ALL:@SECLEVEL=0")

    with pytest.raises(OSError, match="does not speak our versions of TLS"):
        introduce(lax.begin("localhost"), Peer(context))


def introduce_and_listen(channel: Channel, peer: Peer) -> None:
    introduce(channel, peer)
    channel.decrypt(peer.take())  # in 1.3, the server objects when we think that all is agreed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_misses_our_certificate_says_so(
    authority: Authority, server_pair: Pair, version: ssl.TLSVersion
) -> None:
    context = server_context(server_pair)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    context.maximum_version = version
    channel, peer = trusting(authority).begin("localhost"), Peer(context)

    with pytest.raises(OSError, match=r"requires? a client certificate"):
        introduce_and_listen(channel, peer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the server does not speak TLS on this port"),
        (bytes(30), "the server does not speak TLS on this port"),
        (b"", "the server hung up in the TLS handshake: it may not speak TLS on this port"),
    ],
)
def test_a_server_without_tls_is_told_as_such(
    authority: Authority, answer: bytes, reason: str
) -> None:
    channel = trusting(authority).begin("localhost")
    channel.shake_hands(None)

    with pytest.raises(OSError, match=f"^{reason}$"):
        channel.shake_hands(answer)


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "\udc80"])
def test_a_name_that_cannot_be_is_an_error(authority: Authority, host: str) -> None:
    with pytest.raises(OSError, match="cannot be a TLS server's name"):
        trusting(authority).begin(host)


# --- the stream


def test_plain_bytes_arrive_whole_whatever_their_number(
    authority: Authority, server_pair: Pair
) -> None:
    channel, peer = connected(trusting(authority), server_pair)
    data = os.urandom(100_000)

    channel.encrypt(memoryview(data))
    peer.feed(channel.take())
    received = b""
    while len(received) < len(data):
        received += peer.side.read()
    for begin in range(0, len(data), 10_000):
        peer.side.write(data[begin : begin + 10_000])
    encrypted = peer.take()

    assert received == data
    assert data[:50] not in encrypted
    assert channel.decrypt(encrypted) == data


def test_encrypted_bytes_may_come_one_at_a_time(authority: Authority, server_pair: Pair) -> None:
    channel, peer = connected(trusting(authority), server_pair)
    peer.side.write(b"data")

    plain = [channel.decrypt(bytes([byte])) for byte in peer.take()]

    assert plain[:-1] == [b""] * (len(plain) - 1)
    assert plain[-1] == b"data"
    assert not channel.has_ended


def test_a_goodbye_is_the_end_after_what_came_before_it(
    authority: Authority, server_pair: Pair
) -> None:
    channel, peer = connected(trusting(authority), server_pair)
    peer.side.write(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        peer.side.unwrap()

    assert channel.decrypt(peer.take()) == b"last"
    assert channel.has_ended


def test_our_goodbye_is_heard(authority: Authority, server_pair: Pair) -> None:
    channel, peer = connected(trusting(authority), server_pair)

    channel.end()
    peer.feed(channel.take())

    assert peer.side.read() == b""


def test_a_stream_that_is_cut_off_is_an_error(authority: Authority, server_pair: Pair) -> None:
    channel, _ = connected(trusting(authority), server_pair)

    with pytest.raises(OSError, match=r"^the server hung up without ending the TLS stream$"):
        channel.decrypt(b"")


def test_what_was_changed_on_the_way_is_an_error_after_what_was_not(
    authority: Authority, server_pair: Pair
) -> None:
    channel, peer = connected(trusting(authority), server_pair)
    channel.decrypt(peer.take() or b"")
    peer.side.write(b"whole")
    whole = peer.take()
    peer.side.write(b"changed")
    changed = bytearray(peer.take())
    changed[-1] ^= 1

    assert channel.decrypt(whole + changed) == b"whole"
    with pytest.raises(OSError, match=r"^TLS failed: decryption failed or bad record mac$"):
        channel.decrypt(b"more")
