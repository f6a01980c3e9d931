"""The driver for plain threads: what it does beside the session, on loopback."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proxy import FaultProxy
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, ConnectionClosedError, ForkedClientError
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.operations import Exists, GetData
from zc.zk.protocol.live import LiveData
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase
from zc.zk.testing import Server

SOON = 20.0
A_MOMENT = 0.05


@pytest.fixture
def proxy(embedded: Server, proxy_to: Callable[[int], FaultProxy]) -> FaultProxy:
    """A fault proxy before `embedded`."""
    return proxy_to(embedded.port)


@pytest.fixture
def proxied(proxy: FaultProxy) -> Iterator[Client]:
    """A client behind the proxy."""
    with Client(proxy.address) as proxied:
        yield proxied


def threads_of(client: Client) -> list[str]:
    prefix = f"zc.zk {client.hosts} "
    names = [each.name for each in threading.enumerate()]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


# --- starting and stopping


def test_a_client_that_only_asks_has_one_thread(client: Client) -> None:
    for _ in range(10):
        client.get("/a")

    assert threads_of(client) == ["reader"]


def test_no_thread_is_left_after_stopping(client: Client) -> None:
    client.get("/a", lambda event: None)
    client.set("/a", b"1")

    client.stop()

    assert threads_of(client) == []


@pytest.mark.slow
def test_a_client_that_lost_its_connection_has_no_more_threads(
    proxied: Client, proxy: FaultProxy
) -> None:
    before = threads_of(proxied)
    for count in range(2, 5):
        proxy.cut()
        wait_until(lambda: len(proxy.attempts) >= count and proxied.connected, SOON)  # noqa: B023 (called at once)

    assert threads_of(proxied) == before


@pytest.mark.slow
def test_a_client_that_is_left_open_ends_its_session_with_the_process(embedded: Server) -> None:
    program = (
        "import sys, zc.zk\n"
        "client = zc.zk.Client(sys.argv[1])\n"
        "client.start()\n"
        "print(client.client_id[0])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, embedded.address],
        capture_output=True,
        check=True,
        text=True,
        timeout=stretched(SOON),
    )

    assert int(done.stdout) not in embedded.sessions


@pytest.mark.slow
def test_a_child_of_fork_may_not_use_its_parents_client(embedded: Server) -> None:
    program = (
        "import os, sys, zc.zk\n"
        "client = zc.zk.Client(sys.argv[1])\n"
        "client.start()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    refused = 0\n"
        "    for call in (lambda: client.get('/'), lambda: client.get_async('/'),\n"
        "                 client.start, lambda: client.DataWatch('/')):\n"
        "        try:\n"
        "            call()\n"
        "        except zc.zk.ForkedClientError:\n"
        "            refused += 1\n"
        "    with zc.zk.Client(sys.argv[1]) as own:\n"
        "        own.get('/')\n"
        "    os._exit(refused)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), client.exists('/') is not None)\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, embedded.address],
        capture_output=True,
        check=True,
        text=True,
        timeout=stretched(SOON),
    )

    assert done.stdout.split() == ["4", "True"]
    assert issubclass(ForkedClientError, Exception)


# --- sending


@pytest.mark.slow
def test_what_nobody_waits_for_leaves_in_company(proxied: Client, proxy: FaultProxy) -> None:
    proxied.create("/a")
    proxy.forget_frames()

    results = [proxied.get_async("/a") for _ in range(2000)]

    assert all(result.wait(stretched(SOON)) for result in results)
    assert len([frame for frame in proxy.frames if frame.opcode == 4]) == 2 * 2000


def test_what_nobody_waits_for_leaves_all_the_same(proxied: Client, proxy: FaultProxy) -> None:
    results = [proxied.exists_async("/") for _ in range(100)]

    wait_until(lambda: all(result.ready for result in results), SOON)


@pytest.mark.slow
def test_a_peer_that_does_not_read_holds_up_no_caller_and_no_reader(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a")
    data = bytes(500_000)
    proxy.hold("to_server")

    results = [proxied.set_async("/a", data) for _ in range(40)]
    assert not results[-1].ready
    proxy.heal()

    assert [result.get(stretched(SOON)).version for result in results] == list(range(1, 41))


@pytest.mark.slow
def test_what_was_not_sent_when_the_connection_broke_fails_and_the_next_goes_on(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a")
    proxy.hold("to_server")
    results = [proxied.set_async("/a", bytes(500_000)) for _ in range(40)]

    proxy.cut()
    proxy.heal()

    assert all(result.wait(stretched(SOON)) for result in results)
    assert proxied.set("/a", b"1").version > 0


# --- time


def test_a_call_later_is_made_when_it_is_due_though_nothing_else_happens(client: Client) -> None:
    due: list[float] = []
    began = time.monotonic()

    client.driver.call_later(A_MOMENT, lambda: due.append(time.monotonic()))

    wait_until(lambda: due, SOON)
    assert A_MOMENT <= due[0] - began < stretched(0.8)


def test_a_call_later_is_made_without_a_server_too(embedded: Server, client: Client) -> None:
    due: list[int] = []
    embedded.stop()
    wait_until(lambda: not client.connected, SOON)

    client.driver.call_later(A_MOMENT, lambda: due.append(1))

    wait_until(lambda: due, SOON)


# --- live nodes


def test_a_live_node_of_a_closed_client_is_an_error(client: Client) -> None:
    live = LiveData(client.driver.session, "/a")
    client.stop()

    with pytest.raises(ConnectionClosedError, match="/a"):
        client.driver.keep([live], time.monotonic() + SOON)


@pytest.mark.slow
def test_making_a_live_node_current_ends_when_the_client_is_closed(
    proxied: Client, proxy: FaultProxy
) -> None:
    live = LiveData(proxied.driver.session, "/a")
    proxy.hold()
    with ThreadPoolExecutor(1) as threads:
        keeping = threads.submit(proxied.driver.keep, [live], time.monotonic() + stretched(SOON))
        assert remains(lambda: not keeping.done(), A_MOMENT)

        proxied.stop()

        keeping.result(stretched(SOON))
    assert isinstance(live.error, ConnectionClosedError)


# --- the reader


@pytest.mark.slow
def test_an_unexpected_error_in_the_reader_is_logged_and_the_connection_made_anew(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(session: Session, data: bytes, now: float) -> None:
        monkeypatch.undo()
        raise KeyError("the fault of the core")

    monkeypatch.setattr(Session, "receive", fail)

    assert client.get("/a")[0] == b"0"
    assert "the fault of the core" in caplog.text
    assert client.connected


def test_a_change_of_state_is_logged_with_its_reason(
    proxied: Client, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ZooKeeper"):
        proxy.cut()
        wait_until(lambda: "CONNECTED" in caplog.text, SOON)

    messages = [record.getMessage() for record in caplog.records]
    assert "SUSPENDED" in messages[0]
    assert "the server hung up" in messages[0]
    assert f"connected to {proxied.hosts}" in messages[-1]


@pytest.mark.slow
def test_no_log_line_holds_a_password_or_data(
    embedded: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), Client(embedded.address) as client:
        client.add_auth("digest", "user:the-password")
        client.create("/secret", b"the-data")
        assert client.client_id is not None
        password = client.client_id[1]
        embedded.drop_connections()
        wait_until(lambda: "SUSPENDED" in caplog.text, SOON)
        client.get("/secret")

    assert "the-password" not in caplog.text
    assert "the-data" not in caplog.text
    assert password.hex() not in caplog.text
    assert repr(password) not in caplog.text


def test_a_driver_that_was_not_started_is_stopped_at_once(client: Client) -> None:
    driver: ThreadDriver = Client(client.hosts).driver

    driver.stop()

    assert driver.session.phase is Phase.STOPPED
    with pytest.raises(ConnectionClosedError):
        driver.call(Exists("/"), time.monotonic() + SOON)
    with pytest.raises(ConnectionClosedError):
        driver.call_async(GetData("/"), time.monotonic() + SOON).get()
