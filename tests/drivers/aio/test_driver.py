"""The driver for asyncio: what it does beside the session, on loopback."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from tests.aio.looping import others, run, turns, until
from tests.drivers.conftest import OnLoop
from tests.drivers.test_authenticating import Scripted
from tests.keys import Keys
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.saslserver import USERS, SaslServer
from tests.scripted import Peer, ScriptedServer
from tests.waiting import stretched
from zc.zk import (
    TLS,
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    DigestMD5,
    FailedConnect,
    OperationTimeoutError,
    State,
    UsageError,
)
from zc.zk.aio import Client
from zc.zk.drivers.aio.driver import AioDriver
from zc.zk.drivers.aio.link import Link
from zc.zk.operations import Exists, GetData
from zc.zk.protocol.live import LiveData
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase
from zc.zk.testing import Server, ServerTLS

SOON = 20.0
A_MOMENT = 0.03


def in_time() -> float:
    return monotonic() + stretched(SOON)


@pytest.fixture
def proxy(embedded: Server, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before `embedded`."""
    return proxy_to(embedded.port)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is written, write by write."""
    sizes: list[int] = []
    write = Link.write

    def note(link: Link, data: bytes) -> None:
        sizes.append(len(data))
        write(link, data)

    monkeypatch.setattr(Link, "write", note)
    return sizes


# --- connecting


@pytest.mark.parametrize("rst", [False, True])
def test_a_connection_that_was_cut_is_made_anew(
    proxy: FaultProxy, on_loop: OnLoop, rst: bool
) -> None:
    async def main() -> None:
        async with Client(proxy.address) as client:
            before = client.client_id
            for _ in range(3):
                await asyncio.to_thread(proxy.cut, rst=rst)
                await until(lambda: not client.connected)
                assert await client.exists("/")
            assert client.client_id == before

    on_loop(main())


def test_a_server_that_falls_silent_is_given_up(proxy: FaultProxy, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(proxy.address, 1.0) as client:
            await asyncio.to_thread(proxy.black_hole)
            await until(lambda: client.state is State.SUSPENDED)
            assert "no reply for" in client.driver.session.ensemble.failures.popitem()[1]
            await asyncio.to_thread(proxy.heal)
            await until(lambda: client.connected)

    on_loop(main())


def test_an_idle_connection_is_kept_by_pings(proxy: FaultProxy, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(proxy.address, 0.6) as client:
            told: list[State] = []
            client.add_listener(told.append)
            proxy.forget_frames()
            await until(lambda: len([each for each in proxy.frames if each.opcode == 11]) >= 6)
            assert told == []

    on_loop(main())


def test_a_server_that_hangs_up_without_a_greeting_is_named(on_loop: OnLoop) -> None:
    with ScriptedServer(lambda peer: peer.end(rst=True), lambda peer: peer.end()) as server:
        address = f"{LOOPBACK}:{server.port}"

        async def main() -> None:
            client = Client(address, connect_timeout=20.0)
            with pytest.raises(FailedConnect, match=address):
                await client.start(0.5)

        on_loop(main())
        assert server.accepted > 1  # it was tried again, long before the time-out


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_host_may_have_a_name(embedded: Server, on_loop: OnLoop, host: str) -> None:
    async def main() -> None:
        async with Client(f"{host}:{embedded.port}") as client:
            assert client.driver.peer.endswith(f":{embedded.port}")
            assert client.driver.servers[0].host == host
        assert client.driver.peer == ""

    on_loop(main())


def test_an_unexpected_error_is_logged_and_the_connection_made_anew(
    embedded: Server,
    on_loop: OnLoop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(session: Session, data: bytes, now: float) -> None:
        monkeypatch.undo()
        raise KeyError("the fault of the core")

    async def main() -> None:
        async with Client(embedded.address) as client:
            monkeypatch.setattr(Session, "receive", fail)
            assert await client.exists("/")

    on_loop(main())

    assert "the fault of the core" in caplog.text


def test_an_unexpected_error_at_a_deadline_leaves_the_next_deadline_to_be_met(
    embedded: Server, on_loop: OnLoop, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise KeyError("the fault of the timer")

    async def main() -> None:
        async with Client(embedded.address) as client:
            done: list[int] = []
            client.driver.call_later(0.01, fail)
            client.driver.call_later(0.02, lambda: done.append(1))
            await until(lambda: done)

    on_loop(main())

    assert "the fault of the timer" in caplog.text


# --- TLS and SASL


def test_a_session_over_tls_outlives_its_connections(keys: Keys, on_loop: OnLoop) -> None:
    tls = ServerTLS(keys.server.certificate, keys.server.key)
    with Server(tls=tls) as server:

        async def main() -> None:
            async with Client(server.address, tls=TLS(ca=keys.trusted)) as client:
                before = client.client_id
                await client.create("/a", bytes(500_000))
                server.drop_connections()
                assert len((await client.get("/a"))[0]) == 500_000
                assert client.client_id == before

        on_loop(main())


def test_a_server_that_is_not_trusted_gets_no_session(keys: Keys, on_loop: OnLoop) -> None:
    identity = keys.untrusted_server
    with Server(tls=ServerTLS(identity.certificate, identity.key)) as server:

        async def main() -> None:
            with pytest.raises(FailedConnect, match="not trusted"):
                await Client(server.address, tls=TLS(ca=keys.trusted)).start(0.3)

        on_loop(main())


class Refusing(Scripted):
    """A mechanism that refuses the server."""


class RefusingSlowly(Refusing):
    may_block = True


@pytest.mark.parametrize("mechanism", [Refusing, RefusingSlowly])
def test_a_refusal_by_the_mechanism_stops_the_client_for_good_until_it_is_started_again(
    embedded: Server, on_loop: OnLoop, mechanism: type[Refusing]
) -> None:
    async def main() -> None:
        refusals = [AuthFailedError(scheme="TEST", server="s", reason="no") for _ in range(5)]
        client = Client(embedded.address, sasl=mechanism(*refusals))
        for _ in range(2):
            with pytest.raises(AuthFailedError):
                await client.start()
            assert client.driver.session.phase is Phase.STOPPED

    on_loop(main())


# --- writing


def test_one_request_leaves_at_once_and_many_of_one_turn_leave_together(
    embedded: Server, on_loop: OnLoop, writes: list[int]
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            writes.clear()
            first = client.exists_async("/")
            assert len(writes) == 1
            results = [client.exists_async("/") for _ in range(500)]
            assert len(writes) == 1
            await asyncio.gather(first, *results)
            assert len(writes) == 2

    on_loop(main())


@pytest.mark.slow
def test_a_peer_that_does_not_read_holds_up_nobody_and_loses_nothing(
    proxy: FaultProxy, on_loop: OnLoop, writes: list[int]
) -> None:
    async def main() -> None:
        async with Client(proxy.address) as client:
            await client.create("/a")
            await asyncio.to_thread(proxy.hold, "to_server")
            results = []
            for _ in range(40):
                results.append(client.set_async("/a", bytes(500_000)))
                await turns(1)
            assert sum(writes) < 39 * 500_000
            await asyncio.to_thread(proxy.heal)
            versions = [(await result).version for result in results]
            assert versions == list(range(1, 41))

    on_loop(main())


@pytest.mark.slow
def test_a_peer_that_does_not_read_costs_no_more_turns_than_its_pings(
    on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned: list[float] = []
    turn = AioDriver._turn  # noqa: SLF001 (what is counted)
    stays_silent = threading.Event()

    def count(driver: AioDriver, data: bytes = b"") -> None:
        turned.append(monotonic())
        turn(driver, data)

    def script(peer: Peer) -> None:
        peer.shake_hands()
        stays_silent.wait(10.0)

    monkeypatch.setattr(AioDriver, "_turn", count)

    async def main() -> None:
        with ScriptedServer(script) as server:
            client = Client(f"{LOOPBACK}:{server.port}", 1.0, connect_timeout=0.2)
            await client.start()
            futures = [client.set_async("/a", bytes(900_000)) for _ in range(20)]
            turned.clear()
            await until(lambda: not client.connected)
            stays_silent.set()
            await client.stop()
            await asyncio.gather(*futures, return_exceptions=True)

    on_loop(main())

    assert len(turned) < 50


# --- time


def test_there_is_one_timer_and_none_after_the_stop(embedded: Server) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()

        def timers() -> int:
            return len([each for each in loop._scheduled if not each.cancelled()])  # noqa: SLF001

        async with Client(embedded.address) as client:
            for _ in range(50):
                await client.within(5.0).exists("/")
            client.driver.call_later(60.0, lambda: None)
            assert timers() == 1
        assert timers() == 0
        with pytest.raises(ConnectionClosedError):
            await client.within(5.0).exists("/")
        assert timers() == 0

    run(main(), asyncio.SelectorEventLoop)  # others do not tell


def test_a_live_node_is_waited_for_as_long_as_was_said(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            with embedded.faults.stall():
                for number in range(20):
                    seconds = A_MOMENT + number * 0.0003  # uvloop waits for whole milliseconds
                    begun = monotonic()
                    with pytest.raises(OperationTimeoutError):
                        await client.within(seconds).DataWatch("/")
                    assert monotonic() - begun >= seconds

    on_loop(main())


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_deadline_is_met(embedded: Server, on_loop: OnLoop, is_connected: bool) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            if is_connected:
                embedded.faults.stall()
            else:
                embedded.stop()
                await until(lambda: not client.connected)
            driver, began = client.driver, monotonic()
            later = driver.call_async(GetData("/"), monotonic() + 5 * A_MOMENT)
            with pytest.raises(OperationTimeoutError):
                await driver.call(GetData("/"), monotonic() + A_MOMENT)
            assert not later.done()
            with pytest.raises(OperationTimeoutError):
                await later
            assert monotonic() - began < stretched(1.0)

    on_loop(main())


def test_who_is_in_haste_does_not_wait_for_a_connection(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            embedded.stop()
            await until(lambda: not client.connected)
            live = LiveData(client.driver.session, "/")
            with pytest.raises(ConnectionLoss):
                await client.driver.call(Exists("/"), in_time(), fail_fast=True)
            with pytest.raises(ConnectionLoss):
                await client.driver.keep([live], in_time(), fail_fast=True)

    on_loop(main())


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_call_later_is_made_when_it_is_due(
    embedded: Server, on_loop: OnLoop, is_connected: bool
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            if not is_connected:
                embedded.stop()
                await until(lambda: not client.connected)
            due: list[float] = []
            began = monotonic()
            client.driver.call_later(A_MOMENT, lambda: due.append(monotonic()))
            await until(lambda: due)
            assert A_MOMENT <= due[0] - began < stretched(1.0)

    on_loop(main())


# --- live nodes


def test_a_live_node_is_kept_and_let_go_from_any_thread(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            lives = [LiveData(client.driver.session, path) for path in ("/", "/missing")]
            await client.driver.keep(lives, in_time())
            assert [each.exists for each in lives] == [True, False]
            threads = [threading.Thread(target=client.driver.drop, args=(each,)) for each in lives]
            for thread in threads:
                thread.start()
            await until(lambda: all(each.is_dropped for each in lives))
            for thread in threads:
                thread.join()

    on_loop(main())


def test_many_live_nodes_are_let_go_in_several_turns(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            lives = [LiveData(client.driver.session, f"/{number}") for number in range(3500)]
            await client.driver.keep(lives, in_time())
            for live in lives:
                client.driver.drop(live)
            left, most = len(lives), 0
            while left:
                for _ in range(3):
                    client.driver.call_later(60.0, lambda: None)
                await asyncio.sleep(0)
                before, left = left, sum(not live.is_dropped for live in lives)
                most = max(most, before - left)
            assert most == 1000  # whatever else comes in the same turn
            assert client.driver.session.trail.watches.paths == set()

    on_loop(main())


@pytest.mark.parametrize("ends_by", ["time", "cancellation", "close"])
def test_a_live_node_that_does_not_become_known_is_let_go(
    embedded: Server, on_loop: OnLoop, ends_by: str
) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:
            with embedded.faults.stall():
                live = LiveData(client.driver.session, "/")
                seconds = A_MOMENT if ends_by == "time" else stretched(SOON)
                keeping = asyncio.create_task(client.driver.keep([live], monotonic() + seconds))
                await turns(3)
                if ends_by == "cancellation":
                    keeping.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await keeping
                    assert live.is_dropped
                elif ends_by == "time":
                    with pytest.raises(OperationTimeoutError):
                        await keeping
                    assert live.is_dropped
                else:
                    await client.stop()
                    await keeping
                    assert isinstance(live.error, ConnectionClosedError)
        with pytest.raises(ConnectionClosedError):
            await client.driver.keep([live], in_time())

    on_loop(main())


# --- starting and stopping


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 9, 15])
def test_a_stop_at_any_moment_of_the_start_leaves_nothing(
    embedded: Server, on_loop: OnLoop, count: int
) -> None:
    async def main() -> None:
        client = Client(embedded.address)
        client.start_async()
        await turns(count)
        await asyncio.gather(client.stop(), client.stop())
        assert others() == set()
        assert client.driver.session.phase is Phase.STOPPED

    on_loop(main())


def test_a_stop_ends_in_two_seconds_whatever_is_under_way(
    proxy: FaultProxy, on_loop: OnLoop
) -> None:
    async def main() -> None:
        dialling = Client(
            "192.0.2.1:1,localhost:1"
        )  # the first is for documentation alone: nobody has it
        dialling.start_async()
        async with Client(proxy.address) as silenced:
            await asyncio.to_thread(proxy.black_hole)
            greeting = Client(proxy.address)
            greeting.start_async()
            await until(lambda: greeting.driver.session.phase is Phase.GREETING)
            began = monotonic()
            await asyncio.gather(dialling.stop(), greeting.stop(), silenced.stop())
            assert monotonic() - began < stretched(2.0)

    on_loop(main())


def test_who_starts_again_when_a_call_says_that_the_client_was_refused_has_one_seeker(
    embedded: Server, on_loop: OnLoop
) -> None:
    async def main() -> None:
        refusals = [AuthFailedError(scheme="TEST", server="s", reason="no") for _ in range(9)]
        client = Client(embedded.address, sasl=Refusing(*refusals))
        client.start_async()
        for _ in range(3):
            with pytest.raises(AuthFailedError):
                await client.exists("/")
            client.start_async()
            await turns(2)
            seekers = [each for each in others() if each.get_name().endswith("seeker")]
            assert len(seekers) == 1
        await client.stop()

    on_loop(main())


def test_a_client_that_is_started_while_it_stops_goes_on(embedded: Server, on_loop: OnLoop) -> None:
    async def main() -> None:
        client = Client(embedded.address)
        await client.start()
        gate = asyncio.Event()
        client.driver.callbacks.post("key", gate.wait)
        stopping = asyncio.create_task(client.stop())
        await until(lambda: client.driver.session.phase is Phase.STOPPED)
        await turns(5)
        await client.start()
        gate.set()
        await stopping
        with embedded.faults.stall(), pytest.raises(OperationTimeoutError):
            await client.within(A_MOMENT).exists("/")
        await client.stop()
        assert others() == set()

    on_loop(main())


def test_a_loop_that_was_closed_without_a_stop_leaves_a_client_that_can_be_started(
    embedded: Server,
) -> None:
    client = Client(embedded.address)
    first = asyncio.new_event_loop()
    first.run_until_complete(client.start())
    pending = asyncio.all_tasks(first)
    for each in pending:
        each.cancel()
    first.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    first.close()

    async def main() -> None:
        async with client:
            assert await client.exists("/")

    run(main())
    gc.collect()


def test_a_start_on_another_loop_says_so(embedded: Server) -> None:
    async def main() -> None:
        async with Client(embedded.address) as client:

            async def elsewhere() -> None:
                with pytest.raises(UsageError, match="another event loop"):
                    client.start_async()

            await asyncio.to_thread(asyncio.run, elsewhere())

    run(main())


def test_a_driver_that_was_not_started_is_stopped_at_once() -> None:
    driver = Client(f"{LOOPBACK}:{free_port()}").driver

    run(driver.stop())

    assert driver.session.phase is Phase.STOPPED


PROGRAM = """
import asyncio, sys, zc.zk.aio
client = zc.zk.aio.Client(sys.argv[1])
loop = asyncio.SelectorEventLoop()  # uvloop ends its connections when it is closed, and nothing can be said any more
loop.run_until_complete(client.start())
loop.run_until_complete(client.create("/mine", ephemeral=True))
loop.close()
print(client.client_id[0])
"""


@pytest.mark.slow
def test_a_process_that_closed_its_loop_first_ends_its_session_with_itself(
    embedded: Server,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, embedded.address],
        capture_output=True,
        check=False,
        text=True,
        timeout=stretched(SOON),
    )

    assert int(ended.stdout) not in embedded.sessions
    assert "could not be stopped" not in ended.stderr


def test_a_client_logs_in_by_a_password(sasl_server: SaslServer, on_loop: OnLoop) -> None:
    async def main() -> None:
        login = DigestMD5("alice", USERS["alice"])
        async with Client(sasl_server.address, sasl=login) as client:
            assert await client.exists("/")
        with pytest.raises(AuthFailedError):
            await Client(sasl_server.address, sasl=DigestMD5("alice", "wrong")).start()

    on_loop(main())
