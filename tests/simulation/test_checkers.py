"""The checkers can fail: each broken core is found out within a few histories."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.runner import play
from tests.simulation.variants import VARIANTS, broken

SEEDS = 40


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the library's log out."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_core_is_found_out(name: str) -> None:
    first, _ = VARIANTS[name]

    with broken(name):
        found = any(play(seed).problem for seed in (first, *range(SEEDS)))

    assert found
