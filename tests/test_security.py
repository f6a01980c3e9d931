import pytest

from zc.zk.errors import ArgumentTypeError
from zc.zk.security import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
    checked_acl,
    make_digest_acl_credential,
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
