"""The commands of a running server."""

from collections.abc import Iterator

import pytest

from tests.server.wireclient import WireClient
from zc.zk import operations as ops
from zc.zk.testing import Server, VirtualClock
from zc.zk.testing.commands import Commands


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def commands(server: Server) -> Commands:
    return Commands(server)


def test_the_server_tells_what_it_knows(commands: Commands, server: Server) -> None:
    with WireClient(server.port) as client:
        assert commands.obey("address") == f"ok {server.address}"
        assert commands.obey("sessions") == f"ok {client.response.session_id:#x}"
        assert commands.obey("zxid") == f"ok {server.zxid:#x}"
    assert "lift" in commands.obey("help")
    assert "stall" in commands.obey("help\n")


def test_a_fault_is_set_watched_and_lifted(commands: Commands, server: Server) -> None:
    with WireClient(server.port) as client:
        assert commands.obey("error -125 operation=create times=5\n") == "ok 1"
        assert commands.obey("stall after=100") == "ok 2"
        assert commands.obey("faults") == "ok 1:error 2:stall"

        assert client.call(ops.Create("/n")).error == -125

        assert commands.obey("count 1") == "ok 1"
        assert commands.obey("wait 1 0") == "ok 1"
        assert commands.obey("lift 2") == "ok"
        assert commands.obey("faults") == "ok 1:error"
        assert commands.obey("lift all") == "ok"
        assert commands.obey("faults") == "ok"


def test_a_restart_is_a_real_one(commands: Commands, server: Server) -> None:
    with WireClient(server.port) as client:
        client.call(ops.Create("/n"))
        assert commands.obey("restart") == "ok"
        assert client.is_hung_up()
    with WireClient(server.port) as client:
        assert client.call(ops.Exists("/n")).error == 0
        assert commands.obey("restart wipe") == "ok"
    with WireClient(server.port) as client:
        assert client.call(ops.Exists("/n")).error == -101
    assert commands.obey("restart wipe after=100") == "ok 1"


def test_a_virtual_clock_is_advanced() -> None:
    with Server(clock=VirtualClock()) as server, WireClient(server.port):
        assert Commands(server).obey("advance 20") == "ok 20"

        assert server.sessions == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "no command is called '': try help"),
        ("stal", "no command is called 'stal': try help"),
        ("lift", "lift has the wrong number of arguments"),
        ("lift x", "'x' is not a whole number"),
        ("lift 1", "no fault has the number 1"),
        ("wait 0", "no fault has the number 0"),
        ("stall x=1", "no condition is called 'x', only operation"),
        ("advance 1", "the server lives by the machine's clock"),
        ("zxid now", "zxid has the wrong number of arguments"),
    ],
)
def test_a_mistake_is_told_in_one_line(line: str, text: str, commands: Commands) -> None:
    answer = commands.obey(line)

    assert answer.startswith(f"error: {text}")
    assert "\n" not in answer


def test_waiting_in_vain_is_told(commands: Commands) -> None:
    commands.obey("stall")

    assert commands.obey("wait 1 0.01") == "error: fault 1 did not happen within 0.01 s"
