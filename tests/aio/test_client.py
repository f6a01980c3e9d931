"""A client on an event loop from its start to its end: loops, threads, forks, exits; watches and listeners."""

import asyncio
import gc
import logging
import re
import subprocess
import sys
import time
import warnings
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import zc.zk
from tests.aio.looping import SOON, others, run, stays, told_by_child, until
from tests.loops import on_same_loops
from tests.ports import LOOPBACK, free_port
from tests.promises.programs import run_program
from tests.waiting import wait_until
from zc.zk import (
    ArgumentError,
    ArgumentTypeError,
    ConnectionClosedError,
    FailedConnect,
    State,
    UsageError,
)
from zc.zk.aio import Client, Retry
from zc.zk.records import WatchedEvent
from zc.zk.testing import Server

A_MOMENT = 0.05


def test_a_client_is_made_outside_of_any_loop_and_runs_on_one_after_the_other(
    server: Server,
) -> None:
    client = Client(server.address)

    async def use(path: str) -> int:
        async with client:
            await client.create(path)
            assert client.client_id is not None
            return client.client_id[0]

    assert run(use("/a")) != run(use("/b"))


def test_what_is_asked_before_the_start_says_so(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        with pytest.raises(ConnectionClosedError, match="not started yet"):
            await client.get("/")
        with pytest.raises(ConnectionClosedError, match="not started yet"):
            await client.ensure_path("/a")
        with pytest.raises(ConnectionClosedError, match="not started yet"):
            await client.ensure_path_async("/a")

    run(main())


def test_a_call_from_another_loop_says_so(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            def elsewhere() -> None:
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(client.get("/"))
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(client.stop())
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(light.wait())
                for tell in (client.add_listener, client.remove_listener):
                    with pytest.raises(UsageError, match="no event loop runs in this thread"):
                        tell(print)

            light = client.start_async()
            await asyncio.to_thread(elsewhere)
            assert await client.exists("/")

    run(main())


def test_a_start_on_another_loop_while_a_stop_goes_on_says_so(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        with server.faults.stall():
            stopping = asyncio.create_task(client.stop())
            await asyncio.sleep(0)

            def elsewhere() -> None:
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(client.start())

            await asyncio.to_thread(elsewhere)
            await stopping

    run(main())


def test_another_driver_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no other driver: 'gevent'"):
        Client(driver="gevent")


def test_a_client_that_finds_no_server_names_what_it_tried_and_leaves_nothing() -> None:
    async def main() -> None:
        address = f"{LOOPBACK}:{free_port()}"
        with pytest.raises(FailedConnect, match=f"{address}: connection refused"):
            await Client(address).start(0.2)
        assert others() == set()

    run(main())


def test_the_end_of_the_loop_ends_the_session_and_its_nodes(server: Server) -> None:
    client = Client(server.address)

    async def leave_open() -> None:
        await client.start()
        await client.create("/mine", ephemeral=True)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(leave_open())
        gc.collect()

    assert client.state is State.LOST
    begun = time.monotonic()

    async def look() -> None:
        async with Client(server.address) as other:
            children = await other.get_children("/")
            assert children == ["zookeeper"]

    run(look())
    assert time.monotonic() - begun < 5.0


def test_a_stopped_client_can_be_stopped_again_and_started_again(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.stop()
        await client.start()
        await asyncio.gather(client.stop(), client.stop())
        await client.stop()
        await client.restart()
        assert client.connected
        await client.stop()

    run(main())


def test_a_stop_ends_within_two_seconds_though_nobody_answers(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        with server.faults.mute():
            waiting = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0.01)
            begun = time.monotonic()
            await client.stop()
            assert time.monotonic() - begun < 2.5
            with pytest.raises(ConnectionClosedError):
                await waiting

    run(main())


def test_a_callback_that_holds_the_loop_up_is_named(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            done: list[WatchedEvent] = []

            def heavy(event: WatchedEvent) -> None:
                time.sleep(0.3)
                done.append(event)

            await client.exists("/a", heavy)
            await client.create("/a")
            await until(lambda: done)

    run(main())

    assert "blocked the event loop for 0.3 s" in caplog.text
    assert "heavy" in caplog.text


def test_a_listener_may_be_a_coroutine_function_and_end_by_returning_true(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            told: list[State] = []

            async def listen(state: State) -> bool:
                await client.exists("/")  # asked again when the server is back
                told.append(state)
                return state is State.CONNECTED

            client.add_listener(listen)
            server.restart()
            await until(lambda: told == [State.SUSPENDED, State.CONNECTED])
            server.restart()
            assert await stays(lambda: len(told) == 2, A_MOMENT)
            await until(lambda: client.connected)

    run(main())


def test_a_watch_may_be_a_coroutine_function(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            told = []

            async def watch(event: WatchedEvent) -> None:
                told.append((event, await client.exists("/a")))

            await client.exists("/a", watch)
            await client.create("/a")
            await until(lambda: told)
            assert told[0][1] is not None

    run(main())


def test_a_callback_may_close_its_client(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        closed = []

        async def close(_: WatchedEvent) -> None:
            await client.stop()
            closed.append(client.connected)

        await client.exists("/a", close)
        await client.create("/a")
        await until(lambda: closed == [False])
        await until(lambda: not others())

    run(main())


def test_words_are_asked_before_the_start_too(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)

        assert await client.command(b"ruok") == "imok"
        assert await client.server_version() >= (3, 8)

    run(main())


ASKED_FIRST: dict[str, Callable[[Client], Awaitable[object]]] = {
    "create": lambda client: client.create("/s/a"),
    "create_async": lambda client: client.create_async("/s/a"),
    "ensure_path": lambda client: client.ensure_path("/s/a"),
    "ensure_path_async": lambda client: client.ensure_path_async("/s/a"),
    "set_async": lambda client: client.set_async("/s", b"1"),
    "add_auth": lambda client: client.add_auth("digest", "a:b"),
    "DataWatch": lambda client: client.DataWatch("/s"),
    "command": lambda client: client.command(b"ruok"),
    "start": lambda client: client.start(),
}


@pytest.mark.parametrize("name", ASKED_FIRST)
def test_whatever_is_asked_first_in_a_child_opens_a_session_of_its_own(
    server: Server, name: str
) -> None:
    client = Client(server.address, after_fork="new session", auth_data=[("digest", "c:d")])

    async def ask() -> object:
        async with asyncio.timeout(SOON):
            await ASKED_FIRST[name](client)
            await client.exists("/s")
        identity = client.client_id
        await client.stop()
        return identity and identity[0]

    async def main() -> None:
        async with client:
            await client.create("/s")
            assert client.client_id is not None
            told = await asyncio.to_thread(told_by_child, ask)
            assert re.fullmatch(r"\d+", told), told
            assert int(told) != client.client_id[0]
            assert await client.exists("/s")

    run(main())


def test_a_running_client_cannot_be_started_on_another_loop(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:

            def elsewhere() -> None:
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(client.start())
                with pytest.raises(UsageError, match="another event loop"):
                    asyncio.run(client.wait_for_start())

            await asyncio.to_thread(elsewhere)
            assert client.connected
            await client.start()

    run(main())


@pytest.mark.filterwarnings("ignore")  # asyncio complains of tasks and transports that were left
@pytest.mark.parametrize("stops", [True, False])
def test_a_client_goes_on_after_a_loop_that_was_closed_before_its_tasks_had_ended(
    server: Server, stops: bool
) -> None:
    client = Client(server.address)
    told: list[State] = []
    client.add_listener(told.append)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.start())
    client.driver.callbacks.post("left", lambda: None)
    loop.close()
    del loop
    gc.collect()

    async def main() -> None:
        if stops:
            await client.stop()
        await client.start()
        gc.collect()
        assert await client.exists("/")
        told.clear()
        server.restart()
        await until(lambda: told[:2] == [State.SUSPENDED, State.CONNECTED])
        await client.stop()

    asyncio.run(main())


def test_a_watch_that_raises_a_cancellation_is_logged_and_holds_up_no_other(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a")
            seen: list[WatchedEvent] = []
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()

            def at_once(_: WatchedEvent) -> None:
                raise asyncio.CancelledError

            async def later(_: WatchedEvent) -> None:
                await cancelled

            for number in range(1, 3):
                await client.get("/a", at_once)
                await client.get("/a", later)
                await client.get("/a", seen.append)
                await client.set("/a", b"")
                await until(lambda number=number: len(seen) == number)  # type: ignore[misc]
                await until(lambda n=number: caplog.text.count("callback failed") == 2 * n)  # type: ignore[misc]

    run(main())


def test_a_client_retries_by_what_it_was_given(server: Server) -> None:
    retry = Retry(7)

    assert Client(server.address, command_retry=retry).retry is retry
    with pytest.raises(ArgumentTypeError, match=r"must be a zc\.zk\.Retry"):
        zc.zk.Client(server.address, command_retry=retry)


def test_what_waits_ends_with_the_client(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        with server.faults.stall():
            waiting = [
                client.get_async("/"),
                client.create_async("/a", ephemeral=True),
                client.ensure_path_async("/a/b"),
                asyncio.create_task(client.ensure_path("/c/d")),
                asyncio.create_task(client.DataWatch("/")),
                asyncio.create_task(client.data_watches({"/": print})),
            ]
            await asyncio.sleep(A_MOMENT)
            await client.stop()
            results = await asyncio.wait_for(
                asyncio.gather(*waiting, return_exceptions=True), timeout=1.0
            )
        assert all(isinstance(each, ConnectionClosedError) for each in results), results

    run(main())


def test_a_slow_watch_holds_up_no_other(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            may_go_on = asyncio.Event()
            seen: list[str] = []

            async def slow(_: WatchedEvent) -> None:
                await may_go_on.wait()
                seen.append("slow")

            async def quick(_: WatchedEvent) -> None:
                seen.append("quick")

            async def listen(_: State) -> None:
                await may_go_on.wait()

            client.add_listener(listen)
            await client.exists("/a", slow)
            await client.exists("/a", quick)
            await client.create("/a")
            await until(lambda: seen == ["quick"])
            server.restart()
            await until(lambda: not client.connected)
            await until(lambda: client.connected)
            await client.get("/a", quick)
            await client.set("/a", b"")
            await until(lambda: seen == ["quick", "quick"])
            may_go_on.set()
            await until(lambda: seen[2:] == ["slow"])

    run(main())


def test_a_watch_may_ask_and_watch_again(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a", b"0")
            seen: list[bytes] = []

            async def look(_: WatchedEvent | None = None) -> None:
                seen.append((await client.get("/a", look))[0])

            await look()
            for count in (b"1", b"2", b"3"):
                await client.set("/a", count)
                await until(lambda count=count: seen[-1] == count)  # type: ignore[misc]
            assert seen == [b"0", b"1", b"2", b"3"]

    run(main())


def test_a_standing_watch_is_called_in_the_order_of_the_changes(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a")
            seen: list[str | None] = []

            async def note(event: WatchedEvent) -> None:
                await asyncio.sleep(0)
                seen.append(event.path)

            await client.add_watch("/a", note, zc.zk.AddWatchMode.PERSISTENT_RECURSIVE)
            for number in range(20):
                await client.create(f"/a/{number}")
            await until(lambda: seen == [f"/a/{number}" for number in range(20)])
            await client.remove_watches("/a")
            await client.create("/a/none")
            assert await stays(lambda: seen[20:] in ([], ["/a"]), A_MOMENT)  # that it was removed

    run(main())


def test_listeners_are_told_of_a_lost_session_in_order(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            told: list[State] = []

            async def listen(state: State) -> None:
                await asyncio.sleep(0.001)
                told.append(state)

            client.add_listener(listen)
            assert client.client_id is not None
            server.expire(client.client_id[0])
            await until(lambda: told[-1:] == [State.CONNECTED])
            assert told == [State.SUSPENDED, State.LOST, State.CONNECTED]

    run(main())


def test_a_listener_may_restart_its_client(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        sessions: list[object] = []

        async def restart(state: State) -> None:
            if state is State.SUSPENDED and not sessions:
                sessions.append(client.client_id)
                await client.restart()
                sessions.append(client.client_id)

        client.add_listener(restart)
        server.restart()
        await until(lambda: len(sessions) == 2)
        assert client.connected
        assert sessions[0] != sessions[1]
        assert await client.exists("/")
        await client.stop()

    run(main())


class Unhashable:
    """A function that cannot be a key, as every dataclass that can be called is."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.calls: list[object] = []

    def __eq__(self, other: object) -> bool:
        return self is other

    async def __call__(self, *arguments: object) -> None:
        self.calls.append(arguments)


def test_a_function_need_not_be_hashable_to_be_called_back(server: Server) -> None:
    async def main() -> None:
        listener, watch = Unhashable(), Unhashable()
        async with Client(server.address) as client:
            client.add_listener(listener)
            await client.create("/a")
            await client.get("/a", watch)
            await client.set("/a", b"")
            await until(lambda: watch.calls)
        assert listener.calls == [(State.LOST,)]

    run(main())


def test_a_client_goes_to_the_servers_that_it_was_given(server: Server) -> None:
    async def main() -> None:
        with Server(tick_time=0.05) as other:
            async with Client(server.address) as client:
                client.set_hosts(other.address)
                await until(lambda: client.connected and client.info.server.endswith(other.address))
                assert client.hosts == other.address
                assert await client.exists("/")

    run(main())


def test_a_read_only_server_is_read_from_until_it_takes_writes(server: Server) -> None:
    async def main() -> None:
        server.go_read_only()
        async with Client(server.address, read_only=True) as client:
            assert client.client_state is zc.zk.KeeperState.CONNECTED_RO
            assert await client.exists("/")
            with pytest.raises(zc.zk.NotReadOnlyCallError):
                await client.create("/a")
            server.go_read_write()
            await until(lambda: client.client_state is zc.zk.KeeperState.CONNECTED)
            assert await client.create("/a") == "/a"

    run(main())


def test_a_writable_server_is_looked_for_while_another_is_read_from(server: Server) -> None:
    async def main() -> None:
        with Server(tick_time=0.05) as other:
            server.go_read_only()
            async with Client(
                [server.address, other.address], read_only=True, randomize_hosts=False
            ) as client:
                await until(lambda: client.client_state is zc.zk.KeeperState.CONNECTED)
                assert await client.create("/a") == "/a"

    run(main())


@pytest.mark.parametrize("is_bounded", [False, True])
def test_a_callback_may_close_its_client_in_a_task_of_its_own(
    server: Server, caplog: pytest.LogCaptureFixture, is_bounded: bool
) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        closed = []

        async def close(_: WatchedEvent) -> None:
            if is_bounded:
                await asyncio.wait_for(client.stop(), SOON)  # a task, in Python 3.11
            else:
                await asyncio.create_task(client.stop())
            closed.append(client.connected)

        await client.exists("/a", close)
        await client.create("/a")
        await until(lambda: closed == [False])
        await until(lambda: not others())

    run(main())

    assert "had not ended" not in caplog.text


def test_callbacks_that_close_their_client_do_not_wait_for_one_another(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        closed = []

        async def close(_: WatchedEvent) -> None:
            await client.stop()
            closed.append("first")

        async def close_later(_: WatchedEvent) -> None:
            await until(lambda: client.client_state is zc.zk.KeeperState.CLOSED)
            await client.stop()
            closed.append("second")

        await client.exists("/a", close)
        await client.exists("/a", close_later)
        await client.create("/a")
        await until(lambda: len(closed) == 2, 1.0)
        await until(lambda: not others())

    run(main())


def test_a_client_may_be_stopped_after_all_tasks_were_cancelled(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        await client.start()
        for task in others():
            task.cancel()
        await until(lambda: not client.connected)
        await client.stop()
        await client.start()
        assert await client.exists("/")
        await client.stop()

    run(main())


def test_a_stop_ends_a_start(server: Server) -> None:
    async def main() -> None:
        server.stop()
        client = Client(server.address)
        starting = asyncio.create_task(client.start())
        await asyncio.sleep(A_MOMENT)
        await client.stop()
        with pytest.raises(ConnectionClosedError):
            await asyncio.wait_for(starting, SOON)

    run(main())


CLOSED_LOOP = """
import asyncio, sys
import zc.zk.aio

loop = asyncio.new_event_loop()
client = zc.zk.aio.Client(sys.argv[1], 1.0)
loop.run_until_complete(client.start())
loop.close()
"""


def test_a_program_that_closes_its_loop_in_the_middle_ends_in_silence_and_so_does_its_session(
    server: Server,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", on_same_loops(CLOSED_LOOP), server.address],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 0
    assert "could not be stopped" not in ended.stderr
    assert "Event loop is closed" not in ended.stderr
    wait_until(lambda: not server.sessions, SOON)


def test_a_log_handler_may_call_the_client(server: Server) -> None:
    async def main() -> None:
        asked: list[Any] = []

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if client.connected:
                    asked.append(client.get_async("/"))

        logger = logging.getLogger("zc.zk tests, a handler that asks")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(Handler())
        client = Client(server.address, logger=logger)
        async with client:
            server.restart()
            await until(lambda: not client.connected)
            await until(lambda: client.connected and asked)
        await asyncio.gather(*asked, return_exceptions=True)

    run(main())


def test_more_than_the_network_takes_at_once_is_sent_all_the_same(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            await client.create("/a")
            await asyncio.gather(*(client.set("/a", b"x" * 1_000_000) for _ in range(40)))
            assert (await client.get("/a"))[1].version == 40

    run(main())


def test_a_refused_identity_ends_the_client(server: Server) -> None:
    async def main() -> None:
        with pytest.raises(zc.zk.AuthFailedError):
            await Client(server.address, auth_data=[("nonsense", "x")]).start()
        assert others() == set()
        async with Client(server.address) as client:
            with pytest.raises(zc.zk.AuthFailedError):
                await client.add_auth("nonsense", "x")
            with pytest.raises(zc.zk.ZooKeeperError):
                await asyncio.wait_for(client.get("/"), SOON)

    run(main())


def test_a_client_starts_again_when_a_stop_that_was_cancelled_has_ended(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        for turns in range(10):
            await client.start()
            stopping = asyncio.create_task(client.stop())
            for _ in range(turns):
                await asyncio.sleep(0)
            stopping.cancel()
            await asyncio.wait((stopping,))
            await client.start()
            assert await client.exists("/")
            await client.stop()

    run(main())


def test_a_session_lives_on_that_was_begun_before_the_last_one_had_ended(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address, 0.5)
        await client.start()
        may_go_on = asyncio.Event()

        async def slow(_: State) -> None:
            await may_go_on.wait()

        client.add_listener(slow)
        stopping = asyncio.create_task(client.stop())
        await until(lambda: client.client_state is zc.zk.KeeperState.CLOSED)
        assert await client.start_async().wait(SOON)
        may_go_on.set()
        await stopping
        assert await stays(lambda: client.connected, 1.0)  # it is pinged
        await client.stop()

    run(main())


def test_a_start_that_is_cancelled_while_it_looks_for_the_chroot_leaves_nothing(
    server: Server,
) -> None:
    async def main() -> None:
        client = Client(f"{server.address}/app")
        with server.faults.stall(operation="exists") as stalled:
            starting = asyncio.create_task(client.start())
            await asyncio.to_thread(stalled.wait, SOON)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
        assert others() == set()
        assert client.client_state is zc.zk.KeeperState.CLOSED

    run(main())


def test_a_start_that_fails_leaves_a_client_that_ran_before(server: Server) -> None:
    async def main() -> None:
        client = Client(f"{LOOPBACK}:{free_port()}")
        patient = asyncio.create_task(client.wait_for_start())
        await asyncio.sleep(0)
        with pytest.raises(zc.zk.FailedConnect):
            await client.start(0.05)
        client.set_hosts(server.address)
        await patient
        assert client.connected
        await client.stop()

    run(main())


def test_a_listener_that_is_told_of_a_stop_may_start_the_client_again(server: Server) -> None:
    async def main() -> None:
        client = Client(server.address)
        began_again = asyncio.Event()

        @client.add_listener
        async def begin_again(state: State) -> None:
            if state is State.LOST and not began_again.is_set():
                await client.start()
                began_again.set()

        await client.start()
        began_at = time.monotonic()
        await client.stop()
        await asyncio.wait_for(began_again.wait(), SOON)
        assert time.monotonic() - began_at < 1.0  # nobody waited for the end of the other
        assert await client.exists("/")
        await client.stop()

    run(main())


def test_what_is_let_go_after_the_stop_sets_no_timer(server: Server) -> None:
    async def main() -> None:
        async with zc.zk.aio.ZooKeeper(server.address) as zk:
            children, driver = await zk.children("/"), weakref.ref(zk.client.driver)
            del zk
        del children
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        assert driver() is None

    run(main())


INTERRUPTED = """
import asyncio, signal, sys
from zc.zk.aio import Client
from zc.zk.drivers.aio.future import Asked
from zc.zk.drivers.aio.link import Link

def interrupt_once(owner, name):
    real = getattr(owner, name)
    def interrupted(*arguments):
        setattr(owner, name, real)
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)
    setattr(owner, name, interrupted)

loop = asyncio.SelectorEventLoop()  # uvloop keeps what its callbacks raise to itself
client = Client(sys.argv[1], operation_timeout=5.0)
loop.run_until_complete(client.start())

for owner, name in ((Asked, "resolve"), (Link, "write")):
    getting = loop.create_task(client.get("/"))
    interrupt_once(owner, name)
    try:
        loop.run_until_complete(asyncio.wait([getting]))
    except KeyboardInterrupt:
        print(name)
    if getting.done():
        print(repr(getting.exception()))
    else:
        print(loop.run_until_complete(getting)[0])
    print(loop.run_until_complete(client.get("/"))[0], client.info.reconnects)
loop.run_until_complete(client.stop())
loop.close()
"""


def test_an_interruption_in_the_middle_of_a_step_leaves_no_call_without_an_answer(
    server: Server,
) -> None:
    told = run_program(INTERRUPTED, server.address).splitlines()

    assert told == ["resolve", "b''", "b'' 1", "write", "KeyboardInterrupt()", "b'' 2"]


DAEMON = """
import asyncio, logging, sys, threading
from zc.zk.aio import Client

logging.basicConfig(level=logging.WARNING)
is_ready = threading.Event()

async def main():
    client = Client(sys.argv[1])
    await client.start()
    await client.create("/mine", ephemeral=True)
    is_ready.set()
    await asyncio.Event().wait()

threading.Thread(target=asyncio.run, args=(main(),), kwargs={"debug": True}, daemon=True).start()
is_ready.wait()
"""


@pytest.mark.slow
def test_a_loop_in_a_daemon_thread_ends_its_sessions_with_the_process(server: Server) -> None:
    assert run_program(DAEMON, server.address) == ""

    assert server.sessions == []
