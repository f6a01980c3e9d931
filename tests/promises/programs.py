"""Run a program of its own: for what would hurt, or be hurt by, the process that runs the tests."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.waiting import stretched

ROOT = Path(__file__).parents[2]
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
        [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
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
