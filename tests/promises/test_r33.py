"""R33: the embedded server is as a real one, 3.8 and 3.9; and over its own restarts zxids only grow."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.leaks import LeakGuard
from tests.server.stories import CLASSPATHS, CLIENTS, Pair, Step, asking, compare, dropping, pair_of
from tests.server.wireclient import WireClient, connect_frame
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Id
from zc.zk.testing import Server, VirtualClock

EPHEMERAL, SEQUENTIAL = CreateFlag.EPHEMERAL, CreateFlag.SEQUENTIAL
CLOSED = (ACL(31, Id("digest", "nobody:x")),)


@pytest.fixture(scope="module", params=CLASSPATHS, ids=["3.8", "3.9"])
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    """A real server and the embedded one that shall say the same."""
    with pair_of(request.param, leak_guard) as pair:
        yield pair


# The same results, error codes, stats and watch events for any sequence


@pytest.mark.real
def test_r33_the_same_results(pair: Pair) -> None:
    top = "/r33-results"
    parts = (ops.Create(f"{top}/m"), ops.SetData(f"{top}/m", b"1", 0), ops.Delete(f"{top}/a"))
    steps = [
        asking(0, ops.Create(top, b"data")),
        asking(0, ops.Create(f"{top}/a", None)),
        asking(0, ops.Create(f"{top}/s-", b"", flags=SEQUENTIAL)),
        asking(1, ops.Create(f"{top}/e-", b"", flags=CreateFlag(3))),
        asking(2, ops.GetData(top)),
        asking(2, ops.GetData(f"{top}/a")),
        asking(2, ops.GetChildren(top)),
        asking(2, ops.GetACL(top)),
        asking(1, ops.GetEphemerals(top)),
        asking(2, ops.GetAllChildrenNumber(top)),
        asking(0, ops.Multi(parts)),
        asking(2, ops.MultiRead((ops.GetData(f"{top}/m"), ops.GetChildren(top)))),
        asking(1, ops.Sync(top)),
        asking(1, ops.WhoAmI()),
        dropping(1),
        asking(1, ops.GetEphemerals(top)),
        asking(1, ops.CloseSession()),
        asking(0, ops.GetChildren(top)),
    ]

    compare(steps, pair)


@pytest.mark.real
def test_r33_the_same_error_codes(pair: Pair) -> None:
    top = "/r33-errors"
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.Create(top)),
        asking(0, ops.Create(f"{top}/none/n")),
        asking(0, ops.Create(f"{top}/e", b"", flags=EPHEMERAL)),
        asking(0, ops.Create(f"{top}/e/n")),
        asking(0, ops.Create(f"{top}/", b"")),
        asking(0, ops.Create(f"{top}/x", b"", ())),
        asking(0, ops.Create(f"{top}/x", b"", (ACL(31, Id("no", "scheme")),))),
        asking(0, ops.SetData(top, b"", 7)),
        asking(0, ops.SetData(f"{top}/none", b"")),
        asking(0, ops.SetACL(top, tuple(OPEN_ACL_UNSAFE), 7)),
        asking(0, ops.Delete(top)),
        asking(0, ops.Delete(f"{top}/e", 7)),
        asking(0, ops.Delete(f"{top}/none")),
        asking(0, ops.Delete("/zookeeper")),
        *(asking(0, kind(f"{top}/none")) for kind in (ops.Exists, ops.GetData, ops.GetChildren2)),
        asking(0, ops.RemoveWatches(top)),
        asking(0, ops.Create(f"{top}/closed", b"", CLOSED)),
        asking(1, ops.GetData(f"{top}/closed")),
        asking(1, ops.SetData(f"{top}/closed", b"")),
        asking(1, ops.Create(f"{top}/closed/n")),
        asking(1, ops.Exists(f"{top}/closed")),
        asking(0, ops.Multi((ops.Create(f"{top}/m"), ops.Check(top, 9), ops.Delete(top)))),
        asking(0, ops.MultiRead((ops.GetData(f"{top}/none"), ops.GetData(f"{top}/closed")))),
        asking(0, ops.Reconfig(joining="server.2=localhost:1:1:participant")),
        asking(0, ops.Auth("no such scheme", b"")),
    ]

    compare(steps, pair)


@pytest.mark.real
def test_r33_the_same_stats(pair: Pair) -> None:
    top = "/r33-stats"
    look = [asking(2, ops.Exists(path)) for path in (top, f"{top}/a", f"{top}/e")]
    changes: list[ops.Operation[Any]] = [
        ops.Create(top, b"1"),
        ops.Create2(f"{top}/a", None),
        ops.Create2(f"{top}/e", b"12345", flags=EPHEMERAL),
        ops.SetData(top, b"123"),
        ops.SetData(f"{top}/a", b"123", 0),
        ops.SetACL(f"{top}/a", tuple(READ_ACL_UNSAFE)),
        ops.Create(f"{top}/a/b"),
        ops.Create(f"{top}/a/b2"),
        ops.Delete(f"{top}/a/b"),
        ops.Multi((ops.Create(f"{top}/x"), ops.Create(f"{top}/y"), ops.SetData(top, b""))),
        ops.Multi((ops.Create(f"{top}/z"), ops.Check(top, 99))),
        ops.SetData(top, None),
        ops.CloseSession(),
    ]
    steps = [step for change in changes for step in (asking(0, change), *look)]

    compare(steps, pair)


@pytest.mark.real
def test_r33_the_same_watch_events(pair: Pair) -> None:
    top, watch = "/r33-events", ops.Watch()
    lasting, recursive = AddWatchMode.PERSISTENT, AddWatchMode.PERSISTENT_RECURSIVE
    arm = [
        asking(1, ops.Exists(f"{top}/n", watch)),
        asking(1, ops.GetChildren(top, watch)),
        asking(2, ops.GetData(top, watch)),
    ]
    changes: list[ops.Operation[Any]] = [
        ops.Create(f"{top}/n", b"", flags=EPHEMERAL),
        ops.SetData(f"{top}/n", b"x"),
        ops.SetData(top, b"x"),
        ops.SetACL(top, tuple(OPEN_ACL_UNSAFE)),
        ops.Multi((ops.Create(f"{top}/m"), ops.SetData(f"{top}/n", b""), ops.Delete(f"{top}/m"))),
        ops.Multi((ops.Create(f"{top}/m"), ops.Delete(f"{top}/none"))),
        ops.Delete(f"{top}/n"),
        ops.Create(f"{top}/n", b"", flags=EPHEMERAL),
        ops.CloseSession(),
        ops.Delete(top),
    ]
    steps = [
        asking(0, ops.Create(top)),
        asking(2, ops.AddWatch(top, watch, recursive)),
        asking(1, ops.AddWatch(f"{top}/n", watch, lasting)),
        *(step for change in changes for step in (*arm, asking(0, change))),
    ]

    compare(steps, pair)


OPERATIONS: tuple[Callable[[str, bytes, int], ops.Operation[Any]], ...] = (
    lambda path, data, version: ops.Create(path, data),
    lambda path, data, version: ops.Create(path, data, flags=EPHEMERAL),
    lambda path, data, version: ops.Create2(path, data, flags=SEQUENTIAL),
    ops.SetData,
    lambda path, data, version: ops.Delete(path, version),
    lambda path, data, version: ops.GetData(path, ops.Watch()),
    lambda path, data, version: ops.GetChildren2(path, ops.Watch()),
    lambda path, data, version: ops.Exists(path, ops.Watch()),
    lambda path, data, version: ops.Multi((ops.Create(path, data), ops.Check(path, version))),
    lambda path, data, version: ops.CloseSession(),
)
NUMBERS = itertools.count(1)
SEQUENCES = st.lists(
    st.tuples(
        st.integers(0, CLIENTS - 1),
        st.sampled_from(OPERATIONS),
        st.sampled_from(["", "/a", "/a/b", "/c"]),
        st.binary(max_size=3),
        st.integers(-1, 1),
    ),
    min_size=10,
    max_size=60,
)


@pytest.mark.real
@given(data=st.data())
@settings(max_examples=15)
def test_r33_the_same_for_any_sequence(data: st.DataObject, pair: Pair) -> None:
    top = f"/r33-{next(NUMBERS)}"  # what an example leaves behind is nothing to the next one
    drawn = data.draw(SEQUENCES)
    steps: list[Step] = [
        asking(client, make(top + path, content, version))
        for client, make, path, content, version in drawn
    ]

    compare([asking(0, ops.Create(top)), *steps], pair)


# Its own restarts


def last_zxid(port: int) -> int:
    """Give the zxid of a write of our own."""
    with WireClient(port) as client:
        client.call(ops.Create("/r33"))
        client.call(ops.Delete("/none"))  # fails, and takes a zxid all the same
        return client.call(ops.SetData("/r33", b"")).zxid


def test_r33_zxids_begin_with_the_time_of_day() -> None:
    before = int(time.time())
    with Server() as server:
        first = server.zxid
    after = int(time.time())

    assert before <= first >> 32 <= after


def crash(server: Server) -> None:
    server.kill()
    server.start()


RESTARTS: dict[str, Callable[[Server], None]] = {
    "with its state": Server.restart,
    "with its state, after a crash": crash,
    "without any": lambda server: server.restart(wipe=True),
}


@pytest.mark.parametrize("how", RESTARTS)
@pytest.mark.parametrize("place", ["memory", "folder"])
def test_r33_a_restart_hands_out_no_smaller_zxid(how: str, place: str, tmp_path: Path) -> None:
    zxids = []
    with Server(data_dir=tmp_path / "data" if place == "folder" else None) as server:
        for _ in range(4):
            zxids.append(last_zxid(server.port))
            RESTARTS[how](server)
        zxids.append(last_zxid(server.port))

    assert zxids == sorted(set(zxids))


def test_r33_another_server_that_knows_nothing_hands_out_no_smaller_zxid() -> None:
    zxids = []
    for _ in range(4):
        with Server() as server:
            zxids.append(last_zxid(server.port))

    assert zxids == sorted(set(zxids))


@pytest.mark.parametrize("options", [(), ("--data-dir",)])
def test_r33_another_process_hands_out_no_smaller_zxid(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    zxids = []
    for _ in range(2):
        command = [sys.executable, "-m", "zc.zk.cli.main", "server", "--port", "0", *options]
        with subprocess.Popen(
            [*command, *([str(tmp_path / "data")] if options else [])],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            zxids.append(last_zxid(int(process.stdout.readline().rpartition(":")[2])))
            process.kill()

    assert zxids == sorted(set(zxids))
    assert all(zxid >> 32 >= int(time.time()) - 3600 for zxid in zxids)


class Clock(VirtualClock):
    """A clock whose time of day can go back."""

    back = 0.0

    def wall(self) -> float:
        return super().wall() - self.back


def test_r33_a_time_of_day_that_goes_back_changes_nothing_where_there_is_state(
    tmp_path: Path,
) -> None:
    clock = Clock()
    zxids = []
    with Server(data_dir=tmp_path / "data", clock=clock) as server:
        for _ in range(3):
            zxids.append(last_zxid(server.port))
            clock.back += 3600
            server.restart()
        zxids.append(last_zxid(server.port))

    assert zxids == sorted(set(zxids))


@pytest.mark.parametrize("wipe", [False, True])
def test_r33_a_client_that_saw_the_last_zxid_is_not_turned_away_after_a_restart(
    wipe: bool,
) -> None:
    with Server() as server:
        zxid = last_zxid(server.port)
        server.restart(wipe=wipe)

        with WireClient(server.port, connect_frame(last_zxid_seen=zxid)) as client:
            assert client.response.timeout > 0
            assert client.call(ops.Create("/after")).zxid > zxid


def test_r33_failed_writes_take_zxids_that_no_restart_hands_out_again(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path / "data") as server:
        with WireClient(server.port) as client:
            failed = [client.call(ops.Delete("/none")).zxid for _ in range(5)]
        server.kill()
        server.start()

        assert last_zxid(server.port) > failed[-1]
