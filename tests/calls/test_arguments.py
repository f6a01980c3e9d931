"""Arguments that cannot be: refused in the caller, before anything is sent."""

from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from zc.zk import (
    OPEN_ACL_UNSAFE,
    Client,
)


def calls_with_a_path(client: Client) -> list[Callable[[Any], object]]:
    return [
        client.create,
        client.create_async,
        client.ensure_path,
        client.ensure_path_async,
        lambda path: client.create_async(path, makepath=True),
        client.delete,
        client.delete_async,
        lambda path: client.delete(path, recursive=True),
        lambda path: client.delete_async(path, recursive=True),
        client.get_all_children_number,
        client.get_all_children_number_async,
        client.exists,
        client.exists_async,
        client.get,
        client.get_async,
        client.get_children,
        client.get_children_async,
        lambda path: client.set(path, b""),
        lambda path: client.set_async(path, b""),
        client.get_acls,
        client.get_acls_async,
        lambda path: client.set_acls(path, OPEN_ACL_UNSAFE),
        lambda path: client.set_acls_async(path, OPEN_ACL_UNSAFE),
        client.sync,
        client.sync_async,
        client.DataWatch,
        client.ChildrenWatch,
    ]


@pytest.mark.parametrize("path", [None, 5, b"/a", ["/a"]])
def test_a_path_that_is_no_string_is_a_type_error(client: Client, path: Any) -> None:
    for call in calls_with_a_path(client):
        with pytest.raises(TypeError, match="path") as failed:
            call(path)
        assert isinstance(failed.value, zc.zk.ZooKeeperError)


@pytest.mark.parametrize(
    "path",
    ["", "a", "/a/", "//", "/a//b", "/.", "/a/../b", "/\0", "/\x1f", "/\ue000", "/\U0001f600"],
)
def test_a_path_that_cannot_be_is_a_value_error(client: Client, path: str) -> None:
    for call in calls_with_a_path(client):
        with pytest.raises(ValueError, match="path") as failed:
            call(path)
        assert isinstance(failed.value, zc.zk.ZooKeeperError)


@pytest.mark.parametrize("value", ["text", 5, ["x"]])
def test_data_that_are_not_bytes_are_a_type_error(client: Client, value: Any) -> None:
    for call in (client.create, client.create_async, client.set, client.set_async):
        with pytest.raises(TypeError, match="bytes"):
            call("/a", value)


@pytest.mark.parametrize("acl", ["world", 5, [("world", "anyone")], {"a": 1}, [None]])
def test_an_acl_of_another_type_is_a_type_error(client: Client, acl: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.create("/a", acl=acl),
        lambda: client.create_async("/a", acl=acl),
        lambda: client.ensure_path("/a", acl),
        lambda: client.ensure_path_async("/a", acl),
        lambda: client.set_acls("/a", acl),
        lambda: client.set_acls_async("/a", acl),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="ACL"):
            call()


@pytest.mark.parametrize("version", ["1", 1.5, None, True])
def test_a_version_that_is_no_integer_is_a_type_error(client: Client, version: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.delete("/a", version),
        lambda: client.set("/a", b"", version),
        lambda: client.set_acls("/a", OPEN_ACL_UNSAFE, version),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="version"):
            call()


@pytest.mark.parametrize("version", [2**31, -(2**31) - 1])
def test_a_version_beyond_32_bits_is_a_value_error(client: Client, version: int) -> None:
    with pytest.raises(ValueError, match="version"):
        client.delete("/a", version)
    with pytest.raises(ValueError, match="version"):
        client.set_async("/a", b"", version)


def test_a_watch_that_cannot_be_called_is_a_type_error(client: Client) -> None:
    watch: Any = 5

    for call in (client.exists, client.get, client.get_children, client.get_async):
        with pytest.raises(TypeError, match="watch"):
            call("/", watch)


@pytest.mark.parametrize("credential", [None, 5, ["user:password"]])
def test_a_credential_of_another_type_is_a_type_error(client: Client, credential: Any) -> None:
    scheme: Any = 5

    with pytest.raises(TypeError, match="credential"):
        client.add_auth("digest", credential)
    with pytest.raises(TypeError, match="scheme"):
        client.add_auth(scheme, "user:password")
