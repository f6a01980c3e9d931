"""A real server, and the embedded one that shall say the same."""

from collections.abc import Iterator

import pytest

from tests.leaks import LeakGuard
from tests.server.stories import CLASSPATHS, Pair, pair_of


@pytest.fixture(scope="module", params=CLASSPATHS, ids=["3.8", "3.9"])
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    with pair_of(request.param, leak_guard) as pair:
        yield pair
