import itertools
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError, create_node
from tests.ensemble import SUPER_USER, Ensemble, Member
from tests.leaks import is_alive
from tests.realserver import NEWER_CLASSPATH, ServerError
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode

ROOT = Path(__file__).parents[1]
A_MOMENT = 0.05
GET_CONFIG_PATH = "/zookeeper/config"
NO_NODE = -101
_numbers = itertools.count(1)


@pytest.fixture
def path() -> str:
    """Where no other test has a node."""
    return f"/ensemble-{next(_numbers)}"


def has_node(member: Member, path: str) -> bool:
    with BareClient.connect(member.port) as client:
        client.call(Opcode.SYNC, wire.string(path))
        return client.call(Opcode.EXISTS, wire.path_watch_body(path)).err != NO_NODE


def serves(member: Member) -> bool:
    return member.mode is not None


def test_one_leads_and_the_others_follow(ensemble: Ensemble) -> None:
    assert len(ensemble.followers) == 2
    assert ensemble.leader not in ensemble.followers
    assert ensemble.address.count(",") == 2


def test_what_one_member_is_told_all_know(ensemble: Ensemble, path: str) -> None:
    create_node(ensemble.followers[0].port, path)

    assert all(has_node(member, path) for member in ensemble.members)


def test_another_leads_when_the_leader_is_killed(ensemble: Ensemble, path: str) -> None:
    leader = ensemble.leader
    create_node(leader.port, path)

    leader.kill()

    assert ensemble.leader is not leader
    assert has_node(ensemble.leader, path)
    ensemble.heal()
    assert has_node(leader, path)


@pytest.mark.slow
def test_another_leads_when_the_leader_is_paused(ensemble: Ensemble) -> None:
    leader = ensemble.leader

    leader.pause()

    assert ensemble.leader is not leader


@pytest.mark.slow
def test_an_isolated_leader_gives_up_and_comes_back(ensemble: Ensemble, path: str) -> None:
    leader = ensemble.leader

    ensemble.isolate(leader)

    wait_until(lambda: not serves(leader), 10)
    assert ensemble.leader is not leader
    create_node(ensemble.leader.port, path)
    assert remains(lambda: not serves(leader), A_MOMENT)
    ensemble.heal()
    assert has_node(leader, path)


@pytest.mark.slow
def test_without_a_majority_none_serves(ensemble: Ensemble) -> None:
    one, other, third = ensemble.members

    one.kill()
    other.kill()

    wait_until(lambda: not serves(third), 10)
    one.launch()
    assert ensemble.leader in {one, third}


@pytest.mark.slow
def test_what_passes_between_members_is_late_when_it_was_held(
    ensemble: Ensemble, path: str
) -> None:
    follower = ensemble.followers[0]
    with BareClient.connect(follower.port) as client:
        ensemble.isolate(follower)
        client.send(Opcode.CREATE, wire.create_body(path))
        client.connection.settimeout(A_MOMENT)
        with pytest.raises(TimeoutError):
            client.receive()

        ensemble.reconnect()

        client.connection.settimeout(stretched(5))
        assert client.receive().err == 0


@pytest.mark.slow
def test_a_rolling_restart_keeps_data_and_sessions(ensemble: Ensemble, path: str) -> None:
    create_node(ensemble.leader.port, path)
    with BareClient.connect(ensemble.members[0].port, timeout=30) as client:
        session = client.session

    ensemble.rolling_restart()

    assert all(has_node(member, path) for member in ensemble.members)
    BareClient.connect(ensemble.leader.port, session.session_id, session.password).end()


def test_observers_serve_and_read_only_servers_answer_alone(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    ensemble = own_ensemble(observers=1, read_only_mode=True)
    observer = ensemble.observers[0]
    create_node(observer.port, "/by-observer")
    one, other, third = ensemble.voters

    one.kill()
    other.kill()

    wait_until(lambda: third.mode == "read-only", 20)
    assert third.words(b"isro") == "ro"


def test_the_newer_version_makes_an_ensemble_with_local_sessions(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    ensemble = own_ensemble(local_sessions=True, classpath=NEWER_CLASSPATH)

    assert ensemble.leader.version == (3, 9)
    assert ensemble.leader.words(b"srvr").startswith("Zookeeper version: 3.9.3")
    with BareClient.connect(ensemble.followers[0].port) as client:
        session = client.session

        with pytest.raises(SessionRefusedError):
            BareClient.connect(ensemble.leader.port, session.session_id, session.password)


def test_a_reconfiguration_outlives_restarts(own_ensemble: Callable[..., Ensemble]) -> None:
    ensemble = own_ensemble()
    leaving = ensemble.followers[0]
    with BareClient.connect(ensemble.leader.port) as client:
        identity = struct.pack(">i", 0) + wire.string("digest") + wire.string(SUPER_USER)
        client.connection.sendall(wire.request(wire.Xid.AUTH, Opcode.AUTH, identity))
        assert client.receive().err == 0

        leave = wire.string(None) + wire.string(str(leaving.number)) + wire.string(None)
        reply = client.call(Opcode.RECONFIG, leave + struct.pack(">q", -1))

        assert reply.err == 0
    staying = next(member for member in ensemble.followers if member is not leaving)
    staying.restart()
    with BareClient.connect(staying.port) as client:
        config = client.call(Opcode.GET_DATA, wire.path_watch_body(GET_CONFIG_PATH)).body
    assert leaving.line.encode() not in config
    assert staying.line.encode() in config


def test_an_ensemble_that_cannot_start_shows_its_logs() -> None:
    ensemble = Ensemble(settings={"tickTime": "nonsense"})

    with pytest.raises(ServerError, match=r"has ended\n(.*\n)*.*nonsense"):
        ensemble.start()

    ensemble.close()
    assert ensemble.processes == frozenset()


@pytest.mark.slow
def test_an_ensemble_does_not_outlive_its_tests() -> None:
    program = """
import os, signal
from tests.ensemble import Ensemble

ensemble = Ensemble()
ensemble.start()
print(*(member.directory for member in ensemble.members), *ensemble.processes, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=False
    ).stdout

    words = output.decode().split()
    folders, processes = words[:3], words[3:]
    assert len(processes) == 7
    wait_until(lambda: not any(is_alive(int(process)) for process in processes), 5)
    wait_until(lambda: not any(Path(folder).exists() for folder in folders), 5)
