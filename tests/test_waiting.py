import itertools

import pytest

from tests import waiting
from tests.waiting import remains, stretched, wait_until


def test_waiting_gives_the_first_true_result() -> None:
    results = iter([0, None, "", "at last", "too late"])

    assert wait_until(lambda: next(results), 5) == "at last"


def test_waiting_in_vain_fails_and_says_for_what() -> None:
    with pytest.raises(AssertionError) as failure:
        wait_until(lambda: 0, 0, "a sign")

    assert str(failure.value) == "not within 0 s: a sign; got 0"


def test_a_condition_is_looked_at_even_when_there_is_no_time() -> None:
    assert wait_until(itertools.count(1).__next__, 0) == 1


def test_bounds_are_stretched_by_the_timing_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TIMING", 3.0)

    assert stretched(2) == 6


def test_what_is_always_true_remains() -> None:
    assert remains(lambda: True, 0.01)


def test_what_becomes_false_does_not_remain() -> None:
    results = iter([True, True, False])

    assert not remains(lambda: next(results), 5)
