"""Run a program of its own: for what would hurt, or be hurt by, the process that runs the tests."""

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.loops import on_same_loops
from tests.waiting import stretched

ROOT = Path(__file__).parents[2]
LONGEST_EXIT = 2.0  # seconds
FACE = "\n    # Here come `Client` and `ZooKeeper`, of the one face or the other.\n"
_BEGIN = {
    "threads": """
    from zc.zk import Client, ZooKeeper
    """,
    "asyncio": """
    from tests.faces import Factory
    factory = Factory()
    Client, ZooKeeper = factory.client, factory.registry
    """,
}
_END = {"threads": "", "asyncio": "\n    factory.close()\n"}


def through(face: str, source: str) -> str:
    """Give a program that has the clients of one face from where `FACE` stands in it."""
    return source.replace(FACE, _BEGIN[face]) + _END[face]


def run_program(source: str, *arguments: str, seconds: float = 30.0) -> str:
    """Run a program, and give what it printed; fail when it fails, or prints to stderr."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", on_same_loops(textwrap.dedent(source)), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=stretched(seconds),
        check=False,
    )
    assert ended.returncode == 0, f"ended by {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    assert ended.stderr == "", ended.stderr[:1000]
    return ended.stdout


@contextlib.contextmanager
def program(source: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that says a line when it is where the test wants it."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-W",
            "error",
            "-X",
            "dev",
            "-c",
            on_same_loops(textwrap.dedent(source)),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = process.stdout.readline().rstrip()
    if not said:
        _, complaints = process.communicate(timeout=stretched(10))
        pytest.fail(f"it ended\n{complaints}")
    return said


def tell(process: subprocess.Popen[str], text: str = "go") -> None:
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def assert_ends(process: subprocess.Popen[str]) -> float:
    """Let a program end, and expect that it does so in time and prints nothing."""
    began_at = monotonic()
    tell(process)
    output, complaints = process.communicate(timeout=stretched(20))
    took = monotonic() - began_at
    assert (process.returncode, output, complaints) == (0, "", "")
    assert took <= stretched(LONGEST_EXIT)
    return took


def sleeps(pid: int, where: str) -> bool:
    """Tell whether the main thread of a process sleeps, in a function of the kernel that has `where` in its name."""
    with open(f"/proc/{pid}/task/{pid}/stat") as stat:  # noqa: PTH123
        state = stat.read().rpartition(")")[2].split()[0]
    with open(f"/proc/{pid}/task/{pid}/wchan") as wchan:  # noqa: PTH123
        return state == "S" and where in wchan.read()
