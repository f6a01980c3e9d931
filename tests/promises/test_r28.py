"""R28: the wall clock may jump; only the monotonic one is looked at."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zc.zk
from tests.promises.programs import FACE, run_program, through
from tests.realserver import RealServer

SOURCES = Path(zc.zk.__file__).parent
WALL_CLOCKS = {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "CLOCK_REALTIME"}
WALL_CLOCK_CALLS = {f"time.{name}" for name in WALL_CLOCKS}
# The embedded server stamps nodes with the time of day, as servers do; it is told it at its edge.
EDGE = {"server/clock.py", "cli/server.py", "testing/clock.py"}


def wall_clocks(module: ast.Module) -> Iterator[str]:
    """Give what a module takes from `time` that a jump of the wall clock changes, and `datetime`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name == "datetime")
        elif isinstance(node, ast.ImportFrom) and node.module == "datetime":
            yield "datetime"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (alias.name for alias in node.names if alias.name in WALL_CLOCKS)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK_CALLS:
            yield ast.unparse(node)


def test_r28_no_module_but_the_servers_edge_looks_at_the_wall_clock() -> None:
    found = {
        str(path.relative_to(SOURCES)): names
        for path in SOURCES.rglob("*.py")
        if (names := set(wall_clocks(ast.parse(path.read_text()))))
    }

    assert {name for name in found if name not in EDGE} == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import time\ntime.time()", {"time.time"}),
        ("from time import time_ns", {"time_ns"}),
        ("import datetime", {"datetime"}),
        ("from time import monotonic\nimport time\ntime.sleep(1)", set()),
    ],
)
def test_r28_this_test_can_tell_a_wall_clock(text: str, names: set[str]) -> None:
    assert set(wall_clocks(ast.parse(text))) == names


def test_r28_a_jump_of_the_wall_clock_changes_nothing(
    face_of_promise: str, real_server: RealServer, home: str
) -> None:
    program = (
        """
    import sys, time

    offset, true_time, true_ns = 0.0, time.time, time.time_ns
    time.time = lambda: true_time() + offset
    time.time_ns = lambda: true_ns() + int(offset * 1e9)

    """
        + FACE
        + """
    registry = ZooKeeper(sys.argv[1], session_timeout=1.0)
    client = registry.client
    states = []
    client.add_listener(states.append)
    registry.register("/", "h:1")
    children = registry.children("/")
    session = client.client_id

    for hour in (1, -1, 0):
        offset = 3600.0 * hour
        begun = time.monotonic()
        while time.monotonic() - begun < 0.5:
            client.get("/h:1")
            time.sleep(0.05)
        client.create(f"/jump{hour}")
        while f"jump{hour}" not in children:
            assert time.monotonic() - begun < 2.0
            time.sleep(0.005)

    begun = time.monotonic()
    offset = 3600.0
    time.sleep(1.5)  # longer than the session's time-out: only pings keep it
    assert client.exists("/h:1").ephemeralOwner == session[0]
    assert client.client_id == session
    assert states == [], states
    registry.close()
    print("nothing changed")
    """
    )

    printed = run_program(through(face_of_promise, program), real_server.address + home)

    assert printed == "nothing changed\n"


def test_r28_a_deadline_is_met_though_the_wall_clock_jumps(
    face_of_promise: str, real_server: RealServer
) -> None:
    program = (
        """
    import sys, time, threading

    offset, true_time = 0.0, time.time
    time.time = lambda: true_time() + offset

    """
        + FACE
        + """
    from tests.proxy import FaultProxy
    from zc.zk import OperationTimeoutError

    with FaultProxy(int(sys.argv[1])) as network:
        client = Client(network.address, timeout=20.0, operation_timeout=0.5)
        client.start()
        network.black_hole()

        def jump():
            global offset
            offset = 3600.0

        threading.Timer(0.1, jump).start()
        begun = time.monotonic()
        try:
            client.get("/")
        except OperationTimeoutError:
            print(0.5 <= time.monotonic() - begun < 1.0)
        client.stop()
    """
    )

    printed = run_program(through(face_of_promise, program), str(real_server.port))

    assert printed == "True\n"
