"""The client's session: begun, kept through what befalls connections, and ended."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.bareclient import BareClient
from tests.faces import only_threads
from tests.ports import LOOPBACK, free_port
from tests.proxy import FaultProxy
from tests.scripted import ScriptedServer, saying
from tests.servers import AnyServer
from tests.sessions import identity, lose_session, session_id
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, State

SOON = 20.0
A_MOMENT = 0.05
EPHEMERAL = 1


@pytest.fixture
def proxied(server: AnyServer, chroot: str, proxy: FaultProxy) -> Iterator[Client]:
    """A client behind the proxy."""
    with Client(proxy.address + chroot) as client:
        yield client


def is_reply_to(opcode: int) -> Any:
    return lambda frame: frame.direction == "to_client" and frame.opcode == opcode


# --- begun and ended


def test_a_client_that_was_not_started_is_lost_and_answers_nothing() -> None:
    client = Client(f"{LOOPBACK}:{free_port()}")

    assert client.state == "LOST"
    assert client.client_state == "CLOSED"
    assert client.client_id is None
    assert not client.connected
    with pytest.raises(zc.zk.ConnectionClosedError):
        client.get("/")
    with pytest.raises(zc.zk.ConnectionClosedError):
        client.get_async("/").get()


def test_starting_opens_a_session_and_stopping_ends_it(server: AnyServer, chroot: str) -> None:
    client = Client(server.address + chroot)

    client.start()
    started = (client.state, client.client_state, client.connected, client.client_id is None)
    client.stop()

    assert started == ("CONNECTED", "CONNECTED", True, False)
    assert (client.state, client.client_state, client.connected) == ("LOST", "CLOSED", False)
    with pytest.raises(zc.zk.ConnectionClosedError):
        client.get("/")


def test_starting_and_stopping_may_be_repeated(server: AnyServer) -> None:
    client = Client(server.address)

    for _ in range(3):
        client.start()
        client.start()
        assert client.exists("/") is not None
        client.stop()
        client.close()


def test_stopping_what_was_never_started_does_nothing() -> None:
    client = Client(f"{LOOPBACK}:{free_port()}")

    client.stop()

    assert client.state == "LOST"


def test_restarting_begins_a_new_session(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot) as client:
        first = session_id(client)
        client.create("/a", ephemeral=True)

        client.restart()

        assert session_id(client) != first
        assert client.exists("/a") is None


def test_starting_without_waiting_connects_later(server: AnyServer) -> None:
    client = Client(server.address)

    client.start_async()

    wait_until(lambda: client.connected, SOON)
    client.stop()


def test_what_is_asked_before_the_session_is_there_waits_for_it(server: AnyServer) -> None:
    client = Client(server.address)

    client.start_async()

    assert client.exists("/") is not None
    client.stop()


def test_the_context_ends_the_session_when_it_is_left_by_an_error(server: AnyServer) -> None:
    client = Client(server.address)

    with pytest.raises(KeyError), client:
        raise KeyError

    assert client.client_state == "CLOSED"


@pytest.mark.slow
def test_failing_to_start_names_the_servers_and_leaves_nothing() -> None:
    nobody = f"{LOOPBACK}:{free_port()}"
    client = Client(nobody)

    with pytest.raises(zc.zk.FailedConnect) as failed:
        client.start(timeout=0.3)

    assert failed.value.attempts == ((nobody, "connection refused"),)
    assert client.client_state == "CLOSED"


def test_a_start_that_fails_leaves_a_client_that_ran_before() -> None:
    client = Client(f"{LOOPBACK}:{free_port()}")
    client.start_async()

    with pytest.raises(zc.zk.FailedConnect):
        client.start(timeout=0.2)

    assert client.client_state == "CONNECTING"
    client.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "hung up"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not a ZooKeeper server"),
        (wire.frame(b"too short"), "refused"),
        (wire.frame(bytes(1000)), "1000 bytes"),
        (b"\xff\xff\xff\xff", "-1 bytes"),
    ],
)
def test_a_peer_that_is_no_server_is_named_with_what_it_did(said: bytes, reason: str) -> None:
    with ScriptedServer(saying(said)) as stranger:
        client = Client(stranger.address)

        with pytest.raises(zc.zk.FailedConnect, match=reason) as failed:
            client.start(timeout=stretched(0.5))

    assert stranger.address in str(failed.value)


@pytest.mark.slow
def test_a_silent_peer_is_given_up_in_time() -> None:
    with ScriptedServer(lambda peer: peer.stay_silent()) as stranger:
        client = Client(stranger.address, connect_timeout=0.1)

        with pytest.raises(zc.zk.FailedConnect, match=r"no answer within 0\.1 s"):
            client.start(timeout=stretched(0.5))


def test_starting_ends_when_another_thread_stops_the_client() -> None:
    client = Client(f"{LOOPBACK}:{free_port()}")
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(client.start, stretched(SOON))
        wait_until(lambda: client.client_state == "CONNECTING", SOON)

        client.stop()

        with pytest.raises(zc.zk.ConnectionClosedError):
            starting.result(stretched(SOON))


def test_a_client_may_be_stopped_from_its_callbacks(server: AnyServer, chroot: str) -> None:
    client = Client(server.address + chroot)
    client.start()
    client.create("/a")
    client.get("/a", lambda event: client.stop())

    client.set("/a", b"")

    wait_until(lambda: client.client_state == "CLOSED", SOON)


@pytest.mark.slow
def test_stopping_ends_what_waits_for_an_answer(proxied: Client, proxy: FaultProxy) -> None:
    proxy.black_hole()
    waiting = proxied.get_async("/")

    proxied.stop()

    with pytest.raises(zc.zk.ConnectionClosedError):
        waiting.get(stretched(SOON))


def test_what_was_asked_before_stopping_is_still_answered(client: Client) -> None:
    results = [client.create_async(f"/{number}") for number in range(100)]

    client.stop()

    assert [result.get(0) for result in results] == [f"/{number}" for number in range(100)]


# --- what it is made of


def test_servers_are_given_as_text_or_as_a_list(server: AnyServer, chroot: str) -> None:
    nobody = f"{LOOPBACK}:{free_port()}"

    with Client([nobody, server.address + chroot]) as client:
        assert client.hosts == f"{nobody},{server.address}"
        assert client.chroot == chroot


@pytest.mark.parametrize("hosts", [None, 2181, [2181], b"host:2181"])
def test_servers_of_another_type_are_a_type_error(hosts: Any) -> None:
    with pytest.raises(TypeError):
        Client(hosts)


@pytest.mark.parametrize("name", ["timeout", "operation_timeout", "connect_timeout"])
def test_a_time_out_must_be_a_positive_number_of_seconds(name: str) -> None:
    for value in (0, -1, float("inf"), float("nan")):
        options: dict[str, Any] = {name: value}
        with pytest.raises(ValueError, match="time-out"):
            Client("host:2181", **options)
    options = {name: "10"}
    with pytest.raises(TypeError, match="time-out"):
        Client("host:2181", **options)


def test_the_session_time_out_is_what_the_server_grants(server: AnyServer) -> None:
    with Client(server.address, timeout=3600) as long, Client(server.address, timeout=5) as short:
        assert long.session_timeout == 60
        assert short.session_timeout == 5


def test_the_last_zxid_is_that_of_the_last_answer(client: Client) -> None:
    client.create("/a")
    stat = client.set("/a", b"")

    assert client.last_zxid >= stat.mzxid


@only_threads
def test_a_client_shows_its_servers_and_state_and_no_password(client: Client) -> None:
    password = identity(client)[1]

    assert repr(client) == f"<zc.zk.client.Client {client.hosts}{client.chroot} CONNECTED>"
    assert repr(password) not in repr(vars(client))


def test_a_session_is_taken_up_by_whoever_knows_its_id_and_password(
    server: AnyServer, chroot: str
) -> None:
    with BareClient.connect(server.port) as earlier:
        body = wire.create_body(f"{chroot}/a", flags=EPHEMERAL)
        assert earlier.call(wire.Opcode.CREATE, body).err == 0
    client_id = (earlier.session.session_id, earlier.session.password)

    with Client(server.address + chroot, client_id=client_id) as client:
        stat = client.exists("/a")
        assert client.client_id == client_id
        assert stat is not None
        assert stat.owner_session_id == client_id[0]


def test_a_session_that_is_no_more_is_replaced_by_a_new_one(server: AnyServer) -> None:
    with Client(server.address) as ended:
        client_id = identity(ended)

    with Client(server.address, client_id=client_id) as client:
        assert identity(client) != client_id


# --- listeners


@pytest.mark.slow
def test_a_listener_is_told_each_state_in_order(
    proxied: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    states: list[State] = []

    @proxied.add_listener
    def note(state: State) -> None:
        states.append(state)

    proxy.cut()
    wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)
    lose_session(proxied, server)
    wait_until(lambda: states[2:] == ["SUSPENDED", "LOST", "CONNECTED"], SOON)
    proxied.stop()
    wait_until(lambda: states[5:] == ["LOST"], SOON)


def test_a_listener_is_told_of_the_first_connection(server: AnyServer) -> None:
    states: list[State] = []
    client = Client(server.address)
    client.add_listener(states.append)

    client.start()

    wait_until(lambda: states == ["CONNECTED"], SOON)
    client.stop()


@pytest.mark.slow
def test_a_listener_that_returns_true_or_is_removed_is_called_no_more(
    proxied: Client, proxy: FaultProxy
) -> None:
    once: list[State] = []
    never: list[State] = []
    always: list[State] = []

    def end(state: State) -> bool:
        once.append(state)
        return True

    proxied.add_listener(end)
    proxied.add_listener(never.append)
    proxied.add_listener(always.append)
    proxied.remove_listener(never.append)

    proxy.cut()

    wait_until(lambda: always == ["SUSPENDED", "CONNECTED"], SOON)
    assert once == ["SUSPENDED"]
    assert never == []


@pytest.mark.slow
def test_a_listener_that_was_added_twice_is_called_once(proxied: Client, proxy: FaultProxy) -> None:
    states: list[State] = []

    def note(state: State) -> None:
        states.append(state)

    proxied.add_listener(note)
    proxied.add_listener(note)
    proxy.cut()

    wait_until(lambda: len(states) >= 2, SOON)
    assert remains(lambda: states == ["SUSPENDED", "CONNECTED"], A_MOMENT)


@pytest.mark.slow
def test_a_listener_may_call_the_client(proxied: Client, proxy: FaultProxy) -> None:
    found: list[object] = []

    @proxied.add_listener
    def look(state: State) -> None:
        found.append(proxied.exists("/"))

    proxy.cut()

    wait_until(lambda: len(found) == 2, SOON)
    assert None not in found


@pytest.mark.slow
def test_a_listener_that_raises_is_logged_and_stays(
    proxied: Client, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    states: list[State] = []

    @proxied.add_listener
    def failing(state: State) -> None:
        states.append(state)
        raise ValueError("the fault of the listener")

    proxy.cut()

    wait_until(lambda: states == ["SUSPENDED", "CONNECTED"], SOON)
    wait_until(lambda: caplog.text.count("ValueError: the fault of the listener") == 2, SOON)


# --- threads


@pytest.mark.slow
def test_many_threads_share_one_client(client: Client) -> None:
    def work(number: int) -> list[bytes]:
        client.create(f"/{number}")
        found = []
        for count in range(50):
            client.set(f"/{number}", b"%d" % count)
            found.append(client.get(f"/{number}")[0])
        return found

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(work, range(8)))

    assert outcomes == [[b"%d" % count for count in range(50)]] * 8


@only_threads
def test_one_thread_reads_and_one_calls_back(client: Client) -> None:
    ours = f"zc.zk {client.hosts} "
    client.create("/a")
    client.get("/a", lambda event: None)
    client.set("/a", b"")

    names = [each.name for each in threading.enumerate() if each.name.startswith(ours)]

    assert sorted(name.removeprefix(ours) for name in names) in (
        ["reader"],
        ["callbacks", "reader"],
    )


@pytest.mark.slow
def test_sessions_left_open_at_exit_end_with_the_program(server: AnyServer, chroot: str) -> None:
    program = f"""
import zc.zk
clients = [zc.zk.Client({server.address + chroot!r}, timeout=20) for _ in range(3)]
for number, client in enumerate(clients):
    client.start()
    client.add_listener(lambda state: None)
    client.create(f"/left-{{number}}", ephemeral=True)
"""
    with Client(server.address + chroot) as observer:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
        )

        assert (done.stdout, done.stderr) == ("", "")
        assert observer.get_children("/") == []


def test_a_client_that_was_not_started_says_so() -> None:
    with pytest.raises(zc.zk.ConnectionClosedError, match=r"not started yet: call start\(\)"):
        Client().get("/")


def test_a_listener_must_be_callable() -> None:
    with pytest.raises(TypeError, match="a listener must be callable: 5"):
        Client().add_listener(5)  # type: ignore[arg-type]  # what is tested
