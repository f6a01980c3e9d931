"""R29 on an event loop: one with live clients ends in time and in silence, and one that is interrupted can go on."""

import signal

import pytest

from tests.promises.programs import assert_ends, line, program, sleeps, tell
from tests.proxy import FaultProxy
from tests.waiting import wait_until

pytestmark = pytest.mark.loop

BEGIN = """
    import asyncio, sys
    from zc.zk.aio import Client, ZooKeeper

    async def wait_for_word():
        print("ready")
        loop = asyncio.get_running_loop()
        said = loop.create_future()
        loop.add_reader(sys.stdin, lambda: said.done() or said.set_result(sys.stdin.readline()))
        await said
        loop.remove_reader(sys.stdin)

    def suffer_slow_machines():
        # In debug mode a loop prints what takes 0.1 s, and a thousand tasks do where others work, too.
        asyncio.get_running_loop().slow_callback_duration = 60.0

    async def started(**options):
        client = Client(sys.argv[1], timeout=4.0, **options)
        await client.start()
        return client

    async def ask_for_ever(client):
        while True:
            await client.exists("/")
"""
LIVE: dict[str, str] = {
    "connected": "client = await started()",
    "never stopped by a task either": """
        client = await started()
        task = asyncio.create_task(ask_for_ever(client))
    """,
    "with watches and live objects": """
        client = await started()
        await client.ensure_path("/watched")
        await client.get("/watched", print)
        await client.DataWatch("/watched", lambda data, stat: None)
        zk = await ZooKeeper(client)
        children = await zk.children("/watched")
        children(lambda it: None)
        await zk.register("/watched", "h:1")
    """,
    "with a callback that runs and never ends": """
        client = await started()
        running = asyncio.Event()
        async def wait(data, stat):
            running.set()
            await asyncio.Event().wait()
        await client.DataWatch("/", wait)
        await running.wait()
    """,
    "with a callback that asks": """
        client = await started()
        async def ask(data, stat):
            await ask_for_ever(client)
        await client.DataWatch("/", ask)
    """,
    "with changes that are iterated over": """
        zk = await ZooKeeper(sys.argv[1], session_timeout=4.0)
        children = await zk.children("/")
        async def follow():
            async for names in children.changes():
                pass
        task = asyncio.create_task(follow())
    """,
    "with a thousand results that nobody looks at": """
        client = await started()
        results = [client.exists_async("/") for _ in range(1000)]
    """,
    "with a thousand in flight": """
        client = await started()
        tasks = [asyncio.create_task(client.exists("/")) for _ in range(1000)]
    """,
    "several clients": "clients = [await started() for _ in range(5)]",
    "dropped by everybody": "await started()",
    "a registry": "zk = await ZooKeeper(sys.argv[1], session_timeout=4.0)",
}


def on_loop(body: str) -> str:
    """Give a program whose loop ends when it has done this, and has heard a word."""
    lines = [line.strip("\n") for line in body.splitlines() if line.strip()]
    indented = "\n".join(
        each if each.startswith("        ") else f"        {each}" for each in lines
    )
    begin = f"{BEGIN}\n    async def main():\n        suffer_slow_machines()\n"
    return f"{begin}{indented}\n        await wait_for_word()\n\n    asyncio.run(main())\n"


@pytest.mark.parametrize("name", LIVE)
def test_r29_a_loop_with_a_live_client_ends_in_time_and_prints_nothing(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(on_loop(LIVE[name]), network.address + home) as process:
        assert line(process) == "ready"

        assert_ends(process)


@pytest.mark.parametrize("name", LIVE)
def test_r29_a_loop_whose_server_is_silent_ends_in_time_and_prints_nothing(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(on_loop(LIVE[name]), network.address + home) as process:
        assert line(process) == "ready"
        network.black_hole()

        assert_ends(process)


# What waits when the server answers nothing.
WAITS: dict[str, str] = {
    "get": 'client.get("/")',
    "create": 'client.create("/made", makepath=True)',
    "a result": 'client.get_async("/")',
    "a data watch": 'client.DataWatch("/", lambda data, stat: None)',
    "an identity": 'client.add_auth("digest", "u:p")',
    "a live object": 'registry.children("/")',
    "a registration": 'registry.register("/", "h:1")',
    "another client's start": "another.start()",
    "another client's start without end": "another.wait_for_start()",
}
INTERRUPTED = """
        client = await started(operation_timeout=60.0, connect_timeout=20.0)
        registry = await ZooKeeper(client)
        another = Client(sys.argv[1], timeout=20.0, connect_timeout=20.0)
        await wait_for_word()
        try:
            print("waiting")
            await %s
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            print("interrupted")
        await wait_for_word()
        assert await client.exists("/") is not None
        await client.create("/after")
        assert "after" in await client.get_children("/")
        await another.stop()
        await client.restart()
        await client.delete("/after")
"""


@pytest.mark.parametrize("name", WAITS)
def test_r29_a_wait_on_a_loop_that_is_interrupted_leaves_the_client_usable(
    network: FaultProxy, home: str, name: str
) -> None:
    with program(on_loop(INTERRUPTED % WAITS[name]), network.address + home) as process:
        assert line(process) == "ready"
        network.hold()
        tell(process)
        assert line(process) == "waiting"
        wait_until(lambda: sleeps(process.pid, "poll"), 5.0, "it waits")

        process.send_signal(signal.SIGINT)

        assert line(process) == "interrupted"
        assert line(process) == "ready"
        network.heal()
        tell(process)
        assert line(process) == "ready"
        assert_ends(process)
