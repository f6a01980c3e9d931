"""Faults of a running server, as our client and kazoo see them."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.testing.clients import KINDS, connected, unconnected
from tests.waiting import stretched, wait_until
from zc.zk import Client
from zc.zk.errors import ArgumentError, FailedConnect
from zc.zk.server.settings import Settings
from zc.zk.testing import FaultHandle, Server

SOON = 10.0
pytestmark = pytest.mark.slow
dies = pytest.mark.filterwarnings(  # kazoo's thread, of what it does not expect
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(tick_time=0.05) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(kind: str, server: Server) -> Iterator[Any]:
    with connected(kind, server) as client:
        client.create("/n", b"data")
        yield client


@pytest.fixture
def states(client: Any) -> list[str]:
    seen: list[str] = []
    client.add_listener(lambda state: seen.append(str(state)))
    return seen


def answer(call: Callable[[], Any]) -> str:
    """Give the name of the error that a call raises, or nothing."""
    try:
        call().get(timeout=stretched(SOON))
    except Exception as error:  # noqa: BLE001 (which one is the question)
        return type(error).__name__
    return ""


def works_again(client: Any) -> bool:
    return wait_until(lambda: client.connected and not answer(lambda: client.get_async("/n")), SOON)


def has(server: Server, path: str) -> bool:
    with connected("ours", server) as other:
        return other.exists(path) is not None


def test_a_write_is_cut_off_before(client: Any, server: Server) -> None:
    with server.faults.drop_before(path="/m") as fault:
        assert answer(lambda: client.create_async("/m", b"")) == "ConnectionLoss"

    assert fault.happened
    assert works_again(client)
    assert not has(server, "/m")


def test_a_write_is_cut_off_after(client: Any, server: Server) -> None:
    with server.faults.drop_after() as fault:
        assert answer(lambda: client.create_async("/m", b"")) == "ConnectionLoss"

    assert fault.happened
    assert works_again(client)
    assert has(server, "/m")


@dies
def test_a_write_is_done_and_never_answered(client: Any, server: Server) -> None:
    with server.faults.mute() as fault:
        asked = client.create_async("/m", b"")

        assert fault.wait(stretched(SOON))
        assert has(server, "/m")
        assert not asked.ready()


def test_an_answer_is_late(client: Any, server: Server) -> None:
    with server.faults.delay(0.1, operation="get") as fault:
        begin = time.monotonic()
        assert client.get("/n")[0] == b"data"

    assert time.monotonic() - begin >= 0.1
    assert fault.count == 1


def test_a_stalled_server_answers_when_it_goes_on(client: Any, server: Server) -> None:
    with server.faults.stall(session=client.client_id[0]) as fault:
        asked = client.get_async("/n")
        assert fault.wait(stretched(SOON))
        assert not asked.ready()

    assert asked.get(timeout=stretched(SOON))[0] == b"data"


def test_a_stalled_server_accepts_and_says_nothing(kind: str, server: Server) -> None:
    client = unconnected(kind, server, timeout=0.5)
    with server.faults.stall() as fault:
        with pytest.raises(Exception, match=r"time|no ZooKeeper server"):
            client.start(0.2)
        assert fault.happened

    client.stop()
    client.close()


def test_a_half_open_connection_is_given_up_by_the_client(
    client: Any, states: list[str], server: Server
) -> None:
    session = client.client_id

    with server.faults.half_open() as fault:
        wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)

    assert fault.count == 1
    assert client.client_id == session
    assert works_again(client)


def test_connections_are_refused(kind: str, server: Server) -> None:
    client = unconnected(kind, server)
    with server.faults.refuse():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port))
        with pytest.raises(Exception, match=r"time|refused"):
            client.start(0.2)
        client.stop()

    client.start(stretched(SOON))
    assert client.connected
    client.stop()
    client.close()


@dies
def test_a_wrong_xid_is_noticed(client: Any, states: list[str], kind: str, server: Server) -> None:
    with server.faults.wrong_xid() as fault:
        error = answer(lambda: client.get_async("/n"))

    assert fault.happened
    wait_until(lambda: states[:1] in (["SUSPENDED"], ["LOST"]), SOON)
    if kind == "ours":  # a read is asked again
        assert error == ""
        assert works_again(client)
    else:
        assert error == "RuntimeError"


@pytest.mark.parametrize("name", ["truncate", "garbage", "oversize"])
def test_a_bad_frame_costs_the_connection(
    name: str, client: Any, states: list[str], server: Server
) -> None:
    with getattr(server.faults, name)() as fault:
        answer(lambda: client.get_async("/n"))

    assert fault.happened
    wait_until(lambda: states[:1] == ["SUSPENDED"], SOON)
    assert works_again(client)


def test_an_error_can_be_any(client: Any, server: Server) -> None:
    with server.faults.error(-125, operation="create") as fault:
        assert answer(lambda: client.create_async("/m", b"")) == "QuotaExceededError"

    assert fault.happened
    assert client.exists("/m") is None


@dies
def test_an_error_can_be_unknown(client: Any, kind: str, server: Server) -> None:
    with server.faults.error() as fault:
        asked = client.get_async("/n")
        assert fault.wait(stretched(SOON))

        if kind == "ours":
            assert answer(lambda: asked) == "UnknownError"
        else:
            assert not asked.ready()


def test_a_session_expires(client: Any, states: list[str], server: Server) -> None:
    session = client.client_id

    fault = server.faults.expire(session[0])

    assert (fault.count, fault.is_over) == (1, True)
    wait_until(lambda: states[-1:] == ["CONNECTED"], SOON)
    assert "LOST" in states
    assert client.client_id != session


def test_a_dropped_connection_comes_again(client: Any, states: list[str], server: Server) -> None:
    session = client.client_id

    server.faults.drop_connections(session=session[0])

    wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)
    assert client.client_id == session


def test_a_restart_keeps_the_session(client: Any, states: list[str], server: Server) -> None:
    session = client.client_id

    server.faults.restart()

    wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)
    assert client.client_id == session


def test_a_wipe_ends_the_session(client: Any, states: list[str], server: Server) -> None:
    server.faults.restart(wipe=True)

    wait_until(lambda: states[-1:] == ["CONNECTED"], SOON)
    assert "LOST" in states
    assert wait_until(lambda: client.connected and client.get_children("/"), SOON) == ["zookeeper"]


def test_a_server_that_went_back_turns_clients_away(
    client: Any, states: list[str], server: Server
) -> None:
    server.faults.go_back(3)
    wait_until(lambda: states == ["SUSPENDED"], SOON)

    with connected("ours", server) as other:
        for number in range(5):
            other.create(f"/{number}")

    wait_until(lambda: states[-1:] == ["CONNECTED"], SOON)


def test_a_server_can_be_restored_from_what_was_saved(client: Any, server: Server) -> None:
    saved, before, sessions = server.save(), server.zxid, server.sessions
    client.create("/later")

    server.restart(state=saved)

    assert server.zxid == before
    assert server.sessions == sessions
    assert not has(server, "/later")


def test_a_read_only_server_can_still_be_read(kind: str, server: Server) -> None:
    with server.faults.read_only() as fault, connected(kind, server, read_only=True) as client:
        assert fault.happened
        assert not answer(lambda: client.get_async("/"))
        assert answer(lambda: client.create_async("/m", b"")) == "NotReadOnlyCallError"


def test_a_read_only_server_is_one_after_a_restart_too(server: Server) -> None:
    with server.faults.read_only():
        server.restart()

        with pytest.raises(FailedConnect):
            unconnected("ours", server).start(0.2)


# Handles and scripts


def test_a_handle_says_what_it_is(server: Server) -> None:
    fault = server.faults.stall(after=100)

    assert repr(fault) == "<fault stall: to come, happened 0 times>"
    assert [each.name for each in server.faults] == ["stall"]
    assert not fault.wait(0)
    fault.lift()
    assert fault.is_over
    assert list(server.faults) == []


def test_faults_outlive_a_restart(server: Server) -> None:
    with server.faults.refuse():
        server.restart()

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port))

    socket.create_connection((server.host, server.port)).close()


def test_faults_of_a_stopped_server_can_be_set_and_lifted(server: Server) -> None:
    refused, dropped = server.faults.refuse(), server.faults.drop_before()
    server.stop()

    refused.lift()
    server.start()

    assert [each.name for each in server.faults] == ["drop_before"]
    dropped.lift()


def test_faults_can_be_set_before_the_start() -> None:
    server = Server(tick_time=0.05)
    fault = server.faults.refuse(lasting=0.05)

    with server:
        wait_until(lambda: fault.is_over, SOON)
        socket.create_connection((server.host, server.port)).close()

    assert fault.happened


def test_a_script_sets_several(client: Any, server: Server) -> None:
    script = server.faults.script(
        """
        # the second write is cut off, and the third refused
        drop_after operation=create after_writes=1
        error -125 operation=create path=/c
        """
    )
    with script:
        client.create("/a")
        assert answer(lambda: client.create_async("/b", b"")) == "ConnectionLoss"
        assert not script.happened
        assert works_again(client)
        assert answer(lambda: client.create_async("/c", b"")) == "QuotaExceededError"
        assert script.wait(stretched(SOON))

    assert script.happened


def test_a_script_with_a_mistake_sets_nothing(server: Server) -> None:
    with pytest.raises(ArgumentError, match=r"^line 2: no fault is called 'stal'"):
        server.faults.script("stall\nstal")

    assert list(server.faults) == []


@pytest.mark.parametrize(
    ("name", "argument"),
    [("drop_before", {}), ("mute", {}), ("refuse", {}), ("expire", {}), ("half_open", {})],
)
def test_every_method_gives_a_handle(name: str, argument: dict[str, Any], server: Server) -> None:
    fault = getattr(server.faults, name)(after=1000, **argument)

    assert isinstance(fault, FaultHandle)
    assert (fault.name, fault.happened, fault.is_over) == (name, False, False)
    fault.lift()


def test_what_cannot_be_is_told_and_not_set(server: Server) -> None:
    wrong_ones: list[Callable[[], FaultHandle]] = [
        lambda: server.faults.delay(-1),
        lambda: server.faults.stall(operation="nothing"),
        lambda: server.faults.mute(times=0),
        lambda: server.faults.refuse(lasting=-1),
        lambda: server.faults.go_back(0),
    ]
    for wrong in wrong_ones:
        with pytest.raises(ArgumentError):
            wrong()

    assert list(server.faults) == []


def test_a_script_wipes_and_restarts_a_server_with_a_folder_at_given_zxids(tmp_path: Path) -> None:
    settings = Settings(first_zxid=100, tick_time=0.05)
    with Server(data_dir=tmp_path, settings=settings) as server:
        server.faults.script("restart at_zxid=105\nrestart wipe at_zxid=110")
        with Client(server.address, 10.0) as client:
            for number in range(20):
                client.retry(client.create, f"/{number:02}")
            kept = client.get_children("/")
        server.kill()

        server.start()

        with Client(server.address, 10.0) as client:
            assert client.get_children("/") == kept
    assert "zookeeper" in kept
    assert "00" not in kept
    assert "19" in kept


def test_a_server_with_a_folder_that_went_back_can_be_started_again(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server:
        for number in range(3):
            with Client(server.address, 10.0) as client:
                client.create(f"/{number}")
            server.faults.go_back(2)
        server.kill()

        server.start()

        with Client(server.address, 10.0) as client:
            assert sorted(client.get_children("/")) == ["0", "1", "2", "zookeeper"]
