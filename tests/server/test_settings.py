"""What can be chosen about a server."""

import pytest

from zc.zk.server.settings import Settings


@pytest.mark.parametrize(("wanted", "negotiated"), [(0, 400), (401, 401), (10**9, 60_000)])
def test_a_session_lives_two_ticks_to_a_minute_unless_told_otherwise(
    wanted: int, negotiated: int
) -> None:
    assert Settings(tick_time=0.2).negotiated_timeout(wanted) == negotiated


@pytest.mark.parametrize(("wanted", "negotiated"), [(0, 50), (5000, 5000), (10**9, 7000)])
def test_the_bounds_of_a_session_can_be_told(wanted: int, negotiated: int) -> None:
    settings = Settings(min_session_timeout=0.05, max_session_timeout=7.0)

    assert settings.negotiated_timeout(wanted) == negotiated


@pytest.mark.parametrize(("version", "is_late"), [((3, 8), False), ((3, 9), True)])
def test_what_came_with_3_9_is_shown_from_3_9(version: tuple[int, int], is_late: bool) -> None:
    settings = Settings(version=version)

    assert settings.shows_event_zxids is is_late
    assert settings.exists_needs_read is is_late
    assert settings.knows_ipv6_acls is is_late
    assert settings.answers_create2_in_full is is_late
    assert settings.counts_unreadable_writes is not is_late
    assert settings.keeps_ways_of_watching_apart is is_late
    assert settings.checks_only_own_watches is is_late


def test_what_goes_by_itself_goes_as_with_apache_but_ttl_nodes_need_no_leave() -> None:
    settings = Settings()

    assert (settings.sweep_interval, settings.never_used_interval) == (60.0, 0.0)
    assert settings.extended_types
