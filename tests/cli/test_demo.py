import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import stretched, wait_until

pytestmark = pytest.mark.slow

LONGEST = 20.0  # seconds that the demo may take


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    """The demo, in a session of its own: by that all its processes are known."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "zc.zk.cli.demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        yield process
        for pid in processes_of(process):
            os.kill(pid, signal.SIGKILL)


def processes_of(demo: subprocess.Popen[str]) -> dict[int, str]:
    """Give the live processes of the demo's session, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, session = fields[0], int(fields[3])
        if session == demo.pid and state != "Z":
            found[int(folder.name)] = command
    return found


def read_until(demo: subprocess.Popen[str], text: str) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        if text in line:
            return
    pytest.fail(f"the demo ended before it said {text!r}")


def leaves_nothing(demo: subprocess.Popen[str]) -> bool:
    return bool(wait_until(lambda: not processes_of(demo), 5.0, "the demo leaves nothing running"))


def test_the_watcher_sees_all_that_happens_in_its_order(demo: subprocess.Popen[str]) -> None:
    output, _ = demo.communicate(timeout=60)

    first, second = re.findall(r"process \d+, and listens on (\S+)\)", output)
    seen = [line.partition("| ")[2] for line in output.splitlines() if "watcher |" in line]
    assert seen == [
        "servers: none",
        "configuration: {'colour': 'blue', 'threads': 2}",
        f"servers: {first}",
        f"servers: {', '.join(sorted((first, second)))}",
        "configuration: {'colour': 'blue', 'threads': 8}",
        f"servers: {second}",
        "servers: none",
        f"servers: {second}",
        "servers: none",
    ]


def test_the_demo_succeeds_in_time_and_leaves_nothing_running(
    demo: subprocess.Popen[str],
) -> None:
    begun = time.monotonic()

    _, errors = demo.communicate(timeout=60)

    assert time.monotonic() - begun < stretched(LONGEST)
    assert (demo.returncode, errors) == (0, "")
    assert processes_of(demo) == {}


def test_what_is_not_a_terminal_gets_no_colour_codes(demo: subprocess.Popen[str]) -> None:
    output, _ = demo.communicate(timeout=60)

    assert "\033" not in output


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interrupted_demo_leaves_nothing_running(
    demo: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    read_until(demo, "the first server is process")

    demo.send_signal(number)

    assert demo.wait(stretched(10)) == code
    assert leaves_nothing(demo)


def test_a_killed_demo_leaves_nothing_running(demo: subprocess.Popen[str]) -> None:
    read_until(demo, "the first server is process")

    demo.kill()

    assert leaves_nothing(demo)


def test_a_demo_that_fails_says_why_and_leaves_nothing_running(
    demo: subprocess.Popen[str],
) -> None:
    read_until(demo, "the first server is process")
    watcher = next(pid for pid, command in processes_of(demo).items() if " watcher " in command)

    os.kill(watcher, signal.SIGKILL)

    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert errors.splitlines()[-1] == "demo: the watcher has ended before its time"
    assert leaves_nothing(demo)
