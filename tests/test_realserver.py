import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError, create_node
from tests.leaks import is_alive
from tests.realserver import RealServer, ServerError
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode

NO_NODE = -101
A_MOMENT = 0.05
ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.real


def has_node(server: RealServer, path: str) -> bool:
    with BareClient.connect(server.port) as client:
        return client.call(Opcode.EXISTS, wire.path_watch_body(path)).err != NO_NODE


def is_refused(server: RealServer, session: wire.Session) -> bool:
    try:
        BareClient.connect(server.port, session.session_id, session.password).drop()
    except SessionRefusedError:
        return True
    return False


def test_it_serves_on_its_port(real_server: RealServer) -> None:
    assert real_server.words(b"ruok") == "imok"
    assert real_server.words(b"srvr").startswith("Zookeeper version: 3.8.0")


def test_the_newer_one_serves_on_its_port(newer_server: RealServer) -> None:
    assert newer_server.words(b"srvr").startswith("Zookeeper version: 3.9.3")
    assert newer_server.version == (3, 9)


@pytest.mark.slow
def test_its_files_lie_in_its_folder() -> None:
    with RealServer(files={"told.txt": "so"}) as server:
        assert (server.directory / "told.txt").read_text() == "so"

    with pytest.raises(ServerError, match="is closed"):
        server.directory  # noqa: B018


@pytest.mark.slow
def test_the_settings_reach_the_server() -> None:
    with RealServer(tick=0.3, max_session_timeout=7, settings={"maxClientCnxns": "9"}) as server:
        settings = dict(line.split("=", 1) for line in server.words(b"conf").splitlines())

    assert settings["tickTime"] == "300"
    assert settings["minSessionTimeout"] == "600"
    assert settings["maxSessionTimeout"] == "7000"
    assert settings["maxClientCnxns"] == "9"


@pytest.mark.slow
def test_short_sessions_expire_soon(real_server: RealServer) -> None:
    with BareClient.connect(real_server.port, timeout=0.1) as client:
        assert client.session.timeout == 0.4

        with pytest.raises(EOFError):
            client.receive()


def test_data_and_sessions_survive_a_kill(own_real_server: RealServer) -> None:
    port = own_real_server.port
    create_node(port, "/kept")
    with BareClient.connect(port) as client:
        own_real_server.kill()
        own_real_server.start()

        assert own_real_server.port == port
        assert has_node(own_real_server, "/kept")
        assert not is_refused(own_real_server, client.session)


def test_data_survives_a_restart(own_real_server: RealServer) -> None:
    create_node(own_real_server.port, "/kept")

    own_real_server.restart()

    assert has_node(own_real_server, "/kept")


def test_a_wiped_server_has_forgotten_everything(own_real_server: RealServer) -> None:
    create_node(own_real_server.port, "/lost")
    with BareClient.connect(own_real_server.port) as client:
        own_real_server.kill()
        own_real_server.wipe()
        own_real_server.start()

        assert not has_node(own_real_server, "/lost")
        assert is_refused(own_real_server, client.session)


def test_a_running_server_is_not_wiped(real_server: RealServer) -> None:
    with pytest.raises(ServerError, match="is running"):
        real_server.wipe()


def test_a_running_server_is_not_started_again(real_server: RealServer) -> None:
    with pytest.raises(ServerError, match="already running"):
        real_server.start()


def test_a_paused_server_answers_when_resumed(real_server: RealServer) -> None:
    with BareClient.connect(real_server.port) as client:
        real_server.pause()
        real_server.pause()
        client.connection.sendall(wire.request(wire.Xid.PING, Opcode.PING))
        client.connection.settimeout(A_MOMENT)
        with pytest.raises(TimeoutError):
            client.receive()

        real_server.resume()

        client.connection.settimeout(stretched(5))
        assert client.receive().xid == wire.Xid.PING


def test_a_paused_server_can_be_stopped(own_real_server: RealServer) -> None:
    own_real_server.pause()

    own_real_server.stop()

    assert not own_real_server.is_running


def test_only_a_running_server_can_be_paused() -> None:
    with pytest.raises(ServerError, match="is not running"):
        RealServer().pause()


def test_an_expired_session_is_over(real_server: RealServer) -> None:
    with BareClient.connect(real_server.port) as client:
        client.call(Opcode.CREATE, wire.create_body("/expiring", flags=1))

        real_server.expire(client.session.session_id, client.session.password)

        with pytest.raises(EOFError):
            client.receive()
        assert is_refused(real_server, client.session)
        assert not has_node(real_server, "/expiring")


def test_a_session_that_is_not_there_cannot_be_expired(real_server: RealServer) -> None:
    with pytest.raises(SessionRefusedError):
        real_server.expire(0x1234, b"wrong password..")


@pytest.mark.slow
def test_a_server_that_cannot_start_shows_its_log() -> None:
    server = RealServer(settings={"tickTime": "nonsense"})

    with pytest.raises(ServerError, match=r"ended while it started\n(.*\n)*.*nonsense"):
        server.start()

    assert server.processes == frozenset()
    server.close()


def test_missing_jars_are_named() -> None:
    with pytest.raises(ServerError, match=r"not found: /no/such\.jar; .*zookeeper"):
        RealServer(classpath="/no/such.jar").start()


@pytest.mark.slow
def test_closing_leaves_nothing() -> None:
    with RealServer() as server:
        processes = server.processes
        log = server.log
        assert log is not None
        assert log.exists()

    assert not any(map(is_alive, processes))
    assert not log.parent.exists()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["sys.exit()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_server_does_not_outlive_its_tests(end: str) -> None:
    program = f"""
import os, signal, sys
from tests.leaks import is_alive
from tests.realserver import RealServer

server = RealServer()
server.start()
print(server.log, *server.processes, flush=True)
{end}
"""

    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=False
    ).stdout

    log, *processes = output.decode().split()
    assert len(processes) == 2
    wait_until(lambda: not any(is_alive(int(process)) for process in processes), 5)
    wait_until(lambda: not Path(log).exists(), 5)


def test_a_forked_child_leaves_the_server_alone(real_server: RealServer) -> None:
    child = os.fork()
    if child == 0:
        real_server.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert remains(lambda: real_server.is_running, A_MOMENT)
    assert real_server.words(b"ruok") == "imok"


def test_signals_to_the_tests_do_not_reach_the_server(real_server: RealServer) -> None:
    for process in real_server.processes:
        assert os.getpgid(process) != os.getpgrp()
