"""The registry helper on an event loop, from its start to its end."""

import subprocess
import sys
import threading
import time

from tests.aio.looping import run
from zc.zk.aio import ZooKeeper
from zc.zk.testing import Server


def test_no_thread_is_made(server: Server) -> None:
    async def main() -> None:
        before = set(threading.enumerate())
        async with ZooKeeper(server.address) as zk:
            await zk.create("/s")
            await zk.register("/s", "h:1")
            children = await zk.children("/s")
            children(lambda _: None)
            assert set(threading.enumerate()) == before

    run(main())


PROGRAM = """
import asyncio, sys
import zc.zk.aio

async def main():
    zk = await zc.zk.aio.ZooKeeper(sys.argv[1])
    await zk.create("/left")
    print("done")

asyncio.run(main())
"""


def test_a_program_that_closes_nothing_ends_at_once_and_quietly(server: Server) -> None:
    begun = time.monotonic()

    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, server.address],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("done\n", "", 0)
    assert time.monotonic() - begun < 10.0
