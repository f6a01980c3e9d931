"""The schedule of attempts, by numbers."""

import random
from collections.abc import Callable

import pytest

from zc.zk.protocol.ensemble import Endpoint, Ensemble
from zc.zk.protocol.race import AT_ONCE, STAGGER, Attempt, Race, Unreachable, interleaved
from zc.zk.protocol.requests import NEVER

A, B, C = Endpoint("10.0.0.1", 1), Endpoint("10.0.0.2", 2), Endpoint("10.0.0.3", 3)
NAME = Endpoint("name.test", 5)
TIMEOUT = 3.0


def addresses(*hosts: str) -> list[Endpoint]:
    return [Endpoint(host, NAME.port) for host in hosts]


def race_of(*servers: Endpoint) -> Race:
    return Race(servers, TIMEOUT, 0.0)


def begin(race: Race, now: float) -> Attempt:
    attempt = race.start(now)
    assert attempt is not None
    return attempt


def begun(race: Race, until: float) -> list[tuple[float, Endpoint | None]]:
    """Give when each attempt begins, of which none is answered."""
    times: list[tuple[float, Endpoint | None]] = []
    now = 0.0
    while now < until:
        while (attempt := race.start(now)) is not None:
            times.append((now, attempt.address))
        now = race.deadline()
    return times


# Silence


def test_the_first_server_is_tried_at_once() -> None:
    assert begin(race_of(A, B), 0.0).address == A


def test_silent_servers_are_joined_by_the_next_a_moment_later() -> None:
    race = race_of(A, B, C)

    assert begun(race, TIMEOUT) == [(0.0, A), (STAGGER, B), (2 * STAGGER, C)]


def test_each_attempt_has_its_own_time() -> None:
    race = race_of(A, B)

    first, second = begin(race, 0.0), begin(race, STAGGER)

    assert (first.until, second.until) == (TIMEOUT, STAGGER + TIMEOUT)
    assert race.deadline() == TIMEOUT


def test_nothing_is_due_when_nobody_runs() -> None:
    race = race_of(A)

    race.failed(begin(race, 0.0), "refused", 0.0)

    assert race.deadline() == NEVER


def test_a_server_whose_time_was_over_is_not_tried_again() -> None:
    race = race_of(A, B)
    first, second = begin(race, 0.0), begin(race, STAGGER)

    race.failed(first, "no answer", first.until)
    race.hold_off(0.1, first.until)

    assert race.start(first.until + 0.1) is None
    race.failed(second, "no answer", second.until)
    assert race.is_over


# Names


def test_a_name_is_resolved_before_its_addresses_are_tried() -> None:
    race = race_of(NAME, A)
    look_up = begin(race, 0.0)

    race.resolved(look_up, addresses("10.1.0.1", "10.1.0.2"), 0.1)

    assert look_up.address is None
    assert begin(race, 0.1).address == Endpoint("10.1.0.1", 5)
    assert race.start(0.2) is None
    assert begin(race, 0.1 + STAGGER).address == Endpoint("10.1.0.2", 5)
    assert begin(race, 0.1 + 2 * STAGGER).address == A


def test_a_name_that_is_not_resolved_holds_up_no_other_server() -> None:
    race = race_of(NAME, A)

    assert begun(race, TIMEOUT) == [(0.0, None), (STAGGER, A)]


def test_a_name_resolved_late_is_tried_at_once() -> None:
    race = race_of(NAME, A, B)
    look_up = begin(race, 0.0)
    begin(race, STAGGER)

    race.resolved(look_up, addresses("10.1.0.1"), 0.3)

    assert begin(race, 0.3).address == Endpoint("10.1.0.1", 5)


@pytest.mark.parametrize(
    ("hosts", "order"),
    [
        ("::1 ::2 10.0.0.1 10.0.0.2", "::1 10.0.0.1 ::2 10.0.0.2"),
        ("10.0.0.1 10.0.0.2 ::1", "10.0.0.1 ::1 10.0.0.2"),
        ("10.0.0.1 10.0.0.1 ::1 ::1", "10.0.0.1 ::1"),
        ("::1 ::2 ::3", "::1 ::2 ::3"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_addresses_of_both_kinds_take_turns(hosts: str, order: str) -> None:
    assert [each.host for each in interleaved(addresses(*hosts.split()))] == order.split()


# Refusal


def test_the_next_address_is_tried_at_once_when_one_refuses() -> None:
    race = race_of(NAME)
    race.resolved(begin(race, 0.0), addresses("::1", "10.0.0.1"), 0.0)

    report = race.failed(begin(race, 0.0), "refused", 0.01)

    assert report is None
    assert begin(race, 0.01).address == Endpoint("10.0.0.1", 5)


def test_after_several_refusals_addresses_are_tried_a_moment_apart() -> None:
    race = race_of(NAME)
    race.resolved(begin(race, 0.0), addresses(*(f"10.0.0.{n}" for n in range(9))), 0.0)
    times, now = [], 0.0

    while not race.is_over:
        while (attempt := race.start(now)) is not None:
            times.append(now)
            race.failed(attempt, "refused", now)
        now = race.deadline()

    assert times == [0.0] * AT_ONCE + [STAGGER * n for n in range(1, 9 - AT_ONCE + 1)]


def test_a_server_with_one_address_is_reported_with_its_reason() -> None:
    race = race_of(A, B)

    assert race.failed(begin(race, 0.0), "refused", 0.0) == Unreachable(A, "refused", 1)


def test_a_server_with_several_is_reported_once_with_the_reason_of_each() -> None:
    race = race_of(NAME)
    race.resolved(begin(race, 0.0), addresses("::1", "10.0.0.1"), 0.0)
    race.failed(begin(race, 0.0), "network unreachable", 0.0)

    report = race.failed(begin(race, 0.0), "refused", 0.0)

    reason = "network unreachable at ::1, refused at 10.0.0.1"
    assert report == Unreachable(NAME, reason, 2)


def test_the_race_is_over_when_a_server_refuses_and_no_other_is_silent() -> None:
    race = race_of(A, B, C)

    race.failed(begin(race, 0.0), "refused", 0.0)

    assert race.is_over


def test_the_next_server_follows_after_the_pause_while_others_are_silent() -> None:
    race = race_of(A, B, C)
    begin(race, 0.0)
    second = begin(race, STAGGER)

    race.failed(second, "refused", STAGGER)
    race.hold_off(0.05, STAGGER)

    assert not race.is_over
    assert race.deadline() == STAGGER + 0.05
    assert begin(race, STAGGER + 0.05).server == C


def test_silence_shortens_a_long_pause() -> None:
    race = race_of(A, B, C)
    begin(race, 0.0)

    race.failed(begin(race, STAGGER), "refused", STAGGER)
    race.hold_off(1.8, STAGGER)

    assert race.deadline() == 2 * STAGGER


def test_servers_that_refused_are_tried_again_while_one_is_silent() -> None:
    race = race_of(A, B)
    begin(race, 0.0)
    tried = []

    now = STAGGER
    for _ in range(3):
        attempt = begin(race, now)
        tried.append(attempt.server)
        race.failed(attempt, "refused", now)
        race.hold_off(0.7, now)
        assert race.start(now + 0.6) is None
        now += 0.7

    assert tried == [B, B, B]


@pytest.mark.parametrize("seed", range(5))
def test_refusals_beside_a_silent_server_are_at_most_40_in_10_seconds(seed: int) -> None:
    chance = random.Random(seed).random
    ensemble = Ensemble((A, B, C), chance)
    race = Race(ensemble.order, 100.0, 0.0)
    silent = ensemble.order[0]
    now, attempts = 0.0, 0

    while now < 10:
        while (attempt := race.start(now)) is not None:
            attempts += 1
            if attempt.server != silent:
                race.failed(attempt, "refused", now)
                ensemble.failed(attempt.server, "refused")
                race.hold_off(ensemble.pause(now), now)
        now = race.deadline()

    assert attempts <= 40


@pytest.mark.parametrize("seed", range(50))
def test_every_race_ends(seed: int) -> None:
    chance = random.Random(seed)
    race = race_of(A, NAME, B, C)
    now = 0.0
    deeds: list[Callable[[Attempt], object]] = [
        lambda attempt: race.failed(attempt, "refused", now),
        lambda attempt: (
            race.resolved(attempt, addresses("::1", "10.1.0.1"), now)
            if attempt.address is None
            else None
        ),
        lambda attempt: None,
    ]

    while not race.is_over:
        assert now < 100
        while race.start(now) is not None:
            pass
        for attempt in list(race.running):
            if now >= attempt.until:
                race.failed(attempt, "no answer", now)
            else:
                chance.choice(deeds)(attempt)
        if not race.is_over:
            assert race.running or race.deadline() <= now + STAGGER
            now = max(now + 0.01, race.deadline())


def test_a_race_of_nobody_is_over() -> None:
    assert race_of().is_over
