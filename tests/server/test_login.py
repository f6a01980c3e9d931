"""Auth packets, logins by SASL, and what may be asked before (protocol.md, 13)."""

import pytest

from tests.digestlogin import digest_answer
from tests.server.conversation import Peer, World
from tests.server.wireclient import raw_request
from zc.zk import AuthFailedError, Client, DigestMD5, ZooKeeperError
from zc.zk import operations as ops
from zc.zk.codes import ErrorCode
from zc.zk.jute import Reader
from zc.zk.security import ACL, CREATOR_ALL_ACL, Id
from zc.zk.server.acl import SUPER
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

ALICE = Id("sasl", "alice")
HERE = Id("ip", "127.0.0.1")
NULL = b"\xff\xff\xff\xff"
USERS = {"alice": "secret of alice", "root": "secret of root"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


def sasl_world(**settings: object) -> World:
    return World(Settings(first_zxid=0, sasl_users=USERS, **settings))  # type: ignore[arg-type]


def log_in(peer: Peer, name: str, password: str | None = None) -> int:
    """Log in, and give the error of the last step."""
    challenge = peer.ask(ops.Sasl(b""))
    return peer.call(ops.Sasl(digest_answer(name, password or USERS[name], challenge))).error


def test_auth_is_answered_under_zxid_zero(peer: Peer) -> None:
    assert peer.call(ops.Auth("digest", b"bob:pw"))[1:] == (0, 0, b"")


def test_identities_add_up_each_once(peer: Peer) -> None:
    for credential in (b"bob:pw", b"eve:pw", b"bob:pw"):
        peer.ask(ops.Auth("digest", credential))

    assert [identity.id.partition(":")[0] for identity in peer.link.identities] == [
        "127.0.0.1",
        "bob",
        "eve",
    ]


@pytest.mark.parametrize("scheme", ["world", "sasl", "none", "auth"])
def test_failed_auth_ends_the_connection_but_not_the_session(
    scheme: str, world: World, peer: Peer
) -> None:
    reply = peer.call(ops.Auth(scheme, b""))

    assert reply[1:] == (0, ErrorCode.AUTH_FAILED, b"")
    assert peer.link.is_closing
    assert world.connect(session_id=peer.session_id).session_id == peer.session_id


def test_a_sasl_token_is_answered_by_none_as_a_server_without_sasl_does(peer: Peer) -> None:
    reply = peer.call(ops.Sasl(b"token"))

    assert reply[1:] == (0, 0, b"\xff\xff\xff\xff")
    assert not peer.link.is_closing


# SASL


def test_a_login_adds_the_user_to_the_identities() -> None:
    peer = sasl_world().connect()

    assert log_in(peer, "alice") == 0

    assert peer.link.identities == (HERE, ALICE)
    assert peer.call(ops.WhoAmI()).body.endswith(b"\0\0\0\x04sasl\0\0\0\x05alice")


def test_the_steps_of_a_login_are_answered_under_zxid_zero() -> None:
    world = sasl_world()
    peer = world.connect()
    before = world.zxid

    first = peer.call(ops.Sasl(b""))
    challenge = Reader(first.body).buffer() or b""
    last = peer.call(ops.Sasl(digest_answer("alice", USERS["alice"], challenge)))

    assert (first.zxid, last.zxid) == (0, 0)
    assert (Reader(last.body).buffer() or b"").startswith(b"rspauth=")
    assert world.zxid == before


def test_a_failed_login_ends_the_connection_but_not_the_session() -> None:
    world = sasl_world()
    peer = world.connect()
    challenge = peer.ask(ops.Sasl(b""))

    reply = peer.call(ops.Sasl(digest_answer("alice", "wrong", challenge)))

    assert reply[1:] == (0, ErrorCode.AUTH_FAILED, NULL)
    assert peer.link.is_closing
    assert world.connect(session_id=peer.session_id).session_id == peer.session_id


def test_a_step_after_the_end_of_a_login_fails() -> None:
    peer = sasl_world().connect()
    log_in(peer, "alice")

    assert peer.call(ops.Sasl(b"")).error == ErrorCode.AUTH_FAILED
    assert peer.link.is_closing


def test_a_login_is_the_connections_alone() -> None:
    world = sasl_world()
    peer = world.connect()
    log_in(peer, "alice")

    again = world.connect(session_id=peer.session_id)

    assert again.link.identities == (HERE,)
    assert log_in(again, "alice") == 0


def test_the_super_user_may_do_everything() -> None:
    world = sasl_world(super_user="root")
    alice, root = world.connect(), world.connect()
    log_in(alice, "alice")
    alice.ask(ops.Create("/n", acl=(ACL(0, ALICE),)))

    log_in(root, "root")

    assert root.link.identities == (HERE, Id("sasl", "root"), SUPER)
    assert root.call(ops.SetData("/n", b"x")).error == 0
    assert alice.call(ops.SetData("/n", b"x")).error == ErrorCode.NO_AUTH


def test_what_a_user_creates_can_be_the_users_alone() -> None:
    world = sasl_world()
    alice, other = world.connect(), world.connect()
    log_in(alice, "alice")

    alice.ask(ops.Create("/n", acl=tuple(CREATOR_ALL_ACL)))

    assert alice.ask(ops.GetACL("/n"))[0] == [ACL(31, ALICE)]
    assert other.call(ops.GetData("/n")).error == ErrorCode.NO_AUTH


def test_without_sasl_its_scheme_is_unknown_to_acls(peer: Peer) -> None:
    reply = peer.call(ops.Create("/n", acl=(ACL(31, ALICE),)))

    assert reply.error == ErrorCode.INVALID_ACL


def test_the_passwords_of_a_server_are_not_in_its_repr() -> None:
    settings = Settings(sasl_users=USERS, super_digest="super:hash")

    assert "secret" not in repr(settings)
    assert "hash" not in repr(settings)


def test_our_client_logs_in_and_believes_the_proof() -> None:
    settings = Settings(sasl_users=USERS)
    login = DigestMD5("alice", USERS["alice"])
    with Server(settings=settings) as server, Client(server.address, sasl=login) as client:
        assert ("sasl", "alice") in [tuple(each) for each in client.who_am_i()]


def test_our_client_is_told_that_its_password_is_wrong() -> None:
    settings = Settings(sasl_users=USERS)
    with Server(settings=settings) as server:
        client = Client(server.address, sasl=DigestMD5("alice", "wrong"))

        with pytest.raises(AuthFailedError, match="DIGEST-MD5"):
            client.start(timeout=10.0)


# Required logins


@pytest.mark.parametrize("frame", [raw_request(7, opcode) for opcode in (11, 3, 1, 14, -11, 99)])
def test_who_has_not_logged_in_can_ask_for_nothing_else(frame: bytes) -> None:
    world = sasl_world(required_schemes=("sasl",))
    peer = world.connect()
    before = world.zxid

    assert peer.send(frame) == (7, 0, ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH, b"")
    assert peer.link.is_closing
    assert world.zxid == before
    assert world.connect(session_id=peer.session_id).session_id == peer.session_id


def test_who_has_logged_in_can_ask_for_everything() -> None:
    peer = sasl_world(required_schemes=("sasl",)).connect()

    log_in(peer, "alice")

    assert peer.call(ops.Create("/n")).error == 0


def test_any_of_the_required_schemes_will_do() -> None:
    world = sasl_world(required_schemes=("sasl", "digest"))
    peer, other = world.connect(), world.connect()

    log_in(peer, "alice")
    other.ask(ops.Auth("digest", b"bob:pw"))

    assert peer.call(ops.Ping()).error == other.call(ops.Ping()).error == 0


def test_another_scheme_than_the_required_one_will_not_do() -> None:
    peer = sasl_world(required_schemes=("sasl",)).connect()

    assert peer.call(ops.Auth("digest", b"bob:pw")).error == 0
    assert peer.call(ops.Ping()).error == ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH


def test_a_failed_login_where_one_is_required_says_that_it_is() -> None:
    peer = sasl_world(required_schemes=("sasl",)).connect()

    assert log_in(peer, "alice", "wrong") == ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH
    assert peer.link.is_closing


def test_an_address_is_enough_where_that_is_what_is_required() -> None:
    peer = World(Settings(required_schemes=("ip",))).connect()

    assert peer.call(ops.Ping()).error == 0


def test_our_client_is_told_that_it_must_log_in() -> None:
    settings = Settings(sasl_users=USERS, required_schemes=("sasl",))
    with Server(settings=settings) as server:
        with (
            Client(server.address) as client,
            pytest.raises(ZooKeeperError, match="requires authentication"),
        ):
            client.get("/")
        login = DigestMD5("alice", USERS["alice"])
        with Client(server.address, sasl=login) as client:
            assert client.exists("/") is not None


def test_an_address_and_a_certificate_are_what_they_are_whatever_the_bound() -> None:
    peer = World(Settings(first_zxid=0, most_identity_bytes=0)).connect()

    peer.link.show_certificate("CN=" + "x" * 1000)

    assert [each.scheme for each in peer.link.identities] == ["ip", "x509"]


def test_a_connection_can_speak_for_so_many_and_no_more() -> None:
    peer = World(Settings(first_zxid=0, most_identity_bytes=1000)).connect()
    for number in range(6):
        assert peer.call(ops.Auth("digest", b"%d:pw" % number)).error == 0

    assert peer.call(ops.Auth("digest", b"long" * 100 + b":pw")).error == ErrorCode.AUTH_FAILED
    assert peer.link.is_closing
