"""Both cores against each other, under a clock, a network and faults that are made of a seed."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.corpus import CORPUS
from tests.simulation.runner import Outcome, play

SEEDS = 100
AT_ONCE = 10


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the library's log out: thousands of histories would fill it."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def told(outcome: Outcome) -> str:
    """Give what a reader needs of a history that went wrong."""
    again = f"again: python -m tests.simulation --seed {outcome.seed}"
    return f"{outcome.story}\n{outcome.problem}\n{again}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_all_promises_hold_whatever_happens(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        outcome = play(seed)

        assert not outcome.problem, told(outcome)


@pytest.mark.slow
@pytest.mark.parametrize("seed", CORPUS)
def test_all_promises_hold_in_histories_that_went_wrong_once(seed: int) -> None:
    outcome = play(seed)

    assert not outcome.problem, told(outcome)
