"""Certificates and what they open: the embedded server says what a real one says."""

from collections.abc import Iterator

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.keys import Keys
from tests.leaks import LeakGuard
from tests.server.stories import CLASSPATHS
from tests.server.test_tls import trusting
from tests.subjects import SUBJECTS
from tests.tlsserver import TlsServer
from tests.wire import Opcode
from zc.zk.jute import Reader, Writer
from zc.zk.operations import Create
from zc.zk.records import SMALLEST_STRING
from zc.zk.security import ACL, Id
from zc.zk.server.settings import Settings
from zc.zk.testing import Server, ServerTLS

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=CLASSPATHS, ids=["3.8", "3.9"])
def ports(
    request: pytest.FixtureRequest, keys: Keys, leak_guard: LeakGuard
) -> Iterator[tuple[int, int]]:
    """The TLS ports of a real server and of the embedded one."""
    apache = TlsServer(keys, classpath=CLASSPATHS[request.param])
    leak_guard.exempt(lambda: apache.processes)
    tls = ServerTLS(keys.server.both, client_ca=keys.trusted, required=False)
    with apache, Server(tls=tls, settings=Settings(version=request.param)) as embedded:
        yield apache.secure_port, embedded.port


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_is_called_the_same(name: str, ports: tuple[int, int], keys: Keys) -> None:
    shown = keys.authority.issue("somebody", subject=SUBJECTS[name])
    told = []
    for port in ports:
        with BareClient.connect(port, tls=trusting(keys, shown)) as client:
            told.append(identities(Reader(client.call(Opcode.WHO_AM_I).body)))

    assert ("x509", name) in told[0]
    assert told[1] == told[0]


def identities(body: Reader) -> set[tuple[str, str]]:
    # A set: the real one may name an identity twice.
    return set(body.vector(lambda: (body.text(), body.text()), 2 * SMALLEST_STRING))


def creation(path: str, acl: ACL) -> bytes:
    out = Writer()
    Create(path, acl=(acl,)).write(out)
    return out.getvalue()


NAMES = ["", "CN=client", "x", "CN=a,", "CN=a,,O=b", "X=y", 'CN="a, b"', "cn = a ; O=b", "1.2.3=x"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_an_acl_is_judged_by_both_alike(
    name: str, ports: tuple[int, int], keys: Keys
) -> None:
    path = f"/n{NAMES.index(name)}"
    told = []
    for port in ports:
        with (
            BareClient.connect(port, tls=trusting(keys, keys.client)) as client,
            BareClient.connect(port, tls=trusting(keys)) as stranger,
        ):
            body = creation(path, ACL(31, Id("x509", name)))
            errors = [client.call(Opcode.CREATE, body).err]
            read = wire.path_watch_body(path)
            errors += [each.call(Opcode.GET_DATA, read).err for each in (client, stranger)]
            told.append(errors)

    assert told[1] == told[0]


def test_what_is_created_for_oneself_is_the_subjects(ports: tuple[int, int], keys: Keys) -> None:
    told = []
    for port in ports:
        with BareClient.connect(port, tls=trusting(keys, keys.client)) as client:
            created = client.call(Opcode.CREATE, creation("/own", ACL(31, Id("auth", ""))))
            acl = client.call(Opcode.GET_ACL, wire.string("/own")).body[:-68]
            told.append((created.err, acl))

    assert told[1] == told[0]
