"""Monkey-patched by gevent, with greenlets for threads, the client behaves as ever."""

import os
import subprocess
import sys

import pytest

from tests.sources import PROJECT
from tests.waiting import stretched

BLOCKING = "not asyncio"  # an event loop has no place beside a hub
RUN_PATCHED = """
from gevent import monkey

monkey.patch_all()

import sys, pytest

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def run_patched(*arguments: str) -> None:
    """Run tests in a process where everything was patched before anything was imported."""
    ended = subprocess.run(
        [sys.executable, "-c", RUN_PATCHED, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}"},
        capture_output=True,
        text=True,
        timeout=stretched(110.0),
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-10_000:] + ended.stderr[-1000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "tests",
    [
        ["tests/client/test_session.py", "tests/client/test_watches.py"],
        ["tests/client/test_waiting.py", "tests/client/test_lost_connections.py"],
        ["tests/calls/test_operations.py", "tests/calls/test_several_steps.py"],
        ["tests/registry/test_live_objects.py", "tests/registry/test_registrar.py"],
    ],
    ids=["sessions", "waiting", "calls", "registry"],
)
def test_patched_it_behaves_as_ever(tests: list[str]) -> None:
    # Deleting a service and registering there go on for ever where they take turns in one hub.
    livelock = "comes_back_as_soon_as_its_service_does"
    run_patched("-m", "not real", "-k", f"{BLOCKING} and not {livelock}", *tests)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("promise", ["r01", "r09", "r25"])
def test_patched_it_keeps_its_promises_on_a_real_server(promise: str) -> None:
    run_patched("-k", BLOCKING, f"tests/promises/test_{promise}.py")
