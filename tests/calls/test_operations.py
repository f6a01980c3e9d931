"""What each operation of the client does on a server, and what it raises."""

from typing import Any

import pytest

import zc.zk
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from zc.zk import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Client,
    Id,
    Permissions,
    Stat,
)

SOON = 20.0
TOO_LARGE = 2**20


# --- create


def test_creating_gives_the_path(client: Client) -> None:
    assert client.create("/a", b"data") == "/a"
    assert client.create_async("/b", b"data").get() == "/b"

    assert client.get("/a")[0] == client.get("/b")[0] == b"data"


def test_creating_with_the_status_asked_for_gives_both(client: Client) -> None:
    created = client.create("/a", b"data", include_data=True)
    created_async = client.create_async("/b", include_data=True).get()

    assert created == ("/a", client.exists("/a"))
    assert created_async == ("/b", client.exists("/b"))
    assert isinstance(created[1], Stat)


@pytest.mark.parametrize("include_data", [False, True])
def test_a_sequential_node_gets_a_number_of_ten_digits(client: Client, include_data: bool) -> None:
    first = client.create_async("/node-", sequence=True, include_data=include_data).get()
    second = client.create("/node-", sequence=True)

    assert (first[0] if include_data else first) == "/node-0000000000"
    assert second == "/node-0000000001"


def test_the_name_of_a_sequential_node_may_be_its_number_alone(client: Client) -> None:
    client.create("/queue")

    assert client.create("/queue/", sequence=True) == "/queue/0000000000"


def test_an_ephemeral_node_is_owned_by_the_session_and_goes_with_it(
    client: Client, other: Client
) -> None:
    client.create("/a", ephemeral=True)
    stat = other.exists("/a")
    identity = client.client_id

    client.stop()

    assert stat is not None
    assert identity is not None
    assert stat.owner_session_id == identity[0]
    assert other.exists("/a") is None


def test_makepath_creates_what_is_missing_above(client: Client) -> None:
    assert client.create("/a/b/c", b"data", makepath=True) == "/a/b/c"
    path, stat = client.create("/a/d/e", makepath=True, include_data=True)

    assert client.get("/a/b")[0] == b""
    assert client.get("/a/b/c")[0] == b"data"
    assert (path, stat) == ("/a/d/e", client.exists("/a/d/e"))


def test_a_node_without_data_has_empty_data(client: Client) -> None:
    client.create("/none", None)
    client.create("/empty")

    assert client.get("/none")[0] == client.get("/empty")[0] == b""


def test_any_kind_of_bytes_is_data(client: Client) -> None:
    array: Any = bytearray(b"array")
    view: Any = memoryview(b"view")

    client.create("/array", array)
    client.create("/view", view)

    assert client.get("/array")[0] == b"array"
    assert client.get("/view")[0] == b"view"


def test_the_default_acl_is_that_of_the_client(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot, default_acl=READ_ACL_UNSAFE) as client:
        client.create("/a")
        client.create("/b", acl=OPEN_ACL_UNSAFE)

        assert client.get_acls("/a")[0] == READ_ACL_UNSAFE
        assert client.get_acls("/b")[0] == OPEN_ACL_UNSAFE


def test_creating_what_is_there_is_an_error(client: Client) -> None:
    client.create("/a")

    for create in (client.create, lambda path: client.create_async(path).get()):
        with pytest.raises(zc.zk.NodeExistsError) as failed:
            create("/a")
        assert failed.value.path == "/a"


def test_creating_below_what_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError) as failed:
        client.create("/missing/a")

    assert failed.value.path == "/missing"
    assert failed.value.child == "/missing/a"
    assert str(failed.value) == "no such node: /missing (the parent of /missing/a)"


@pytest.mark.parametrize("makepath", [False, True])
def test_an_ephemeral_node_cannot_have_children(client: Client, makepath: bool) -> None:
    client.create("/a", ephemeral=True)

    with pytest.raises(zc.zk.NoChildrenForEphemeralsError):
        client.create("/a/b", makepath=makepath)


@pytest.mark.parametrize(
    "acl", [[], CREATOR_ALL_ACL, [ACL(31, Id("nosuch", "id"))], [ACL(31, Id("world", "nobody"))]]
)
def test_an_acl_that_names_nobody_is_an_error(client: Client, acl: list[ACL]) -> None:
    with pytest.raises(zc.zk.InvalidACLError):
        client.create("/a", acl=acl)


def test_creating_without_the_permission_is_an_error(client: Client) -> None:
    client.create("/a", acl=READ_ACL_UNSAFE)

    with pytest.raises(zc.zk.NoAuthError):
        client.create("/a/b")


@pytest.mark.slow
def test_ensuring_a_path_creates_what_is_missing(client: Client) -> None:
    assert client.ensure_path("/a/b/c")
    assert client.ensure_path("/a/b/c")

    assert client.get("/a/b/c")[0] == b""


def test_an_ensured_path_has_the_acl_given_where_it_was_missing(client: Client) -> None:
    most = [zc.zk.world_permission(Permissions.ALL - Permissions.DELETE)]
    client.create("/a")

    client.ensure_path("/a/b/c", most)

    assert client.get_acls("/a")[0] == OPEN_ACL_UNSAFE
    assert client.get_acls("/a/b")[0] == client.get_acls("/a/b/c")[0] == most


# --- delete


def test_deleting_removes_the_node(client: Client) -> None:
    client.create("/a")
    client.create("/b")

    assert client.delete("/a")
    client.delete_async("/b").get()

    assert client.get_children("/") == []


def test_deleting_with_the_version_of_the_node_removes_it(client: Client) -> None:
    client.create("/a")
    version = client.set("/a", b"1").version

    assert client.delete("/a", version)


def test_deleting_a_missing_node_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.delete("/a")
    with pytest.raises(zc.zk.NoNodeError):
        client.delete_async("/a").get()


def test_deleting_with_another_version_is_an_error(client: Client) -> None:
    client.create("/a")

    with pytest.raises(zc.zk.BadVersionError):
        client.delete("/a", 1)


def test_deleting_a_node_with_children_is_an_error_unless_recursive(client: Client) -> None:
    client.create("/a/b/c", makepath=True)

    with pytest.raises(zc.zk.NotEmptyError):
        client.delete("/a")
    assert client.delete("/a", recursive=True)

    assert client.exists("/a") is None


def test_deleting_a_missing_node_recursively_is_no_error(client: Client) -> None:
    assert client.delete("/a", recursive=True)


def test_the_root_cannot_be_deleted(server: AnyServer, client: Client) -> None:
    with Client(server.address) as root, pytest.raises(zc.zk.BadArgumentsError):
        root.delete("/")
    with pytest.raises(zc.zk.BadArgumentsError):
        client.delete("/")

    assert client.exists("/") is not None


# --- exists, get, set


def test_the_status_of_a_node_tells_all_about_it(client: Client) -> None:
    client.create("/a", b"data")
    client.create("/a/b")
    client.set("/a", b"more data")

    stat = client.exists("/a")

    assert stat is not None
    assert stat == client.exists_async("/a").get() == client.get("/a")[1]
    assert (stat.version, stat.children_version, stat.acl_version) == (1, 1, 0)
    assert (stat.data_length, stat.children_count) == (9, 1)
    assert stat.owner_session_id is None
    assert stat.creation_transaction_id < stat.pzxid < stat.last_modified_transaction_id
    assert stat.created <= stat.last_modified


def test_a_missing_node_has_no_status(client: Client) -> None:
    assert client.exists("/a") is None
    assert client.exists_async("/a").get() is None
    assert client.exists("/a/b/c") is None


def test_getting_gives_data_and_status(client: Client) -> None:
    client.create("/a", b"data")

    assert client.get("/a") == client.get_async("/a").get() == (b"data", client.exists("/a"))


def test_getting_a_missing_node_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError) as failed:
        client.get("/a")
    with pytest.raises(zc.zk.NoNodeError):
        client.get_async("/a").get()

    assert failed.value.path == "/a"


def test_getting_without_the_permission_is_an_error(client: Client) -> None:
    client.create("/a", acl=[zc.zk.world_permission(Permissions.WRITE)])

    with pytest.raises(zc.zk.NoAuthError):
        client.get("/a")
    with pytest.raises(zc.zk.NoAuthError):
        client.get_children("/a")


def test_setting_gives_the_new_status(client: Client) -> None:
    client.create("/a")

    assert client.set("/a", b"1").version == 1
    assert client.set_async("/a", b"2", 1).get().version == 2
    assert client.get("/a") == (b"2", client.exists("/a"))


def test_setting_with_another_version_is_an_error_and_changes_nothing(client: Client) -> None:
    client.create("/a", b"old")

    with pytest.raises(zc.zk.BadVersionError):
        client.set("/a", b"new", 7)

    assert client.get("/a")[0] == b"old"


def test_setting_a_missing_node_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.set("/a", b"")


def test_setting_without_the_permission_is_an_error(client: Client) -> None:
    client.create("/a", acl=READ_ACL_UNSAFE)

    with pytest.raises(zc.zk.NoAuthError):
        client.set("/a", b"")


def test_data_of_nearly_a_mebibyte_are_stored(client: Client) -> None:
    data = b"x" * (TOO_LARGE - 2000)

    client.create("/a", data)

    assert client.get("/a")[0] == data


def test_data_beyond_a_mebibyte_are_refused_here_and_the_connection_lives(client: Client) -> None:
    session = client.client_id
    client.create("/a")

    with pytest.raises(zc.zk.RequestTooLargeError, match="/a"):
        client.set("/a", b"x" * TOO_LARGE)
    with pytest.raises(zc.zk.RequestTooLargeError):
        client.create_async("/b", b"x" * TOO_LARGE)

    assert client.get("/a")[0] == b""
    assert client.client_id == session


# --- children


def test_children_are_given_by_name(client: Client) -> None:
    client.create("/a/b", makepath=True)
    client.create("/a/c")

    assert sorted(client.get_children("/a")) == ["b", "c"]
    assert sorted(client.get_children_async("/a").get()) == ["b", "c"]
    assert client.get_children("/a/b") == []


def test_children_with_the_status_asked_for_come_with_it(client: Client) -> None:
    client.create("/a/b", makepath=True)

    expected = (["b"], client.exists("/a"))
    assert client.get_children("/a", include_data=True) == expected
    assert client.get_children_async("/a", include_data=True).get() == expected


def test_children_of_a_missing_node_are_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.get_children("/a")
    with pytest.raises(zc.zk.NoNodeError):
        client.get_children("/a", include_data=True)


# --- ACLs, identities, sync


def test_an_acl_is_given_with_the_status_and_replaced(client: Client) -> None:
    client.create("/a")

    stat = client.set_acls("/a", READ_ACL_UNSAFE)

    assert stat.acl_version == 1
    assert client.get_acls("/a") == (READ_ACL_UNSAFE, stat)
    assert client.get_acls_async("/a").get() == (READ_ACL_UNSAFE, stat)


def test_an_acl_is_replaced_only_at_the_version_given(client: Client) -> None:
    client.create("/a")

    assert client.set_acls_async("/a", OPEN_ACL_UNSAFE, 0).get().acl_version == 1
    with pytest.raises(zc.zk.BadVersionError):
        client.set_acls("/a", OPEN_ACL_UNSAFE, 0)


def test_the_acl_of_a_missing_node_is_an_error(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.get_acls("/a")
    with pytest.raises(zc.zk.NoNodeError):
        client.set_acls("/a", OPEN_ACL_UNSAFE)


def test_an_acl_may_not_be_replaced_without_the_permission_or_by_one_that_names_nobody(
    client: Client,
) -> None:
    client.create("/a", acl=READ_ACL_UNSAFE)
    client.create("/b")

    with pytest.raises(zc.zk.NoAuthError):
        client.set_acls("/a", OPEN_ACL_UNSAFE)
    with pytest.raises(zc.zk.InvalidACLError):
        client.set_acls("/b", [])


def test_an_identity_that_was_shown_gives_its_permissions(client: Client, other: Client) -> None:
    assert client.add_auth("digest", "user:password")
    other.add_auth_async("digest", b"another:password").get()

    client.create("/a", b"secret", CREATOR_ALL_ACL)

    expected = zc.zk.make_digest_acl_credential("user", "password")
    assert client.get("/a")[0] == b"secret"
    assert client.get_acls("/a")[0] == [ACL(31, Id("digest", expected))]
    with pytest.raises(zc.zk.NoAuthError):
        other.get("/a")


def test_an_identity_of_the_constructor_is_shown_before_anything_is_asked(
    server: AnyServer, chroot: str
) -> None:
    auth_data = [("digest", "user:password")]

    with Client(server.address + chroot, auth_data=auth_data) as client:
        client.create("/a", acl=CREATOR_ALL_ACL)

        assert client.get("/a")[0] == b""


def test_an_identity_that_is_refused_ends_the_client(server: AnyServer) -> None:
    states: list[str] = []
    client = Client(server.address)
    client.start()
    client.add_listener(states.append)

    with pytest.raises(zc.zk.AuthFailedError):
        client.add_auth("nosuch", b"credential")

    wait_until(lambda: client.client_state == "AUTH_FAILED", SOON)
    wait_until(lambda: states == ["LOST"], SOON)
    with pytest.raises(zc.zk.AuthFailedError):
        client.get("/")
    client.stop()


def test_starting_with_an_identity_that_is_refused_fails(server: AnyServer) -> None:
    client = Client(server.address, auth_data=[("nosuch", b"credential")])

    with pytest.raises(zc.zk.AuthFailedError):
        client.start(stretched(SOON))

    assert not client.connected


@pytest.mark.parametrize("credential", ["no colon", b"no colon"])
def test_a_digest_credential_without_a_colon_is_a_value_error_that_hides_it(
    client: Client, credential: str | bytes
) -> None:
    with pytest.raises(ValueError, match="user:password") as failed:
        client.add_auth("digest", credential)

    assert "no colon" not in str(failed.value)


def test_syncing_gives_the_path(client: Client) -> None:
    client.create("/a")

    assert client.sync("/a") == "/a"
    assert client.sync_async("/").get() == "/"


# --- many at once


@pytest.mark.slow
def test_many_calls_are_in_flight_and_are_answered_in_order(client: Client) -> None:
    client.create("/a")

    results = [client.set_async("/a", b"%d" % count) for count in range(1000)]
    reads = [client.get_async("/a") for _ in range(1000)]

    assert [result.get().version for result in results] == list(range(1, 1001))
    assert {read.get()[0] for read in reads} == {b"999"}


def test_errors_among_many_calls_are_told_to_the_calls_that_they_concern(client: Client) -> None:
    client.create("/a")

    results = [client.get_async("/a" if count % 2 else "/missing") for count in range(100)]

    outcomes = [result.wait(stretched(SOON)) and result.successful() for result in results]
    assert outcomes == [bool(count % 2) for count in range(100)]
