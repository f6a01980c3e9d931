"""Reading from a server that has lost its ensemble, on real ensembles."""

from collections.abc import Callable, Iterator

import pytest

import zc.zk
from tests.ensemble import Ensemble
from tests.promises.told import States
from tests.waiting import wait_until
from zc.zk import Client, KeeperState, State

SOON = 30.0


@pytest.fixture
def parted(own_ensemble: Callable[..., Ensemble]) -> Ensemble:
    """An ensemble with one member apart, which serves reads by now; it has a node with data."""
    ensemble = own_ensemble(read_only_mode=True, local_sessions=True)
    with Client(ensemble.address) as client:
        client.create("/a", b"data")
        client.sync("/a")
    apart = ensemble.followers[0]
    ensemble.isolate(apart)
    wait_until(lambda: apart.words(b"isro") == "ro", SOON)
    return ensemble


@pytest.fixture
def apart(parted: Ensemble) -> str:
    """The address of the member that is apart."""
    (address,) = (m.address for m in parted.members if m.words(b"isro") == "ro")
    return address


@pytest.fixture
def reader(apart: str) -> Iterator[Client]:
    with Client(apart, timeout=4.0, read_only=True) as reader:
        yield reader


def test_reads_are_answered_and_writes_refused_while_the_server_is_alone(reader: Client) -> None:
    data, stat = reader.get("/a")

    assert data == b"data"
    assert reader.exists("/none") is None
    assert reader.get_children("/") != []
    assert reader.client_state is KeeperState.CONNECTED_RO
    assert reader.state is State.CONNECTED
    for write in (
        lambda: reader.create("/b"),
        lambda: reader.set("/a", b"new"),
        lambda: reader.delete("/a", stat.version),
        lambda: reader.sync("/a"),
    ):
        with pytest.raises(zc.zk.NotReadOnlyCallError, match=r"^the server is read-only: /"):
            write()


def test_without_asking_for_it_a_read_only_server_is_none(apart: str) -> None:
    client = Client(apart, timeout=4.0)

    with pytest.raises(zc.zk.FailedConnect):
        client.start(timeout=1.0)


def test_a_server_that_takes_writes_is_found_while_the_other_serves_reads(
    parted: Ensemble, apart: str
) -> None:
    for _ in range(100):  # which server is tried first is left to chance
        with Client(parted.address, timeout=4.0, read_only=True) as reader:
            states = States(reader)
            if reader.client_state is not KeeperState.CONNECTED_RO:
                continue

            wait_until(lambda: reader.client_state is KeeperState.CONNECTED, SOON)
            reader.set("/a", b"new")

            assert states.values == [State.SUSPENDED, State.LOST, State.CONNECTED]
            return
    pytest.fail("the server that is apart was never the first")


def test_another_list_of_servers_brings_one_that_takes_writes(
    parted: Ensemble, reader: Client
) -> None:
    before = reader.client_state

    reader.set_hosts(parted.address)
    wait_until(lambda: reader.client_state is KeeperState.CONNECTED, SOON)

    assert before is KeeperState.CONNECTED_RO
    assert reader.set("/a", b"new").version == 1


def test_when_the_ensemble_is_whole_again_the_reader_can_write(
    parted: Ensemble, reader: Client
) -> None:
    before = reader.client_state

    parted.heal()
    wait_until(lambda: reader.client_state is KeeperState.CONNECTED, SOON)
    reader.create("/b")

    assert before is KeeperState.CONNECTED_RO
    assert reader.get("/b")[0] == b""
