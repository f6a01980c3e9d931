"""K81 on servers: the helpers of the documented module `security`."""

import pytest

from tests.servers import AnyServer
from zc.zk import (
    ANYONE_ID_UNSAFE,
    CREATOR_ALL_ACL,
    Client,
    InvalidACLError,
    NoAuthError,
    Permissions,
    make_acl,
    make_digest_acl,
    make_digest_acl_credential,
    make_sasl_acl,
)


def test_k81_a_digest_acl_lets_in_who_shows_the_password(server: AnyServer, chroot: str) -> None:
    acl = [make_digest_acl("bob", "pw", all=True), make_acl(*ANYONE_ID_UNSAFE, read=True)]
    address = server.address + chroot

    with Client(address) as stranger, Client(address, auth_data=[("digest", "bob:pw")]) as bob:
        bob.create("/a", b"1", acl)

        assert stranger.get("/a")[0] == b"1"
        with pytest.raises(NoAuthError):
            stranger.set("/a", b"2")
        assert bob.set("/a", b"3").version == 1
        assert bob.get_acls("/a")[0] == acl


@pytest.mark.parametrize("permission", ["read", "write", "create", "delete", "admin"])
def test_k81_each_permission_is_the_servers(
    server: AnyServer, chroot: str, permission: str
) -> None:
    acl = [make_acl("world", "anyone", **{permission: True})]

    with Client(server.address + chroot, auth_data=[("digest", "super:x")]) as client:
        client.create("/a", b"", [*acl, make_digest_acl("super", "x", all=True)])
        entries = client.get_acls("/a")[0]

    assert entries[0] == acl[0]
    assert entries[0].perms == getattr(Permissions, permission.upper())


def test_k81_an_identity_is_what_the_creator_becomes(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot, auth_data=[("digest", "bob:pw")]) as bob:
        bob.create("/a", b"", CREATOR_ALL_ACL)
        entries = bob.get_acls("/a")[0]

    assert entries == [make_acl("digest", make_digest_acl_credential("bob", "pw"), all=True)]


def test_k81_an_address_can_be_let_in(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot) as client:
        client.create("/in", b"1", [make_acl("ip", "127.0.0.0/8", read=True)])
        client.create("/out", b"1", [make_acl("ip", "192.0.2.0/24", read=True)])

        assert client.get("/in")[0] == b"1"
        with pytest.raises(NoAuthError):
            client.get("/out")


def test_k81_a_scheme_that_the_server_does_not_have_is_refused(
    server: AnyServer, chroot: str
) -> None:
    with Client(server.address + chroot) as client, pytest.raises(InvalidACLError):
        client.create("/a", b"", [make_sasl_acl("bob", all=True)])
