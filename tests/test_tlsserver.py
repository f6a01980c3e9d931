import ssl

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.keys import KEY_PASSWORD, Identity, Keys
from tests.realserver import DEBIAN_CLASSPATH, NEWER_CLASSPATH
from tests.tlsserver import ClientAuth, TlsServer
from tests.wire import Opcode

pytestmark = pytest.mark.real


def trusting(keys: Keys, shown: Identity | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=keys.trusted)
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


def exists(server: TlsServer, context: ssl.SSLContext) -> bool:
    with BareClient.connect(server.secure_port, tls=context) as client:
        return client.call(Opcode.EXISTS, wire.path_watch_body("/")).err == 0


def test_it_serves_both_ports(tls_server: TlsServer, keys: Keys) -> None:
    assert exists(tls_server, trusting(keys))
    BareClient.connect(tls_server.port).end()


def test_a_client_is_known_by_its_certificate(tls_server: TlsServer, keys: Keys) -> None:
    shown = trusting(keys, keys.client)
    with BareClient.connect(tls_server.secure_port, tls=shown) as client:
        identities = client.call(Opcode.WHO_AM_I).body

    assert wire.string("x509") + wire.string("CN=client") in identities


def test_a_locked_key_is_the_same(tls_server: TlsServer, keys: Keys) -> None:
    context = trusting(keys)
    context.load_cert_chain(keys.client.certificate, keys.client.locked_key, KEY_PASSWORD)

    assert exists(tls_server, context)


def test_a_client_that_nobody_trusts_is_refused(tls_server: TlsServer, keys: Keys) -> None:
    with pytest.raises((OSError, EOFError)):
        exists(tls_server, trusting(keys, keys.untrusted_client))


@pytest.mark.slow
@pytest.mark.parametrize("client_auth", ["need", "none"])
@pytest.mark.parametrize("classpath", [DEBIAN_CLASSPATH, NEWER_CLASSPATH], ids=["3.8", "3.9"])
def test_a_certificate_can_be_needed(keys: Keys, client_auth: ClientAuth, classpath: str) -> None:
    with TlsServer(keys, client_auth=client_auth, classpath=classpath) as server:
        assert exists(server, trusting(keys, keys.client))
        if client_auth == "none":
            assert exists(server, trusting(keys))
        else:
            with pytest.raises((OSError, EOFError)):
                exists(server, trusting(keys))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong_host", "IP address mismatch"),
        ("expired", "certificate has expired"),
        ("untrusted_server", "unable to get local issuer certificate"),
    ],
)
def test_a_server_can_be_one_that_must_not_be_trusted(keys: Keys, name: str, reason: str) -> None:
    with (
        TlsServer(keys, identity=getattr(keys, name)) as server,
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
    ):
        exists(server, trusting(keys))
