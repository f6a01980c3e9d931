"""How drivers fare at the end of their process; whole processes do so in tests/promises."""

import subprocess
import sys

import pytest

from zc.zk.testing import Server

PROGRAM = """
import sys
import zc.zk
from zc.zk.drivers import lifetime

class Broken:
    is_forked = is_to_start = False
    is_running = True

    def say_farewell(self, now):
        raise RuntimeError("it cannot")

broken = Broken()
lifetime.follow(broken)
client = zc.zk.Client(sys.argv[1])
client.start()
"""


@pytest.mark.slow
def test_a_driver_that_cannot_stop_keeps_no_other_from_it() -> None:
    with Server() as server:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.address],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )

        assert "a client could not be stopped at exit" in run.stderr
        assert "RuntimeError: it cannot" in run.stderr
        assert server.sessions == []
