from collections.abc import Callable

import pytest

from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.security import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
    checked_acl,
    make_acl,
    make_digest_acl,
    make_digest_acl_credential,
    make_sasl_acl,
    make_x509_acl,
    world_permission,
)

ENTRY = ACL(Permissions.READ, Id("ip", "127.0.0.1"))


def test_everybody_may_read_unless_told_otherwise() -> None:
    assert world_permission() == ACL(1, Id("world", "anyone"))
    assert world_permission(Permissions.WRITE) == ACL(2, Id("world", "anyone"))


def test_the_ready_made_acls_are_zookeepers() -> None:
    ready_made = (OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, CREATOR_ALL_ACL)

    assert ready_made == (
        [ACL(31, Id("world", "anyone"))],
        [ACL(1, Id("world", "anyone"))],
        [ACL(31, Id("auth", ""))],
    )


@pytest.mark.parametrize(
    ("perms", "names"),
    [
        (0, []),
        (1, ["READ"]),
        (6, ["WRITE", "CREATE"]),
        (24, ["DELETE", "ADMIN"]),
        (31, ["ALL"]),
    ],
)
def test_permissions_have_names(perms: int, names: list[str]) -> None:
    assert ACL(perms, Id("world", "anyone")).acl_list == names


def test_an_entry_shows_its_permissions_by_name() -> None:
    assert repr(ENTRY) == "ACL(perms=1, acl_list=['READ'], id=Id(scheme='ip', id='127.0.0.1'))"


def test_a_digest_identity_is_the_one_that_servers_compute() -> None:
    # The example of Apache's documentation for zookeeper.DigestAuthenticationProvider.
    credential = make_digest_acl_credential("super", "admin")

    assert credential == "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="


def test_a_single_entry_stands_for_a_list_of_one() -> None:
    assert checked_acl(ENTRY) == (ENTRY,)


@pytest.mark.parametrize("acl", [[ENTRY, ENTRY], (ENTRY, ENTRY), iter([ENTRY, ENTRY])])
def test_entries_come_in_any_collection(acl: object) -> None:
    assert checked_acl(acl) == (ENTRY, ENTRY)


@pytest.mark.parametrize(
    "acl",
    [
        None,
        5,
        "world",
        b"world",
        {ENTRY: 1},
        [(1, ("world", "anyone"))],
        [(1, Id("world", "anyone"))],
        [ENTRY, None],
        [ACL("1", Id("world", "anyone"))],  # type: ignore[arg-type]  # what is tested
        [ACL(1, Id("world", None))],  # type: ignore[arg-type]  # what is tested
        [ACL(1, ("world", "anyone"))],  # type: ignore[arg-type]  # what is tested
    ],
)
def test_what_is_no_acl_is_a_type_error(acl: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^an ACL must be a list of zc\.zk\.ACL entries"):
        checked_acl(acl)


# K81: the helpers of the documented module `security`


@pytest.mark.parametrize(
    ("names", "perms"),
    [
        ([], 0),
        (["read"], 1),
        (["write"], 2),
        (["create"], 4),
        (["delete"], 8),
        (["admin"], 16),
        (["read", "admin"], 17),
        (["read", "write", "create", "delete", "admin"], 31),
        (["all"], 31),
        (["all", "read"], 31),
    ],
)
def test_k81_permissions_are_named_one_by_one(names: list[str], perms: int) -> None:
    entry = make_acl("ip", "10.0.0.0/8", **dict.fromkeys(names, True))

    assert entry == ACL(perms, Id("ip", "10.0.0.0/8"))


def test_k81_a_digest_entry_is_made_of_name_and_password() -> None:
    entry = make_digest_acl("super", "admin", read=True, write=True)

    assert entry == ACL(3, Id("digest", "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="))


def test_k81_the_flags_have_the_documented_order() -> None:
    assert make_acl("ip", "::1", False, True, False, True).acl_list == ["WRITE", "DELETE"]
    assert make_digest_acl("u", "p", False, False, True, False, True).perms == 20


@pytest.mark.parametrize("make", [make_sasl_acl, make_x509_acl])
def test_k81_other_identities_have_helpers_too(make: Callable[..., ACL]) -> None:
    scheme = make.__name__.split("_")[1]

    assert make("name", all=True) == ACL(31, Id(scheme, "name"))
    assert make("name", create=True) == ACL(4, Id(scheme, "name"))


@pytest.mark.parametrize("name", ["", "bob@A@B"])
def test_k81_what_is_no_sasl_identity_is_an_error(name: str) -> None:
    with pytest.raises(ArgumentError, match=r"^not the name of a SASL identity: "):
        make_sasl_acl(name)


@pytest.mark.parametrize(("scheme", "credential"), [(1, "a"), ("digest", b"a:b"), ("digest", None)])
def test_k81_what_is_no_string_is_a_type_error(scheme: object, credential: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a \w+ must be a string, not \w+$"):
        make_acl(scheme, credential)  # type: ignore[arg-type]  # what is tested
