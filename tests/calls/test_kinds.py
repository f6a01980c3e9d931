"""Nodes that the server removes by itself: containers, and nodes with a time to live."""

from typing import Any

import pytest

import zc.zk
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import ArgumentError, Client, Stat, ZooKeeper

SOON = 20.0
A_MINUTE = 60_000  # milliseconds
KINDS: list[dict[str, Any]] = [{"container": True}, {"ttl": A_MINUTE}]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_k20_a_node_of_a_kind_is_created(client: Client, kind: dict[str, Any]) -> None:
    assert client.create("/a", b"data", **kind) == "/a"
    assert client.create_async("/b", b"data", **kind).get() == "/b"
    path, stat = client.create("/c", b"data", include_data=True, **kind)
    created = client.create_async("/d", include_data=True, **kind).get()

    assert client.get("/a")[0] == client.get("/b")[0] == b"data"
    assert (path, stat) == ("/c", client.exists("/c"))
    assert created == ("/d", client.exists("/d"))
    assert isinstance(stat, Stat)
    assert stat.owner_session_id is None


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("include_data", [False, True])
def test_k20_makepath_goes_with_every_kind(
    client: Client, kind: dict[str, Any], include_data: bool
) -> None:
    create: Any = client.create

    created = create("/a/b", makepath=True, include_data=include_data, **kind)
    created_async = client.create_async("/c/d", makepath=True, include_data=include_data, **kind)

    assert (created[0] if include_data else created) == "/a/b"
    result = created_async.get()
    assert (result[0] if include_data else result) == "/c/d"


@pytest.mark.parametrize("include_data", [False, True])
def test_k20_a_node_with_a_ttl_may_be_of_sequence(client: Client, include_data: bool) -> None:
    create: Any = client.create

    created = create("/a-", sequence=True, ttl=A_MINUTE, include_data=include_data)

    assert (created[0] if include_data else created) == "/a-0000000000"
    assert client.create("/", sequence=True, ttl=A_MINUTE) == "/0000000001"


@pytest.mark.parametrize("ttl", [1, 2**40 - 1])
def test_the_bounds_of_a_ttl_are_accepted_by_servers(client: Client, ttl: int) -> None:
    assert client.create("/a", ttl=ttl) == "/a"


@pytest.mark.parametrize("ttl", [None, 0])
def test_no_ttl_is_a_plain_node(client: Client, ttl: int | None) -> None:
    session = client.client_id
    assert session is not None

    client.create("/a", ephemeral=True, ttl=ttl)

    stat = client.exists("/a")
    assert stat is not None
    assert stat.owner_session_id == session[0]


def test_k45_only_an_ephemeral_node_shows_an_owner(client: Client) -> None:
    client.create("/ephemeral", ephemeral=True)
    client.create("/container", container=True)
    client.create("/ttl", ttl=A_MINUTE)

    owners = {}
    for name in ("ephemeral", "container", "ttl"):
        stat = client.exists(f"/{name}")
        assert stat is not None
        owners[name] = stat.owner_session_id

    session = client.client_id
    assert session is not None
    assert owners == {"ephemeral": session[0], "container": None, "ttl": None}


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"container": True, "ephemeral": True}, "a node cannot be both ephemeral and a container"),
    ({"container": True, "sequence": True}, "a container cannot be sequential"),
    ({"container": True, "ttl": 5}, "a node cannot be both a container and with a TTL"),
    ({"ttl": 5, "ephemeral": True}, "a node cannot be both ephemeral and with a TTL"),
    ({"ttl": -1}, "a TTL must be from 1 to 1099511627775 milliseconds, not -1"),
    ({"ttl": 2**40}, "a TTL must be from 1 to 1099511627775 milliseconds, not 1099511627776"),
]


@pytest.mark.parametrize(("kind", "text"), IMPOSSIBLE)
def test_what_cannot_be_together_is_refused_before_anything_is_sent(
    client: Client, kind: dict[str, Any], text: str
) -> None:
    for create in (client.create, client.create_async):
        for makepath in (False, True):
            with pytest.raises(ArgumentError, match=f"^{text}$"):
                create("/a", makepath=makepath, **kind)

    assert client.exists("/a") is None


@pytest.mark.parametrize("ttl", [1.5, "5", True])
def test_a_ttl_that_is_no_integer_is_a_type_error(client: Client, ttl: Any) -> None:
    with pytest.raises(TypeError, match="a TTL must be an integer of milliseconds"):
        client.create("/a", ttl=ttl)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_errors_of_creating_are_those_of_other_nodes(
    client: Client, kind: dict[str, Any]
) -> None:
    client.create("/a", **kind)

    with pytest.raises(zc.zk.NodeExistsError):
        client.create("/a", **kind)
    with pytest.raises(zc.zk.NoNodeError):
        client.create("/missing/a", **kind)
    with pytest.raises(zc.zk.NoNodeError):
        client.create_async("/missing/a", **kind).get()
    with pytest.raises(zc.zk.InvalidACLError):
        client.create("/b", acl=[], **kind)


def test_the_registry_helper_creates_every_kind(server: AnyServer, chroot: str) -> None:
    with ZooKeeper(server.address + chroot) as zk:
        assert zk.create("/a", container=True) == "/a"
        assert zk.create("/b", ttl=A_MINUTE) == "/b"


@pytest.mark.slow
def test_a_real_server_removes_what_has_had_its_time() -> None:
    with (
        RealServer(java_options=("-Dznode.container.checkIntervalMs=100",)) as server,
        Client(server.address) as client,
    ):
        client.create("/container", container=True)
        client.create("/container/child")
        client.create("/ttl", ttl=1)
        client.create("/long", ttl=A_MINUTE)
        client.delete("/container/child")

        wait_until(lambda: client.exists("/container") is None, SOON)
        wait_until(lambda: client.exists("/ttl") is None, SOON)
        assert client.exists("/long")


@pytest.mark.slow
def test_a_real_server_without_extended_types_says_that_it_makes_no_ttl() -> None:
    with (
        RealServer(java_options=("-Dzookeeper.extendedTypesEnabled=false",)) as server,
        Client(server.address) as client,
    ):
        for create in (client.create, lambda path, ttl: client.create_async(path, ttl=ttl).get()):
            with pytest.raises(zc.zk.UnimplementedError):
                create("/a", ttl=5)
        with client.transaction() as transaction:
            transaction.create("/a")
            transaction.create("/b", ttl=5)

        assert transaction.results is not None
        assert isinstance(transaction.results[1], zc.zk.UnimplementedError)
        assert client.create("/a", container=True) == "/a"
