"""A server for each test that runs its own loop."""

from collections.abc import Iterator

import pytest

from zc.zk.testing import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """An embedded server of this test alone."""
    with Server(tick_time=0.05) as server:
        yield server
