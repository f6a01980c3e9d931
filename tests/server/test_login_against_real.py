"""Logins by SASL and what they open: the embedded server says what a real one says."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.digestlogin import digest_answer
from tests.leaks import LeakGuard
from tests.saslserver import USERS, SaslServer
from tests.server.stories import CLASSPATHS, Pair, Step, Story, asking, compare, dropping, sending
from tests.server.wireclient import ClosedError, Reply, WireClient, raw_request
from zc.zk import operations as ops
from zc.zk.codes import OpCode
from zc.zk.jute import Reader, Writer
from zc.zk.security import ACL, CREATOR_ALL_ACL, Id
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

pytestmark = pytest.mark.real

LOGINS = {**USERS, "josé": "contraseña", "super": "of super", "root": "of root"}
ALICE = Id("sasl", "alice")


@pytest.fixture(scope="module", params=CLASSPATHS, ids=["3.8", "3.9"])
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    version = request.param
    apache = SaslServer(
        LOGINS, classpath=CLASSPATHS[version], java_options=["-Dzookeeper.superUser=root"]
    )
    leak_guard.exempt(lambda: apache.processes)
    settings = Settings(version=version, sasl_users=LOGINS, super_user="root")
    with apache, Server(settings=settings) as embedded:
        yield Pair(apache, embedded, version)


def logging_in(
    client: int, name: str, password: str, changes: Mapping[str, str | None] | None = None
) -> Step:
    """Log in; what is random in the server's tokens is left out of the story."""

    def log_in(story: Story) -> Reply:
        challenge = Reader(story.client.call(ops.Sasl(b"")).body).buffer() or b""
        story.remarks.append((re.sub(rb'nonce="[^"]*"', b"", challenge),))
        reply = story.client.call(ops.Sasl(digest_answer(name, password, challenge, changes)))
        token = Reader(reply.body).buffer()
        out = Writer()
        out.buffer(token and token.partition(b"=")[0])
        return reply._replace(body=out.getvalue())

    return Step(client, OpCode.SASL, log_in, f"login of {name}, {changes}")


@pytest.mark.parametrize("name", LOGINS)
def test_each_user_logs_in(name: str, pair: Pair) -> None:
    steps = [
        logging_in(0, name, LOGINS[name]),
        asking(0, ops.WhoAmI()),
        asking(0, ops.Sasl(b"")),
        asking(0, ops.WhoAmI()),
    ]

    compare(steps, pair)


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": '"of another server"'},
        {"nc": "00000002"},
        {"nc": "x"},
        {"nc": None},
        {"realm": '"elsewhere"'},
        {"realm": None},
        {"digest-uri": '"zookeeper/localhost"'},
        {"digest-uri": None},
        {"qop": "auth-int"},
        {"qop": None},
        {"cnonce": None},
        {"username": None},
        {"username": '"nobody"'},
        {"response": "0" * 32},
        {"response": None},
        {"maxbuf": None},
        {"something": '"new"'},
        {"charset": 'utf-8,username="alice"'},
        {"authzid": '"alice"'},
    ],
    ids=repr,
)
def test_each_odd_response_is_judged_by_both_alike(
    changes: dict[str, str | None], pair: Pair
) -> None:
    compare([logging_in(0, "alice", LOGINS["alice"], changes), asking(0, ops.WhoAmI())], pair)


def test_a_wrong_password_and_wrong_steps_are_refused_by_both(pair: Pair) -> None:
    steps = [
        logging_in(0, "alice", "wrong"),
        logging_in(0, "alice", LOGINS["alice"]),
        asking(0, ops.Sasl(b"")),
        sending(1, raw_request(7, OpCode.SASL)),
        asking(1, ops.Ping()),
        asking(1, ops.Auth("sasl", b"alice")),
    ]

    compare(steps, pair)


@pytest.mark.parametrize(
    "name", ["alice", "", "a/b", "a/b/c", "a@b", "a/b@c", "a@b@c", "a/b/c@d", "a@b/c", "@", "/"]
)
def test_each_name_in_an_acl_is_judged_by_both_alike(name: str, pair: Pair) -> None:
    acl = (ACL(31, Id("sasl", name)),)
    path = f"/name{sum(name.encode())}"

    compare([asking(0, ops.Create(path, acl=acl)), asking(0, ops.GetACL(path))], pair)


def test_acls_mean_the_same_to_both(pair: Pair) -> None:
    readable = (ACL(1, ALICE), ACL(2, Id("sasl", "bob")), ACL(31, Id("auth", "")))
    steps = [
        asking(0, ops.Create("/a", acl=tuple(CREATOR_ALL_ACL))),
        logging_in(0, "alice", LOGINS["alice"]),
        logging_in(1, "bob", LOGINS["bob"]),
        asking(0, ops.Auth("digest", b"carl:pw")),
        asking(0, ops.Create("/a", acl=tuple(CREATOR_ALL_ACL))),
        asking(0, ops.Create("/b", acl=readable)),
        *(asking(client, ops.GetACL(path)) for client in range(3) for path in ("/a", "/b")),
        *(asking(client, ops.SetData("/b", b"x")) for client in range(3)),
        logging_in(2, "super", LOGINS["super"]),
        *(asking(2, ops.GetACL(path)) for path in ("/a", "/b")),
        asking(2, ops.SetACL("/a", (ACL(0, ALICE),))),
        dropping(2),
        asking(2, ops.GetACL("/a")),
        logging_in(2, "root", LOGINS["root"]),
        asking(2, ops.Create("/c", acl=tuple(CREATOR_ALL_ACL))),
        asking(2, ops.SetData("/zookeeper/config", b"x")),
        *(asking(2, ops.Delete(path)) for path in ("/a", "/b", "/c")),
    ]

    compare(steps, pair)


# Required logins: each conversation is one connection's

SAID = {"sasl": ("sasl",), "several": ("digest", "sasl"), "digest": ("digest",), "ip": ("ip",)}
CONVERSATIONS: list[list[ops.Operation[Any] | str]] = [
    [ops.Ping()],
    [ops.Exists("/")],
    [ops.Create("/n")],
    [ops.CloseSession()],
    [ops.Multi(())],
    [ops.SetWatches(0, (), (), ())],
    [ops.WhoAmI()],
    [ops.Auth("digest", b"bob:pw"), ops.WhoAmI(), ops.Exists("/none")],
    [ops.Auth("none", b"bob:pw"), ops.WhoAmI()],
    [ops.Auth("ip", b""), ops.WhoAmI()],
    ["alice", ops.WhoAmI(), ops.Exists("/none"), ops.Ping()],
    ["wrong", ops.WhoAmI()],
    [ops.Auth("digest", b"bob:pw"), "alice", ops.WhoAmI()],
    [ops.Auth("digest", b"bob:pw"), "wrong", ops.WhoAmI()],
]


def tell(port: int, conversation: list[ops.Operation[Any] | str]) -> list[object]:
    """Give the errors that the steps were answered by, until the end."""
    told: list[object] = []
    with WireClient(port) as client:
        try:
            for step in conversation:
                if isinstance(step, str):
                    challenge = Reader(client.call(ops.Sasl(b"")).body).buffer() or b""
                    answer = digest_answer("alice", LOGINS.get(step, step), challenge)
                    told.append(client.call(ops.Sasl(answer)).error)
                else:
                    reply = client.call(step)
                    told.append((reply.xid, reply.zxid > 0, reply.error, len(reply.body)))
            told.append(client.call(ops.Ping()).error)
        except ClosedError:
            told.append("closed")
    return told


@pytest.mark.slow
@pytest.mark.parametrize("version", CLASSPATHS, ids=["3.8", "3.9"])
@pytest.mark.parametrize("schemes", SAID.values(), ids=SAID)
def test_required_schemes_are_required_by_both(
    schemes: tuple[str, ...], version: tuple[int, int]
) -> None:
    required = {"enforce.auth.enabled": "true", "enforce.auth.schemes": ",".join(schemes)}
    settings = Settings(version=version, sasl_users=LOGINS, required_schemes=schemes)
    with (
        SaslServer(LOGINS, settings=required, classpath=CLASSPATHS[version]) as apache,
        Server(settings=settings) as embedded,
    ):
        real = [tell(apache.port, each) for each in CONVERSATIONS]
        ours = [tell(embedded.port, each) for each in CONVERSATIONS]

    assert dict(enumerate(ours)) == dict(enumerate(real))
