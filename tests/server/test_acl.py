"""Identities, ACLs as they are stored, and the check (protocol.md, 13.1 and 13.2)."""

import pytest

from zc.zk.errors import AuthFailedError, InvalidACLError
from zc.zk.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, Id, Permissions
from zc.zk.server.acl import (
    BUILT_IN,
    OPEN,
    SUPER,
    address_identity,
    allows,
    identities_for,
    masked,
    settled,
)

BOB = Id("digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=")
EVE = Id("digest", "eve:hash")
HERE = Id("ip", "127.0.0.1")
READ = Permissions.READ


# The check


def test_the_open_acl_allows_everybody_everything() -> None:
    assert all(allows(OPEN, 1 << bit, ()) for bit in range(5))


def test_an_entry_grants_its_own_bits_only() -> None:
    acl = (ACL(Permissions.WRITE, Id("world", "anyone")),)

    assert allows(acl, Permissions.WRITE, ())
    assert not allows(acl, READ, ())


def test_one_of_several_wanted_bits_is_enough() -> None:
    acl = (ACL(Permissions.ADMIN, Id("world", "anyone")),)

    assert allows(acl, READ | Permissions.ADMIN, ())


def test_entries_are_alternatives() -> None:
    acl = (ACL(READ, EVE), ACL(READ, BOB))

    assert allows(acl, READ, (HERE, BOB))
    assert not allows(acl, READ, (HERE,))


def test_a_digest_identity_must_be_equal() -> None:
    assert not allows((ACL(31, BOB),), READ, (Id("digest", "bob:other"),))


@pytest.mark.parametrize(
    ("expression", "address", "granted"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.0/8", "127.9.9.9", True),
        ("127.0.0.0/31", "127.0.0.2", False),
        ("10.0.0.0/0", "127.0.0.1", True),
        ("127.0.0.1/32", "127.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("fe80::/10", "fe80:0:0:0:0:0:0:9", True),
        ("fe80::/10", "2001:0:0:0:0:0:0:9", False),
        ("0.0.0.0/0", "0:0:0:0:0:0:0:1", False),
        ("127.0.0.1", "somewhere", False),
    ],
)
def test_an_address_matches_within_its_range(expression: str, address: str, granted: bool) -> None:
    acl = (ACL(31, Id("ip", expression)),)

    assert allows(acl, READ, (Id("ip", address),)) is granted


def test_a_scheme_that_nobody_can_prove_grants_nothing() -> None:
    assert not allows((ACL(31, Id("none", "bob")),), READ, (Id("none", "bob"),))


def test_a_user_who_logged_in_matches_by_name() -> None:
    acl = (ACL(READ, Id("sasl", "bob")),)

    assert allows(acl, READ, (HERE, Id("sasl", "bob")))
    assert not allows(acl, READ, (Id("sasl", "eve"), Id("digest", "bob")))


def test_a_user_called_super_matches_every_user_but_no_other_scheme() -> None:
    named_super = (HERE, Id("sasl", "super"))

    assert allows((ACL(READ, Id("sasl", "bob")),), READ, named_super)
    assert not allows((ACL(READ, BOB),), READ, named_super)


def test_super_is_allowed_everything() -> None:
    assert allows((ACL(0, BOB),), Permissions.ADMIN, (SUPER,))


# What is stored


def test_repetitions_are_dropped_and_the_order_is_kept() -> None:
    world, bob = OPEN_ACL_UNSAFE[0], ACL(1, BOB)

    assert settled((bob, world, bob), ()) == (bob, world)


def test_auth_becomes_the_authenticated_identities() -> None:
    acl = settled(CREATOR_ALL_ACL, (HERE, SUPER, BOB, EVE))

    assert acl == (ACL(31, BOB), ACL(31, EVE))


@pytest.mark.parametrize("identities", [(), (HERE,), (SUPER,)])
def test_auth_without_an_authenticated_identity_is_invalid(identities: tuple[Id, ...]) -> None:
    with pytest.raises(InvalidACLError):
        settled(CREATOR_ALL_ACL, identities)


@pytest.mark.parametrize(
    "name",
    [
        Id("world", "someone"),
        Id("super", ""),
        Id("sasl", "x"),
        Id("", ""),
        Id("digest", ""),
        Id("digest", "a"),
        Id("digest", "a:"),
        Id("digest", "a:b:c"),
        Id("ip", ""),
        Id("ip", "127.0.0"),
        Id("ip", "127.0.0.256"),
        Id("ip", "127.0.0.1/33"),
        Id("ip", "127.0.0.1/"),
        Id("ip", "127.0.0.1/x"),
        Id("ip", "::1/129"),
        Id("ip", "::x"),
    ],
)
def test_an_id_that_its_scheme_does_not_know_is_invalid(name: Id) -> None:
    with pytest.raises(InvalidACLError):
        settled((ACL(31, name), *OPEN), ())


@pytest.mark.parametrize(
    "name",
    [
        Id("digest", ":a"),
        Id("digest", "a:b:"),
        Id("ip", "127.0.0.1/+8"),
        Id("ip", "127.0.0.01"),
        Id("ip", "::1"),
        Id("ip", "fe80::/10"),
    ],
)
def test_an_id_that_its_scheme_knows_is_stored_as_it_is(name: Id) -> None:
    assert settled((ACL(31, name),), ()) == (ACL(31, name),)


@pytest.mark.parametrize(
    "name", ["bob", "", "bob/host", "a/b/c", "bob@REALM", "bob/host@REALM", "@"]
)
def test_a_principal_is_known_where_there_is_sasl(name: str) -> None:
    acl = (ACL(31, Id("sasl", name)),)

    assert settled(acl, (), schemes=BUILT_IN | {"sasl"}) == acl
    with pytest.raises(InvalidACLError):
        settled(acl, ())


@pytest.mark.parametrize("name", ["a@b@c", "a/b/c@d", "a@b/c"])
def test_what_is_no_principal_is_invalid(name: str) -> None:
    with pytest.raises(InvalidACLError):
        settled((ACL(31, Id("sasl", name)),), (), schemes=BUILT_IN | {"sasl"})


def test_before_3_9_an_ipv6_address_is_invalid() -> None:
    with pytest.raises(InvalidACLError):
        settled((ACL(31, Id("ip", "::1")),), (), ipv6=False)


def test_an_empty_list_is_invalid() -> None:
    with pytest.raises(InvalidACLError):
        settled((), (BOB,))


def test_odd_permissions_are_stored_as_they_are() -> None:
    acl = (ACL(255, BOB), ACL(0, EVE))

    assert settled(acl, ()) == acl


def test_the_open_acl_is_stored_once() -> None:
    assert settled(list(OPEN_ACL_UNSAFE), ()) is OPEN


def test_those_who_may_not_change_a_list_see_no_hashes() -> None:
    acl = (ACL(1, BOB), ACL(2, HERE))

    assert masked(acl) == [ACL(1, Id("digest", "bob:x")), ACL(2, HERE)]


# Identities


def test_a_digest_credential_becomes_name_and_hash() -> None:
    assert identities_for("digest", b"bob:pw", None) == [BOB]


def test_a_credential_without_a_password_is_hashed_whole() -> None:
    (identity,) = identities_for("digest", b"bob", None)

    assert identity.id == "bob:SBgazSKz7a68ikR4aKfffOYpkgo="


def test_a_password_may_hold_colons_and_odd_bytes() -> None:
    (identity,) = identities_for("digest", b"bob:p:w\xff", None)

    assert identity.id.startswith("bob:")


def test_the_super_digest_adds_super() -> None:
    assert identities_for("digest", b"bob:pw", BOB.id) == [SUPER, BOB]


def test_asking_for_ip_adds_nothing() -> None:
    assert identities_for("ip", b"", None) == []


@pytest.mark.parametrize("scheme", ["world", "sasl", "auth", "super", "", "none"])
def test_other_schemes_fail(scheme: str) -> None:
    with pytest.raises(AuthFailedError):
        identities_for(scheme, b"x:y", None)


def test_a_null_credential_fails() -> None:
    with pytest.raises(AuthFailedError):
        identities_for("digest", None, None)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("fe80::1%eth0", "fe80:0:0:0:0:0:0:1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("a socket", "a socket"),
    ],
)
def test_a_connection_is_known_by_its_address_as_java_writes_it(address: str, name: str) -> None:
    assert address_identity(address) == Id("ip", name)
