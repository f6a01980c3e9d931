"""A real server, and the embedded one that shall say the same."""

from collections.abc import Iterator

import pytest

from tests.leaks import LeakGuard
from tests.realserver import DEBIAN_CLASSPATH, NEWER_CLASSPATH, RealServer
from tests.server.stories import Pair
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

CLASSPATHS = {(3, 8): DEBIAN_CLASSPATH, (3, 9): NEWER_CLASSPATH}
# Nothing is swept while stories are told: it would fall anywhere, and moves the zxids.
NO_SWEEPS = "-Dznode.container.checkIntervalMs=86400000"


@pytest.fixture(scope="module", params=CLASSPATHS, ids=["3.8", "3.9"])
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    """Servers for one module alone: the transactions of others would move the zxids."""
    version = request.param
    apache = RealServer(classpath=CLASSPATHS[version], java_options=[NO_SWEEPS])
    leak_guard.exempt(lambda: apache.processes)
    settings = Settings(version=version, tick_time=0.2, sweep_interval=86400.0, words=("*",))
    with apache, Server(settings=settings) as embedded:
        yield Pair(apache, embedded, version)
