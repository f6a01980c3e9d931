"""S5: who may do what with a node is decided by an ACL that is known, documented, and the same when it is restored."""

import inspect
import logging
from functools import partial

import pytest

from tests.promises.conftest import Connect
from tests.promises.outsider import Outsider, expire
from tests.promises.told import States
from tests.realserver import RealServer
from tests.waiting import wait_until
from zc.zk import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Client,
    Id,
    NoAuthError,
    Permissions,
    State,
    ZooKeeper,
    make_digest_acl_credential,
    world_permission,
)

READ_BY_ALL = [(Permissions.READ, "world", "anyone")]
OPEN = [(Permissions.ALL, "world", "anyone")]
OWN = [
    ACL(Permissions.ALL, Id("digest", make_digest_acl_credential("ann", "her word"))),
    world_permission(Permissions.READ),
]


@pytest.fixture
def outsider(real_server: RealServer, home: str) -> Outsider:
    return Outsider(real_server.port, home)


def shown(acl: list[ACL]) -> list[tuple[int, str, str]]:
    """Give an ACL as servers show it to strangers, who are not told what the password hashes to."""
    hidden = {"digest": "ann:x"}
    return [(each.perms, each.id.scheme, hidden.get(each.id.scheme, each.id.id)) for each in acl]


def test_s5_without_a_default_acl_nodes_are_open_to_everybody(
    client: Client, outsider: Outsider
) -> None:
    client.create("/a")
    client.ensure_path("/b/c")
    client.create("/d/e", makepath=True)

    assert [outsider.acl(path) for path in ("/a", "/b", "/b/c", "/d", "/d/e")] == [OPEN] * 5
    assert client.default_acl == OPEN_ACL_UNSAFE


def test_s5_the_default_acl_of_a_client_is_that_of_every_node_it_creates(
    connect: Connect, outsider: Outsider
) -> None:
    client = connect(default_acl=OWN, auth_data=[("digest", "ann:her word")])

    client.create("/a")
    client.ensure_path("/b/c")
    client.create("/d/e", makepath=True, include_data=True)
    client.create_async("/f").get()

    paths = ("/a", "/b", "/b/c", "/d", "/d/e", "/f")
    assert [outsider.acl(path) for path in paths] == [shown(OWN)] * 6
    with pytest.raises(NoAuthError):
        connect().set("/a", b"")


def test_s5_the_creator_alone_may_touch_what_creator_all_protects(connect: Connect) -> None:
    creator = connect(default_acl=CREATOR_ALL_ACL, auth_data=[("digest", "ann:her word")])
    stranger = connect()

    creator.create("/a", b"secret")

    assert creator.get("/a")[0] == b"secret"
    for forbidden in (stranger.get, stranger.get_children, partial(stranger.set, value=b"")):
        with pytest.raises(NoAuthError):
            forbidden("/a")


def test_s5_the_acl_of_a_call_goes_before_the_default(connect: Connect, outsider: Outsider) -> None:
    client = connect(default_acl=OWN)

    client.create("/a", acl=READ_ACL_UNSAFE)

    assert outsider.acl("/a") == READ_BY_ALL


def test_s5_registrations_may_be_read_by_all_and_written_by_nobody(
    client: Client, outsider: Outsider
) -> None:
    with ZooKeeper(client) as registry:
        registry.register("/", "h:1")

        assert outsider.acl("/h:1") == READ_BY_ALL
        with pytest.raises(NoAuthError):
            client.set("/h:1", b"{}")


def test_s5_a_registration_that_is_restored_has_the_acl_it_was_made_with(
    client: Client, outsider: Outsider, real_server: RealServer
) -> None:
    with ZooKeeper(client) as registry:
        states = States(client)
        registry.register("/", "default:1")
        registry.register("/", "own:1", acl=OWN)
        registry.register("/", "changed:1", acl=OWN).update(weight=3)
        lost = client.client_id
        expire(real_server.port, lost)
        states.wait_for(State.LOST, State.CONNECTED, bound=5.0)

        for name, acl in (
            ("default:1", READ_BY_ALL),
            ("own:1", shown(OWN)),
            ("changed:1", shown(OWN)),
        ):
            wait_until(lambda name=name: client.exists(f"/{name}"), 2.0)  # type: ignore[misc]
            assert outsider.acl(f"/{name}") == acl
        assert client.client_id != lost


def test_s5_a_registration_keeps_its_acl_when_it_is_updated(
    client: Client, outsider: Outsider
) -> None:
    with ZooKeeper(client) as registry:
        registration = registry.register("/", "h:1")

        registration.update(weight=3)

        assert outsider.properties("/h:1")["weight"] == 3
        assert outsider.acl("/h:1") == READ_BY_ALL


@pytest.mark.threads  # whose text the other face refers to
def test_s5_the_defaults_are_documented_where_they_are_chosen() -> None:
    assert "`default_acl`" in (Client.__doc__ or "")
    assert "everybody" in (Client.__doc__ or "")
    signature = inspect.signature(ZooKeeper.register)
    assert list(signature.parameters["acl"].default) == READ_ACL_UNSAFE
    assert "`acl`" in (ZooKeeper.register.__doc__ or "")


def open_acl_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "open to everybody" in record.getMessage()]


def test_s5_creating_open_nodes_because_nothing_else_was_said_is_logged_once(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = connect()
    assert open_acl_lines(caplog) == []

    client.create("/a")
    client.create("/b")
    client.ensure_path("/c/d")

    (record,) = open_acl_lines(caplog)
    assert record.levelno == logging.INFO


def test_s5_who_says_what_nodes_may_be_is_not_told(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    connect(default_acl=OPEN_ACL_UNSAFE).create("/a")
    connect().create("/b", acl=OPEN_ACL_UNSAFE)
    connect().exists("/a")

    assert open_acl_lines(caplog) == []
