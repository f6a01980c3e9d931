import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.leaks import LeakGuard
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]

LEAKY_TESTS = """
import socket, subprocess, threading
from tests.conftest import leak_guard, no_leaks

kept = []

def test_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, name="forgotten", daemon=True).start()

def test_socket():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_process():
    kept.append(subprocess.Popen(["sleep", "600"]))

def test_process_not_waited_for():
    kept.append(subprocess.Popen(["true"]))

def test_innocent():
    pass

def test_end():
    for process in kept[2:]:
        process.kill()
    kept[1].close()
    kept[0].set()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says about tests that leave things behind."""
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "test_leaky.py").write_text(LEAKY_TESTS)
    command = [sys.executable, "-m", "pytest", "-rA", "-c", "/dev/null", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ZK_TEST_TIMING": "0.05"}
    return subprocess.run(
        [*command, "--rootdir", folder, "test_leaky.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "leak"),
    [
        ("test_thread", "left behind: thread 'forgotten'"),
        ("test_socket", "from ('127.0.0.1', "),
        ("test_process", "(sleep 600)"),
        ("test_process_not_waited_for", "(ended, but not waited for)"),
    ],
)
def test_a_test_that_leaves_something_behind_fails(report: str, name: str, leak: str) -> None:
    errors = [line for line in report.splitlines() if f"ERROR test_leaky.py::{name} - " in line]

    assert len(errors) == 1
    assert leak in report


@pytest.mark.slow
def test_a_test_that_cleans_up_passes(report: str) -> None:
    assert "ERROR test_leaky.py::test_innocent" not in report
    assert "ERROR test_leaky.py::test_end" not in report
    assert "PASSED test_leaky.py::test_innocent" in report


def test_what_was_there_before_is_no_leak() -> None:
    guard = LeakGuard()
    with socket.socket():
        before = guard.look()

        assert guard.leaks_since(before) == []


def test_a_socket_in_place_of_another_is_a_leak() -> None:
    guard = LeakGuard()
    first = socket.socket()
    before = guard.look()
    first.close()

    with socket.socket():
        assert len(guard.leaks_since(before)) == 1


def test_a_leak_is_given_time_to_go_away() -> None:
    guard = LeakGuard()
    before = guard.look()
    goes = threading.Event()
    thread = threading.Thread(target=goes.wait)
    thread.start()
    threading.Timer(0.01, goes.set).start()

    guard.check(before, bound=5)

    assert not thread.is_alive()


def test_exempt_processes_are_no_leak() -> None:
    guard = LeakGuard()
    before = guard.look()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        wait_until(lambda: guard.leaks_since(before), 5)

        guard.exempt(lambda: [process.pid])

        assert guard.leaks_since(before) == []
