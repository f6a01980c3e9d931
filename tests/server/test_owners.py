"""The kinds of nodes as Apache's numbers (protocol.md, 6)."""

import pytest

from zc.zk.server.owners import (
    CONTAINER,
    LONGEST_TTL,
    NOBODY,
    is_session,
    is_swept,
    ttl_of,
    ttl_owner,
)

SESSION = 0x0100_039A_CA00_10AB


@pytest.mark.parametrize("ttl", [1, 1000, LONGEST_TTL])
def test_a_ttl_is_read_back_from_the_owner(ttl: int) -> None:
    assert ttl_of(ttl_owner(ttl)) == ttl


def test_the_numbers_are_those_of_the_protocol_sheet() -> None:
    assert CONTAINER.to_bytes(8, signed=True).hex() == "8000000000000000"
    assert ttl_owner(0x12_3456).to_bytes(8, signed=True).hex() == "ff00000000123456"


@pytest.mark.parametrize("ttl", [0, -1, LONGEST_TTL + 1])
def test_other_times_are_none_to_live(ttl: int) -> None:
    with pytest.raises(ValueError, match="no time to live"):
        ttl_owner(ttl)


@pytest.mark.parametrize("owner", [NOBODY, CONTAINER, SESSION])
def test_others_have_no_ttl(owner: int) -> None:
    assert ttl_of(owner) is None


@pytest.mark.parametrize(
    ("owner", "kinds"),
    [
        (NOBODY, (False, False)),
        (SESSION, (True, False)),
        (CONTAINER, (False, True)),
        (ttl_owner(1), (False, True)),
        (ttl_owner(LONGEST_TTL), (False, True)),
    ],
)
def test_each_owner_is_of_one_kind(owner: int, kinds: tuple[bool, bool]) -> None:
    assert (is_session(owner), is_swept(owner)) == kinds
