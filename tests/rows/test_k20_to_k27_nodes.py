"""K20 to K27: creating, reading, changing and deleting nodes, on real servers."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import (
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Client,
    Stat,
    WatchedEvent,
    make_digest_acl,
)

SOON = 20.0
NO_PATHS: list[tuple[Any, type[Exception]]] = [
    (None, TypeError),
    (5, TypeError),
    (b"/a", TypeError),
    ("", ValueError),
    ("a", ValueError),
    ("/a/", ValueError),
    ("/a//b", ValueError),
    ("/a/../b", ValueError),
    ("/a\0b", ValueError),
]
no_path = pytest.mark.parametrize(("path", "kind"), NO_PATHS)


def stat_of(client: Client, path: str) -> Stat:
    stat = client.exists(path)
    assert stat is not None
    return stat


def parameters(name: str) -> dict[str, Any]:
    return {
        each.name: each.default
        for each in inspect.signature(getattr(Client, name)).parameters.values()
    }


# --- K20


def test_k20_create_has_the_documented_parameters_in_their_order() -> None:
    documented = {
        "self": inspect.Parameter.empty,
        "path": inspect.Parameter.empty,
        "value": b"",
        "acl": None,
        "ephemeral": False,
        "sequence": False,
        "makepath": False,
        "include_data": False,
    }

    assert list(parameters("create").items())[: len(documented)] == list(documented.items())


def test_k20_creating_gives_the_real_path(client: Client) -> None:
    assert client.create("/a") == "/a"
    assert client.create("/a/b", b"value") == "/a/b"
    assert client.create("/a/n-", sequence=True) == "/a/n-0000000001"

    assert client.get("/a")[0] == b""
    assert client.get("/a/b")[0] == b"value"


def test_k20_positions_are_value_acl_ephemeral_sequence_makepath_include_data(
    client: Client,
) -> None:
    path, stat = client.create("/a/b-", b"value", None, False, True, True, include_data=True)
    ephemeral = client.create("/c", b"value", OPEN_ACL_UNSAFE, True)

    assert (path, stat) == ("/a/b-0000000000", client.exists(path))
    assert client.client_id is not None
    assert stat_of(client, ephemeral).owner_session_id == client.client_id[0]


def test_k20_the_acl_given_is_that_of_the_node(client: Client) -> None:
    client.add_auth("digest", "bob:pw")
    mine = [make_digest_acl("bob", "pw", all=True)]

    client.create("/a", acl=mine)
    client.create("/b", acl=CREATOR_ALL_ACL)
    client.create("/c")

    assert client.get_acls("/a")[0] == client.get_acls("/b")[0] == mine
    assert client.get_acls("/c")[0] == OPEN_ACL_UNSAFE


def test_k20_an_ephemeral_node_goes_with_the_session(client: Client, other: Client) -> None:
    client.create("/a", ephemeral=True)
    client.create("/b-", ephemeral=True, sequence=True)
    assert sorted(other.get_children("/")) == ["a", "b-0000000001"]

    client.stop()

    assert other.get_children("/") == []


def test_k20_makepath_creates_what_is_missing_above(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.create("/a/b/c", b"value")

    assert client.create("/a/b/c", b"value", makepath=True) == "/a/b/c"

    assert [client.get(path)[0] for path in ("/a", "/a/b", "/a/b/c")] == [b"", b"", b"value"]


@pytest.mark.parametrize("kind", [{}, {"ephemeral": True}, {"sequence": True}, {"makepath": True}])
def test_k20_with_include_data_the_status_comes_along(client: Client, kind: dict[str, Any]) -> None:
    create: Any = client.create

    path, stat = create("/a", b"value", include_data=True, **kind)
    same = client.create_async("/b", b"value", include_data=True, **kind).get(SOON)

    assert stat == client.exists(path)
    assert same == (same[0], client.exists(same[0]))


def test_k20_the_errors_are_the_servers(client: Client) -> None:
    client.create("/a")
    client.create("/ephemeral", ephemeral=True)
    client.create("/closed", acl=READ_ACL_UNSAFE)
    calls: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (zc.zk.NodeExistsError, "/a", {}),
        (zc.zk.NoNodeError, "/missing/a", {}),
        (zc.zk.NoChildrenForEphemeralsError, "/ephemeral/a", {}),
        (zc.zk.NoAuthError, "/closed/a", {}),
        (zc.zk.InvalidACLError, "/b", {"acl": []}),
        (zc.zk.NodeExistsError, "/a", {"makepath": True}),
    ]

    for kind, path, options in calls:
        for create in (client.create, lambda *a, **k: client.create_async(*a, **k).get(SOON)):
            with pytest.raises(kind):
                create(path, **options)


@no_path
def test_k20_what_is_no_path_is_refused(client: Client, path: Any, kind: type[Exception]) -> None:
    for create in (client.create, client.create_async):
        with pytest.raises(kind):
            create(path)


@pytest.mark.parametrize("value", ["text", 5, ["list"], {}])
def test_k20_a_value_that_is_no_bytes_is_a_type_error(client: Client, value: Any) -> None:
    for create in (client.create, client.create_async):
        with pytest.raises(TypeError, match="node data must be bytes"):
            create("/a", value)


def test_k20_no_value_is_no_data(client: Client) -> None:
    client.create("/a", None)

    assert client.get("/a")[0] == b""


@pytest.mark.parametrize("acl", [5, "world", [5], [(31, "world", "anyone")]])
def test_k20_an_acl_of_another_type_is_a_type_error(client: Client, acl: Any) -> None:
    for create in (client.create, client.create_async):
        with pytest.raises(TypeError, match="an ACL must be"):
            create("/a", acl=acl)


def test_k20_a_single_entry_stands_for_a_list_of_one(client: Client) -> None:
    """kazoo refuses it with a TypeError."""
    client.create("/a", acl=READ_ACL_UNSAFE[0])  # type: ignore[arg-type]  # what is tested

    assert client.get_acls("/a")[0] == READ_ACL_UNSAFE


# --- K21


def test_k21_a_path_is_ensured_with_all_that_is_above_and_no_data(client: Client) -> None:
    assert client.ensure_path("/a/b/c") is True
    assert client.ensure_path("/a/b/c") is True
    client.set("/a/b", b"kept")
    assert client.ensure_path("/a/b") is True

    assert [client.get(path)[0] for path in ("/a", "/a/b", "/a/b/c")] == [b"", b"kept", b""]


def test_k21_the_acl_is_that_of_what_was_missing(client: Client) -> None:
    mine = [make_digest_acl("bob", "pw", all=True)]
    client.add_auth("digest", "bob:pw")
    client.create("/a")

    client.ensure_path("/a/b/c", mine)

    acls = [client.get_acls(path)[0] for path in ("/a", "/a/b", "/a/b/c")]
    assert acls == [OPEN_ACL_UNSAFE, mine, mine]


def test_k21_the_root_is_the_chroot(server: AnyServer, chroot: str) -> None:
    """In kazoo a chroot of which several nodes are missing has to be made by a client without one."""
    with Client(f"{server.address}{chroot}/x/y") as client:
        client.ensure_path("/")

        assert client.get_children("/") == []
    with Client(f"{server.address}{chroot}/z/y") as client:
        assert client.ensure_path_async("/a/b").get(SOON) is True
        assert client.get_children("/a") == ["b"]


def test_k20_makepath_creates_a_missing_chroot_too(server: AnyServer, chroot: str) -> None:
    with Client(f"{server.address}{chroot}/x/y") as client:
        assert client.create("/a", makepath=True) == "/a"
    with Client(f"{server.address}{chroot}/z/y") as client:
        assert client.create_async("/a/b", makepath=True).get(SOON) == "/a/b"
    with Client(server.address + chroot) as client:
        assert client.get_all_children_number("/") == 7


@no_path
def test_k21_what_is_no_path_is_refused(client: Client, path: Any, kind: type[Exception]) -> None:
    for ensure in (client.ensure_path, client.ensure_path_async):
        with pytest.raises(kind):
            ensure(path)


def test_k21_without_the_permission_nothing_is_created(client: Client) -> None:
    client.create("/closed", acl=READ_ACL_UNSAFE)

    for ensure in (client.ensure_path, lambda path: client.ensure_path_async(path).get(SOON)):
        with pytest.raises(zc.zk.NoAuthError):
            ensure("/closed/a/b")


# --- K22


def test_k22_a_node_that_exists_has_a_status_and_another_none(client: Client) -> None:
    client.create("/a", b"value")

    stat = client.exists("/a")

    assert isinstance(stat, Stat)
    assert (stat.version, stat.data_length) == (0, 5)
    assert client.exists("/missing") is None
    assert client.exists_async("/a").get(SOON) == stat
    assert client.exists_async("/missing").get(SOON) is None


# --- K22, K23, K24: the argument `watch`

READS: list[tuple[str, str]] = [
    ("exists", "CHANGED"),
    ("get", "CHANGED"),
    ("get_children", "CHILD"),
]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("read", "change"),
    [
        pytest.param(*READS[0], id="k22"),
        pytest.param(*READS[1], id="k23"),
        pytest.param(*READS[2], id="k24"),
    ],
)
def test_k22_k23_k24_the_watch_of_a_read_is_called_with_the_first_change(
    client: Client, other: Client, read: str, change: str, is_async: bool
) -> None:
    events: list[WatchedEvent] = []
    client.create("/a")
    if is_async:
        getattr(client, f"{read}_async")("/a", watch=events.append).get(SOON)
    else:
        getattr(client, read)("/a", watch=events.append)

    for number in range(2):
        other.set("/a", b"%d" % number)
        other.create(f"/a/{number}")

    wait_until(lambda: events, SOON)
    client.sync("/a")
    assert [(event.type, event.path) for event in events] == [(change, "/a")]


@pytest.mark.parametrize("read", ["exists", "get", "get_children"])
def test_k22_k23_k24_what_is_no_path_or_no_watch_is_refused(client: Client, read: str) -> None:
    for call in (getattr(client, read), getattr(client, f"{read}_async")):
        for path, kind in NO_PATHS:
            with pytest.raises(kind):
                call(path)
        with pytest.raises(TypeError, match="a watch must be callable"):
            call("/", watch=5)


def test_k22_the_creation_of_a_missing_node_can_be_watched(client: Client, other: Client) -> None:
    events: list[WatchedEvent] = []
    assert client.exists("/a", watch=events.append) is None

    other.create("/a")

    wait_until(lambda: [event.type for event in events] == ["CREATED"], SOON)


# --- K23


def test_k23_getting_gives_bytes_and_status(client: Client) -> None:
    _, created = client.create("/a", b"\0\xffvalue", include_data=True)

    data, stat = client.get("/a")

    assert (data, stat) == (b"\0\xffvalue", created)
    assert type(data) is bytes
    assert client.get_async("/a").get(SOON) == (data, stat)


def test_k23_getting_what_is_missing_or_closed_is_an_error(client: Client) -> None:
    client.create("/closed", acl=[make_digest_acl("bob", "pw", all=True)])

    for get in (client.get, lambda path: client.get_async(path).get(SOON)):
        with pytest.raises(zc.zk.NoNodeError) as missing:
            get("/missing")
        with pytest.raises(zc.zk.NoAuthError):
            get("/closed")
        assert missing.value.path == "/missing"


# --- K24


def test_k24_children_are_a_list_of_names_and_with_include_data_a_status_too(
    client: Client,
) -> None:
    for name in ("b", "c", "a"):
        client.create(f"/a/{name}", makepath=True)

    names = client.get_children("/a")
    again, stat = client.get_children("/a", include_data=True)

    assert type(names) is list
    assert sorted(names) == sorted(again) == ["a", "b", "c"]
    assert stat == client.exists("/a")
    assert sorted(client.get_children_async("/a").get(SOON)) == ["a", "b", "c"]
    assert client.get_children_async("/a", include_data=True).get(SOON)[1] == stat
    assert client.get_children("/a/b") == []


def test_k24_children_of_what_is_missing_or_closed_are_an_error(client: Client) -> None:
    client.create("/closed", acl=[make_digest_acl("bob", "pw", all=True)])

    for include_data in (False, True):
        for path, kind in (("/missing", zc.zk.NoNodeError), ("/closed", zc.zk.NoAuthError)):
            with pytest.raises(kind):
                client.get_children_async(path, include_data=include_data).get(SOON)
    with pytest.raises(zc.zk.NoNodeError):
        client.get_children("/missing")


# --- K25


def test_k25_setting_gives_the_new_status(client: Client) -> None:
    client.create("/a", b"old")

    stat = client.set("/a", b"new")

    assert client.get("/a") == (b"new", stat)
    assert stat.version == 1
    assert client.set_async("/a", b"newer", 1).get(SOON).version == 2


@pytest.mark.parametrize("wrong", [0, 2, 99])
def test_k25_another_version_is_an_error_and_changes_nothing(client: Client, wrong: int) -> None:
    client.create("/a")
    client.set("/a", b"1", version=0)

    for write in (client.set, lambda *a: client.set_async(*a).get(SOON)):
        with pytest.raises(zc.zk.BadVersionError):
            write("/a", b"2", wrong)

    assert client.get("/a")[0] == b"1"


def test_k25_the_version_is_any_unless_given(client: Client) -> None:
    assert parameters("set")["version"] == parameters("delete")["version"] == -1
    assert parameters("set_acls")["version"] == -1
    client.create("/a")

    for _ in range(3):
        client.set("/a", b"")

    assert stat_of(client, "/a").version == 3


def test_k25_setting_what_is_missing_or_closed_is_an_error(client: Client) -> None:
    client.create("/closed", acl=READ_ACL_UNSAFE)

    with pytest.raises(zc.zk.NoNodeError):
        client.set("/missing", b"")
    with pytest.raises(zc.zk.NoAuthError):
        client.set("/closed", b"")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("/a", "text"), TypeError),
        (("/a", 5), TypeError),
        (("/a", b"", "1"), TypeError),
        (("/a", b"", None), TypeError),
        (("/a", b"", 1.0), TypeError),
        (("/a", b"", 2**31), ValueError),
        ((5, b""), TypeError),
        (("a", b""), ValueError),
    ],
)
def test_k25_arguments_that_cannot_be_are_refused(
    client: Client, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    for write in (client.set, client.set_async):
        with pytest.raises(kind):
            write(*arguments)


# --- K26


def test_k26_deleting_removes_the_node(client: Client) -> None:
    client.create("/a")
    client.create("/b")

    assert client.delete("/a") is True
    assert client.delete_async("/b", version=0).get(SOON) is True

    assert client.get_children("/") == []


def test_k26_the_errors_are_the_servers(client: Client) -> None:
    client.create("/a/b", makepath=True)
    client.create("/closed", acl=READ_ACL_UNSAFE)
    client.ensure_path("/closed2")
    calls: list[tuple[type[Exception], str, int]] = [
        (zc.zk.NoNodeError, "/missing", -1),
        (zc.zk.NotEmptyError, "/a", -1),
        (zc.zk.BadVersionError, "/a/b", 7),
    ]

    for kind, path, version in calls:
        for delete in (client.delete, lambda *a: client.delete_async(*a).get(SOON)):
            with pytest.raises(kind):
                delete(path, version)


@pytest.mark.parametrize("is_async", [False, True])
def test_k26_recursive_deletes_all_below_and_minds_nothing_that_is_missing(
    client: Client, is_async: bool
) -> None:
    """kazoo's `delete_async` cannot do it."""
    for path in ("/a/b/c", "/a/b/d", "/a/e"):
        client.ensure_path(path)
    delete: Callable[..., bool] = client.delete
    if is_async:
        delete = lambda *a, **k: client.delete_async(*a, **k).get(SOON)  # noqa: E731

    assert delete("/a", recursive=True) is True
    assert delete("/a", recursive=True) is True

    assert client.get_children("/") == []


def test_k26_recursive_stops_where_it_is_not_permitted(client: Client) -> None:
    client.create("/a/closed", acl=OPEN_ACL_UNSAFE, makepath=True)
    client.create("/a/closed/b")
    client.set_acls("/a/closed", READ_ACL_UNSAFE)

    with pytest.raises(zc.zk.NoAuthError):
        client.delete("/a", recursive=True)

    assert client.exists("/a/closed/b") is not None


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((5,), TypeError),
        (("a",), ValueError),
        (("/a", "1"), TypeError),
        (("/a", None), TypeError),
        (("/a", -(2**31) - 1), ValueError),
    ],
)
def test_k26_arguments_that_cannot_be_are_refused(
    client: Client, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    for delete in (client.delete, client.delete_async):
        with pytest.raises(kind):
            delete(*arguments)


def test_k26_the_root_cannot_be_deleted(server: AnyServer) -> None:
    with Client(server.address) as client, pytest.raises(zc.zk.ZooKeeperError):
        client.delete("/")


# --- K27


def test_k27_an_acl_is_read_with_the_status_and_replaced_at_its_version(client: Client) -> None:
    client.add_auth("digest", "bob:pw")
    mine = [make_digest_acl("bob", "pw", all=True), *READ_ACL_UNSAFE]
    client.create("/a")

    acls, stat = client.get_acls("/a")
    assert (acls, stat) == (OPEN_ACL_UNSAFE, client.exists("/a"))
    changed = client.set_acls("/a", mine, version=stat.acl_version)

    assert changed.acl_version == 1
    assert client.get_acls("/a") == (mine, changed)
    assert client.set_acls_async("/a", OPEN_ACL_UNSAFE).get(SOON).acl_version == 2
    assert client.get_acls_async("/a").get(SOON)[0] == OPEN_ACL_UNSAFE


def test_k27_the_errors_are_the_servers(client: Client) -> None:
    client.create("/a")
    client.create("/closed", acl=READ_ACL_UNSAFE)
    calls: list[tuple[type[Exception], tuple[Any, ...]]] = [
        (zc.zk.NoNodeError, ("/missing", OPEN_ACL_UNSAFE)),
        (zc.zk.BadVersionError, ("/a", OPEN_ACL_UNSAFE, 5)),
        (zc.zk.NoAuthError, ("/closed", OPEN_ACL_UNSAFE)),
        (zc.zk.InvalidACLError, ("/a", [])),
        (zc.zk.InvalidACLError, ("/a", CREATOR_ALL_ACL)),
    ]

    for kind, arguments in calls:
        for write in (client.set_acls, lambda *a: client.set_acls_async(*a).get(SOON)):
            with pytest.raises(kind):
                write(*arguments)
    with pytest.raises(zc.zk.NoNodeError):
        client.get_acls("/missing")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((5, OPEN_ACL_UNSAFE), TypeError),
        (("a", OPEN_ACL_UNSAFE), ValueError),
        (("/a", "world"), TypeError),
        (("/a", [5]), TypeError),
        (("/a", OPEN_ACL_UNSAFE, "1"), TypeError),
    ],
)
def test_k27_arguments_that_cannot_be_are_refused(
    client: Client, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    for write in (client.set_acls, client.set_acls_async):
        with pytest.raises(kind):
            write(*arguments)
    for read in (client.get_acls, client.get_acls_async):
        with pytest.raises(TypeError):
            read(5)  # type: ignore[arg-type]  # what is tested
