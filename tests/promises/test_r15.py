"""R15: an ensemble that loses its leader, is restarted, or has no quorum, is felt for seconds at most."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Self

import pytest

from tests.ensemble import SECONDS_TO_SERVE, Ensemble, Member
from tests.promises.lookout import Lookout
from tests.promises.told import States, View
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, NetworkError, OperationTimeoutError, State, ZooKeeper

TIMEOUT = 4.0  # seconds
LONG_TIMEOUT = (
    40.0  # outlives an election on a busy machine, and so a session is lost by our fault alone
)
GAP = 2.0  # without a write while the ensemble takes others
HEALED = 5.0


@pytest.fixture
def client(ensemble: Ensemble) -> Iterator[Client]:
    with Client(ensemble.address, TIMEOUT) as client:
        yield client


@pytest.fixture
def lasting_client(ensemble: Ensemble) -> Iterator[Client]:
    with Client(ensemble.address, LONG_TIMEOUT) as client:
        yield client


@pytest.fixture
def lookout(ensemble: Ensemble) -> Iterator[Lookout]:
    with Lookout(ensemble) as lookout:
        yield lookout


class Writer:
    """Writes to a node again and again, and remembers when it was done."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.done_at: list[float] = []
        client.create(path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def go_on(self, count: int, bound: float) -> None:
        """Return when so many more are done."""
        begun = len(self.done_at)
        wait_until(lambda: len(self.done_at) > begun + count, bound, f"{count} more writes")

    def _write(self) -> None:
        while not self._is_over.is_set():
            try:
                self._client.set(self._path, b"%d" % len(self.done_at))
            except NetworkError:
                continue
            self.done_at.append(monotonic())
            self._is_over.wait(0.002)


@pytest.mark.parametrize("end", [Member.kill, Member.stop], ids=["killed", "stopped"])
@pytest.mark.parametrize("where", ["leader", "follower", "any"])
def test_r15_a_write_after_the_leader_has_gone_is_done_in_time_and_the_session_is_kept(
    ensemble: Ensemble, lookout: Lookout, where: str, end: Callable[[Member], None]
) -> None:
    leader = ensemble.leader
    first = {"leader": leader, "follower": ensemble.followers[0], "any": None}[where]
    # Its own servers first: which one it is connected to decides what it sees of the death.
    address = ensemble.address if first is None else first.address
    with Client(address, LONG_TIMEOUT) as client:
        ensure_gone(client, "/lead")
        client.create("/lead", ephemeral=True)
        states, session = States(client), client.client_id
        if first is leader:
            end(leader)
            leader.launch()  # it is this client's only server
        else:
            end(leader)
        ended_at = monotonic()

        # One that was under way when its server died is not known to be done: it is asked again.
        wait_until(lambda: is_set(client, "/lead"), SECONDS_TO_SERVE)

        assert first is leader or lookout.blame(ended_at, monotonic()) <= stretched(GAP)
        assert client.client_id == session
        assert State.LOST not in states.values
        assert client.get("/lead")[1].ephemeralOwner == session[0]  # type: ignore[index]


def ensure_gone(client: Client, path: str) -> None:
    if client.exists(path):
        client.delete(path, recursive=True)


def test_r15_writes_go_on_after_each_of_three_leaders_is_killed(
    ensemble: Ensemble, lasting_client: Client, lookout: Lookout
) -> None:
    ensure_gone(lasting_client, "/killed")
    states, session = States(lasting_client), lasting_client.client_id
    with Writer(lasting_client, "/killed") as writer:
        for _ in range(3):
            writer.go_on(20, 5.0)
            ensemble.leader.kill()
            writer.go_on(50, SECONDS_TO_SERVE)
            ensemble.heal()

    assert lookout.worst_gap(writer.done_at) <= stretched(GAP)
    assert lasting_client.client_id == session
    assert State.LOST not in states.values


def test_r15_a_rolling_restart_keeps_the_session_and_stops_writes_for_a_moment_only(
    ensemble: Ensemble, lasting_client: Client, lookout: Lookout
) -> None:
    ensure_gone(lasting_client, "/rolling")
    lasting_client.create("/mine", ephemeral=True)
    states, session = States(lasting_client), lasting_client.client_id
    with Writer(lasting_client, "/rolling") as writer:
        writer.go_on(20, 5.0)
        ensemble.rolling_restart()
        writer.go_on(20, 5.0)

    assert lookout.worst_gap(writer.done_at) <= stretched(GAP)
    assert lasting_client.client_id == session
    assert State.LOST not in states.values
    assert lasting_client.exists("/mine")


def test_r15_a_registry_follows_and_stays_registered_through_a_rolling_restart(
    ensemble: Ensemble, lasting_client: Client
) -> None:
    client = lasting_client
    ensure_gone(client, "/services")
    client.create("/services")
    with ZooKeeper(ensemble.address, session_timeout=LONG_TIMEOUT) as registry:
        registration = registry.register("/services", "h:1", weight=1)
        view = View(registry.children("/services"))

        ensemble.rolling_restart()
        wait_until(lambda: client.connected, 5.0)
        client.create("/services/later")

        view.wait_for(["h:1", "later"], 5.0)
        assert registration.is_held


def minority(ensemble: Ensemble) -> tuple[Member, list[Member]]:
    """Give a follower, and the two others."""
    member = ensemble.followers[0]
    return member, [each for each in ensemble.members if each is not member]


def test_r15_without_a_quorum_suspended_is_told_reads_end_in_time_and_healing_is_noticed(
    ensemble: Ensemble, client: Client
) -> None:
    ensure_gone(client, "/read")
    client.create("/read", b"before")
    states = States(client)
    _, others = minority(ensemble)
    for member in others:
        member.pause()
    paused_at = monotonic()

    suspended_at = states.wait_for(State.SUSPENDED, bound=TIMEOUT + 1)
    client.operation_timeout = 0.5
    asked_at = monotonic()
    with pytest.raises(OperationTimeoutError):
        client.get("/read")
    took = monotonic() - asked_at
    assert remains(lambda: not client.connected, 0.5)
    client.operation_timeout = 10.0
    for member in others:
        member.resume()
    ensemble.heal()
    healed_at = monotonic()
    back_at = states.wait_for(State.CONNECTED, bound=HEALED)

    assert suspended_at - paused_at <= stretched(TIMEOUT)
    assert took <= stretched(0.5 + 0.2)
    assert back_at - healed_at <= stretched(HEALED)
    assert client.get("/read")[0] == b"before"
    client.set("/read", b"after")


def test_r15_a_client_of_a_member_that_is_cut_off_is_suspended_and_back_when_it_is_not(
    ensemble: Ensemble,
) -> None:
    member, _ = minority(ensemble)
    with Client(member.address, TIMEOUT, operation_timeout=0.5) as client:
        ensure_gone(client, "/cut")
        client.create("/cut", b"1")
        states = States(client)
        ensemble.isolate(member)
        isolated_at = monotonic()

        suspended_at = states.wait_for(State.SUSPENDED, bound=TIMEOUT + 1)
        with pytest.raises(OperationTimeoutError):
            client.get("/cut")
        ensemble.heal()
        healed_at = monotonic()
        wait_until(lambda: client.connected, HEALED)

        assert suspended_at - isolated_at <= stretched(TIMEOUT)
        assert monotonic() - healed_at <= stretched(HEALED)
        client.set("/cut", b"2")
        assert client.get("/cut")[0] == b"2"


def test_r15_a_client_of_all_members_leaves_the_one_that_is_cut_off(
    ensemble: Ensemble, lookout: Lookout
) -> None:
    with Client(ensemble.address, TIMEOUT) as client:
        ensure_gone(client, "/left")
        client.create("/left", b"1")
        session = client.client_id
        ensemble.isolate(ensemble.leader)  # whether or not it is ours, writes stop for a moment
        isolated_at = monotonic()

        wait_until(lambda: is_set(client, "/left"), SECONDS_TO_SERVE)

        # Ours may be one that cannot elect: it says so after two seconds, and others are served meanwhile.
        assert lookout.blame(isolated_at, monotonic()) <= stretched(GAP + GAP)
        assert client.client_id == session


def is_set(client: Client, path: str) -> bool:
    try:
        client.set(path, b"2")
    except NetworkError:
        return False
    return True


def test_r15_an_observer_alone_serves_a_client_through_the_loss_of_the_leader(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    ensemble = own_ensemble(3, observers=1)
    (observer,) = ensemble.observers
    with (
        Client(observer.address, LONG_TIMEOUT) as client,
        Client(ensemble.address, LONG_TIMEOUT) as other,
        Lookout(ensemble) as lookout,
    ):
        client.create("/observed", b"0")
        client.create("/mine", ephemeral=True)
        view: list[bytes] = []
        client.DataWatch("/observed", lambda data, stat: view.append(data))
        states, session = States(client), client.client_id

        other.set("/observed", b"1")
        wait_until(lambda: view[-1] == b"1", 1.0)
        ensemble.leader.kill()
        killed_at = monotonic()
        wait_until(lambda: is_set(client, "/observed"), SECONDS_TO_SERVE)
        took = lookout.blame(killed_at, monotonic())
        wait_until(lambda: view[-1] == b"2", 1.0)
        ensemble.heal()

        assert took <= stretched(HEALED)
        assert client.client_id == session
        assert State.LOST not in states.values
        assert other.get("/mine")[1].ephemeralOwner == session[0]  # type: ignore[index]


def test_r15_an_observer_that_is_cut_off_serves_nobody_until_it_is_not(
    own_ensemble: Callable[..., Ensemble],
) -> None:
    ensemble = own_ensemble(3, observers=1)
    (observer,) = ensemble.observers
    with Client(observer.address, TIMEOUT, operation_timeout=0.5) as client:
        client.create("/observed", b"0")
        states = States(client)
        ensemble.isolate(observer)
        isolated_at = monotonic()
        suspended_at = states.wait_for(State.SUSPENDED, bound=TIMEOUT + 1)

        with pytest.raises(OperationTimeoutError):
            client.get("/observed")
        ensemble.heal()

        wait_until(lambda: client.connected, HEALED)
        assert suspended_at - isolated_at <= stretched(TIMEOUT)
        assert client.get("/observed")[0] == b"0"
