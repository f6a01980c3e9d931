"""Run a program of its own: for what would hurt, or be hurt by, the process that runs the tests."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.waiting import stretched

ROOT = Path(__file__).parents[2]


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
