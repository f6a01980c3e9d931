"""`zk server --control`: faults from outside of the process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.wireclient import WireClient
from tests.waiting import stretched
from zc.zk import operations as ops
from zc.zk.cli.main import main

SOURCES = Path(__file__).parents[2] / "src"


class Controlled:
    """A running `zk server --control`."""

    def __init__(self, *options: str) -> None:
        self.popen = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "zc.zk.cli.main",
                "server",
                "--port",
                "0",
                "--control",
                *options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert self.popen.stdout is not None
        self.port = int(self.popen.stdout.readline().rpartition(":")[2])

    def tell(self, line: str) -> str:
        """Give the answer to a command."""
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline().rstrip("\n")

    def end(self) -> tuple[int, str, str]:
        """Close its input and give the exit code and what it said last."""
        out, error = self.popen.communicate(timeout=stretched(10))
        return self.popen.returncode, out, error


@pytest.fixture
def controlled(request: pytest.FixtureRequest) -> Iterator[Controlled]:
    it = Controlled(*getattr(request, "param", ()))
    yield it
    it.popen.kill()
    it.popen.communicate()


def test_lines_set_faults_and_the_end_of_input_ends_it(controlled: Controlled) -> None:
    with WireClient(controlled.port) as client:
        assert controlled.tell("error -125 operation=create") == "ok 1"

        assert client.call(ops.Create("/n")).error == -125
        assert controlled.tell("count 1") == "ok 1"
        assert controlled.tell("nonsense").startswith("error: ")
        assert controlled.end() == (0, "", "")
        assert client.is_hung_up()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number: signal.Signals, controlled: Controlled) -> None:
    controlled.tell("zxid")

    controlled.popen.send_signal(number)

    assert controlled.popen.wait(stretched(10)) == 0


@pytest.mark.parametrize("controlled", [("--virtual-clock",)], indirect=True)
def test_time_can_be_virtual(controlled: Controlled) -> None:
    with WireClient(controlled.port) as client:
        assert controlled.tell("sessions") == f"ok {client.response.session_id:#x}"
        assert controlled.tell("advance 60") == "ok 60"
        assert controlled.tell("sessions") == "ok"


def test_a_virtual_clock_without_control_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "--port", "0", "--virtual-clock"]) == 1

    assert capsys.readouterr().err == "zk: --virtual-clock needs --control\n"


def test_a_port_in_use_is_told(capsys: pytest.CaptureFixture[str], controlled: Controlled) -> None:
    assert main(["server", "--port", str(controlled.port), "--control"]) == 1

    error = capsys.readouterr().err
    assert error == f"zk: cannot listen on 127.0.0.1:{controlled.port}: address already in use\n"
