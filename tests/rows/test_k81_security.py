"""K81: the names of the documented module `security`, on real servers."""

import pytest

import zc.zk
from tests.servers import AnyServer
from zc.zk import Client, security
from zc.zk.security import (
    ACL,
    ANYONE_ID_UNSAFE,
    AUTH_IDS,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
    make_acl,
    make_digest_acl,
    make_digest_acl_credential,
)

NAMES = ("READ", "WRITE", "CREATE", "DELETE", "ADMIN")


def test_k81_an_acl_is_permissions_and_an_id_and_names_what_it_permits(client: Client) -> None:
    entry = ACL(Permissions.READ | Permissions.ADMIN, Id("world", "anyone"))

    client.create("/a", acl=[entry])

    (found,) = client.get_acls("/a")[0]
    assert found == entry
    assert (found.perms, found.id.scheme, found.id.id) == (17, "world", "anyone")
    assert found.acl_list == ["READ", "ADMIN"]
    assert ACL(Permissions.ALL, ANYONE_ID_UNSAFE).acl_list == ["ALL"]
    assert repr(found) == f"ACL(perms=17, acl_list=['READ', 'ADMIN'], id={found.id!r})"


def test_k81_the_permissions_are_the_servers_bits(client: Client) -> None:
    bits = [getattr(Permissions, name) for name in NAMES]
    assert bits == [1, 2, 4, 8, 16]
    assert sum(bits) == Permissions.ALL

    for name, bit in zip(NAMES, bits, strict=True):
        client.create(f"/{name}", acl=[ACL(bit, ANYONE_ID_UNSAFE)])
        client.create(f"/{name}-all", acl=[ACL(31, ANYONE_ID_UNSAFE)])

    client.get("/READ")
    client.set("/WRITE", b"")
    client.create("/CREATE/child")
    client.set_acls("/ADMIN", OPEN_ACL_UNSAFE)
    client.create("/ADMIN/child")
    client.set_acls("/ADMIN", [ACL(Permissions.DELETE, ANYONE_ID_UNSAFE)])
    client.delete("/ADMIN/child")
    for path in ("/WRITE", "/CREATE", "/DELETE"):
        with pytest.raises(zc.zk.NoAuthError):
            client.get(path)
    for path in ("/READ", "/CREATE", "/DELETE"):
        with pytest.raises(zc.zk.NoAuthError):
            client.set(path, b"")
    for path in ("/READ", "/WRITE", "/DELETE"):
        with pytest.raises(zc.zk.NoAuthError):
            client.create(f"{path}/child")


def test_k81_the_constants_are_what_servers_make_of_them(client: Client) -> None:
    assert Id("world", "anyone") == ANYONE_ID_UNSAFE
    assert Id("auth", "") == AUTH_IDS
    assert [ACL(31, ANYONE_ID_UNSAFE)] == OPEN_ACL_UNSAFE
    assert [ACL(1, ANYONE_ID_UNSAFE)] == READ_ACL_UNSAFE
    assert [ACL(31, AUTH_IDS)] == CREATOR_ALL_ACL
    client.add_auth("digest", "bob:pw")

    for name in ("OPEN_ACL_UNSAFE", "READ_ACL_UNSAFE", "CREATOR_ALL_ACL"):
        client.create(f"/{name}", acl=getattr(security, name))

    assert client.get_acls("/OPEN_ACL_UNSAFE")[0] == OPEN_ACL_UNSAFE
    assert client.get_acls("/READ_ACL_UNSAFE")[0] == READ_ACL_UNSAFE
    bob = make_digest_acl_credential("bob", "pw")
    assert client.get_acls("/CREATOR_ALL_ACL")[0] == [ACL(31, Id("digest", bob))]


def test_k81_a_digest_acl_lets_in_who_shows_the_password_and_nobody_else(
    server: AnyServer, chroot: str
) -> None:
    address = server.address + chroot
    acl = [make_digest_acl("bob", "pw", read=True, write=True, admin=True)]

    with Client(address, auth_data=[("digest", "bob:pw")]) as bob, Client(address) as other:
        bob.create("/a", b"1", acl)

        assert bob.set("/a", b"2").version == 1
        assert bob.get_acls("/a")[0] == acl
        with pytest.raises(zc.zk.NoAuthError):
            bob.create("/a/b")
        with pytest.raises(zc.zk.NoAuthError):
            other.get("/a")
        other.add_auth("digest", "bob:wrong")
        with pytest.raises(zc.zk.NoAuthError):
            other.get("/a")


def test_k81_an_acl_is_made_of_scheme_and_credential(client: Client) -> None:
    bob = make_digest_acl_credential("bob", "pw")
    client.add_auth("digest", "bob:pw")

    client.create("/a", acl=[make_acl("digest", bob, all=True)])
    client.create("/b", b"here", [make_acl("ip", "127.0.0.1", read=True)])
    client.create("/c", acl=[make_acl("ip", "10.0.0.0/8", all=True)])

    assert client.get_acls("/a")[0] == [make_digest_acl("bob", "pw", all=True)]
    assert client.get("/b")[0] == b"here"
    with pytest.raises(zc.zk.NoAuthError):
        client.get("/c")


@pytest.mark.parametrize("name", [name.lower() for name in NAMES])
def test_k81_each_flag_of_the_helpers_is_its_permission(client: Client, name: str) -> None:
    bit = getattr(Permissions, name.upper())

    entries = [
        make_acl("world", "anyone", **{name: True}),
        make_digest_acl("bob", "pw", **{name: True}),
    ]
    client.create("/a", acl=[*entries, make_acl("world", "anyone", read=True, admin=True)])

    assert [entry.perms for entry in entries] == [bit, bit]
    assert [entry.perms for entry in client.get_acls("/a")[0]] in ([bit, bit, 17], [bit, 17])


def test_k81_the_credential_is_the_name_and_the_digest_of_both() -> None:
    assert make_digest_acl_credential("super", "admin") == "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="
