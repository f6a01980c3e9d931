"""`zk server` on a folder, killed while several clients write: nothing acknowledged is lost."""

import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from tests.server.wireclient import ClosedError, WireClient, request_frame
from tests.waiting import stretched
from zc.zk import operations as ops
from zc.zk.jute import Reader

# A log so small, and slices so short, that many kills fall into a compaction.
PROGRAM = """
import sys
from zc.zk.cli.main import main
from zc.zk.server import compaction, folder
folder._LEAST_BYTES_TO_COMPACT = 30_000
compaction._SECONDS_OF_A_SLICE = 0.0005
sys.exit(main(["server", "--port", "0", "--data-dir", *sys.argv[1:]]))
"""
SOURCES = Path(__file__).parents[2] / "src"
WRITERS = 3
BURST = 5
KEPT = 40  # nodes a writer keeps: it deletes what is older


class ServerProcess:
    """A `zk server` on a folder, to be killed."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        assert self.popen.stdout is not None
        self.port = int(self.popen.stdout.readline().rpartition(":")[2] or 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate(timeout=stretched(10))


class Writer:
    """Writes to nodes of its own, and knows what of it was acknowledged.

    Node n is created with the data n, and then deleted by the creation of node n + KEPT; `/w-I`
    counts. Whatever was sent but not answered may have been done or not.
    """

    def __init__(self, number: int) -> None:
        self.top = f"/w-{number}"
        self.acknowledged = self.sent = -1  # the last number
        self.error: BaseException | None = None

    def write(self, port: int, wrote: Callable[[], None]) -> None:
        """Write until the server is gone."""
        try:
            with WireClient(port) as client:
                client.call(ops.Create(self.top))
                while True:
                    self._burst(client, wrote)
        except (ClosedError, OSError):
            pass
        except BaseException as error:
            self.error = error
            raise

    def _burst(self, client: WireClient, wrote: Callable[[], None]) -> None:
        first = self.sent + 1
        for number in range(first, first + BURST):
            self.sent = number
            client.socket.sendall(request_frame(1, self._step(number)))
        for number in range(first, first + BURST):
            reply = client.read_reply()
            assert reply.error == 0, reply
            self.acknowledged = number
            wrote()

    def _step(self, number: int) -> ops.Operation[Any]:
        data = b"%d" % number
        steps: list[ops.Operation[Any]] = [
            ops.Create(f"{self.top}/{number:09}", data + bytes(100)),
            ops.SetData(self.top, data),
        ]
        if number >= KEPT:
            steps.append(ops.Delete(f"{self.top}/{number - KEPT:09}"))
        return ops.Multi(tuple(steps))

    def check(self, client: WireClient) -> None:
        """Assert that what is there is all that was acknowledged, and at most what was sent."""
        reply = client.call(ops.GetData(self.top))
        if reply.error:
            assert self.acknowledged < 0
            return
        data, _ = ops.GetData(self.top).read(Reader(reply.body))
        last = int(data) if data else -1
        listing = ops.GetChildren(self.top)
        names = listing.read(Reader(client.call(listing).body))
        assert self.acknowledged <= last <= self.sent
        expected = range(max(0, last - KEPT + 1), last + 1)
        assert sorted(map(int, names)) == list(expected)
        for name in names:
            data, _ = ops.GetData(f"{self.top}/{name}").read(
                Reader(client.call(ops.GetData(f"{self.top}/{name}")).body)
            )
            assert data == b"%d" % int(name) + bytes(100)
        self.acknowledged = self.sent = last


def play_round(folder: Path, writers: list[Writer], kill_after: int) -> None:
    """Check what the round before left, then write until the server is killed."""
    with ServerProcess(str(folder)) as server:
        with WireClient(server.port) as client:
            for writer in writers:
                writer.check(client)
        count, lock = [0], threading.Lock()

        def wrote() -> None:
            with lock:
                count[0] += 1
                if count[0] == kill_after:
                    server.popen.kill()

        threads = [
            threading.Thread(target=writer.write, args=(server.port, wrote)) for writer in writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(stretched(30))
        assert not any(thread.is_alive() for thread in threads)
        assert [writer.error for writer in writers] == [None] * WRITERS
    assert count[0] >= kill_after


def play(folder: Path, rounds: int, seed: int) -> None:
    dice = random.Random(seed)
    writers = [Writer(number) for number in range(WRITERS)]
    for _ in range(rounds):
        play_round(folder, writers, dice.randrange(1, 400))
    with ServerProcess(str(folder)) as server, WireClient(server.port) as client:
        for writer in writers:
            writer.check(client)
    assert sum(writer.acknowledged for writer in writers) > 10 * rounds


def test_ten_kills_while_several_clients_write_lose_nothing(tmp_path: Path) -> None:
    play(tmp_path, 10, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 10))
def test_two_hundred_kills_while_several_clients_write_lose_nothing(
    tmp_path: Path, seed: int
) -> None:
    play(tmp_path, 25, seed)


# The disk


def test_a_disk_that_is_full_ends_the_server_in_one_line_and_loses_nothing(tmp_path: Path) -> None:
    writer = Writer(0)
    with ServerProcess(str(tmp_path)) as server:
        # As full as a disk can be without one: every file may have these bytes, and no more.
        resource.prlimit(server.popen.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))

        writer.write(server.port, lambda: None)
        _, error = server.popen.communicate(timeout=stretched(10))

        code = server.popen.returncode
    assert (code, error) == (1, f"zk: cannot write {tmp_path / 'journal'}: file too large\n")
    assert writer.acknowledged > 20
    with ServerProcess(str(tmp_path)) as server, WireClient(server.port) as client:
        writer.check(client)
