"""R22: what was acknowledged is there, in the order of its versions, and reads never go back in a session."""

import contextlib
import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.ensemble import Ensemble
from tests.frames import reply_to
from tests.history import Outcome, applied, check
from tests.promises.conftest import Connect
from tests.promises.workload import Worker
from tests.proxy import FaultProxy
from tests.txnlog import read_transactions
from tests.waiting import remains, wait_until
from tests.wire import Opcode
from zc.zk import BadVersionError, Client, NetworkError

WRITERS = 4
SECONDS = 2.5
OPERATIONS = 10_000
# How long faults go on at least; each is there once in any case.
HISTORY_SECONDS = float(os.environ.get("ZK_TEST_HISTORY_SECONDS", "0"))


@dataclass
class History:
    """What one client asked for, by what became of it; values are (writer, number)."""

    acknowledged: dict[int, bytes] = field(default_factory=dict)  # by version
    unknown: set[bytes] = field(default_factory=set)
    refused: set[bytes] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    perhaps_created: set[str] = field(default_factory=set)
    read: list[tuple[int, int, bytes]] = field(default_factory=list)  # session, version, value
    went_back: list[str] = field(default_factory=list)


def write_and_read(client: Client, writer: int, history: History, until: float) -> None:
    """Create nodes, compare and set one node that all share, and read it, until the time is over."""
    number = 0
    seen: Counter[int] = Counter()  # the highest version, by session
    while time.monotonic() < until:
        number += 1
        value = b"%d-%d" % (writer, number)
        identity = client.client_id
        try:
            data, stat = client.get("/shared")
        except NetworkError:
            continue
        session = identity[0] if identity else 0
        if identity is not None and client.client_id == identity:
            if stat.version < seen[session]:
                history.went_back.append(f"version {stat.version} after {seen[session]}")
            seen[session] = stat.version
            history.read.append((session, stat.version, data))
        try:
            history.acknowledged[client.set("/shared", value, stat.version).version] = value
        except BadVersionError:
            history.refused.add(value)
        except NetworkError as error:
            (history.unknown if error.maybe_applied else history.refused).add(value)
        name = f"/made-{writer}-{number}"
        try:
            client.create(name)
            history.created.add(name)
        except NetworkError as error:
            if error.maybe_applied:
                history.perhaps_created.add(name)


def cut_now_and_then(network: FaultProxy, until: float) -> None:
    chance = random.Random(22)
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.05, 0.25))
        network.cut(rst=chance.random() < 0.5)


def test_r22_acknowledged_writes_are_there_and_no_other_under_cuts(
    connect: Connect, network: FaultProxy, observer: Client
) -> None:
    observer.create("/shared", b"first")
    histories = [History() for _ in range(WRITERS)]
    until = time.monotonic() + SECONDS
    clients = [connect() for _ in histories]
    threads = [
        threading.Thread(target=write_and_read, args=(client, writer, history, until))
        for writer, (client, history) in enumerate(zip(clients, histories, strict=True))
    ]
    for thread in threads:
        thread.start()
    cut_now_and_then(network, until)
    for thread in threads:
        thread.join(15.0)
    assert not any(thread.is_alive() for thread in threads)
    for client in clients:
        wait_until(lambda client=client: client.connected, 5.0)  # type: ignore[misc]

    value, stat = observer.get("/shared")
    names = {f"/{name}" for name in observer.get_children("/") if name != "shared"}

    acknowledged: dict[int, bytes] = {}
    for history in histories:
        assert acknowledged.keys().isdisjoint(history.acknowledged), "one version, two writes"
        acknowledged.update(history.acknowledged)
    unknown = set().union(*(history.unknown for history in histories))
    created = set().union(*(history.created for history in histories))
    perhaps = set().union(*(history.perhaps_created for history in histories))
    refused = set().union(*(history.refused for history in histories))

    assert len(acknowledged) > 20
    assert len(network.attempts) > WRITERS * 3
    # Each version is one write that was acknowledged, or one whose outcome we do not know.
    missing = set(range(1, stat.version + 1)) - acknowledged.keys()
    assert len(missing) <= len(unknown)
    assert max(acknowledged) <= stat.version
    assert acknowledged.get(stat.version, value) == value
    assert value not in refused
    # Created is created, lost is either, and there is nothing else.
    assert created <= names
    assert names <= created | perhaps
    # All readers saw the same value under the same version, and never one that was refused.
    seen: dict[int, bytes] = dict(acknowledged)
    for history in histories:
        assert history.went_back == []
        for _, version, data in history.read:
            assert seen.setdefault(version, data) == data
            assert data not in refused


class Nemesis:
    """Does to an ensemble, one thing after the other, what may befall it."""

    def __init__(self, ensemble: Ensemble, proxies: list[FaultProxy], seed: int) -> None:
        self._ensemble = ensemble
        self._proxies = proxies
        self._chance = random.Random(seed)

    def strike(self) -> None:
        """Do each thing once, in random order, and heal after each."""
        faults = [
            self._kill_leader,
            self._kill_follower,
            self._isolate_leader,
            self._isolate_follower,
            self._pause_leader,
            self._pause_follower,
            self._ensemble.rolling_restart,
            self._cut_clients,
            self._lose_answers,
        ]
        self._chance.shuffle(faults)
        for fault in faults:
            fault()
            remains(lambda: True, self._chance.uniform(0.1, 0.8))
            for proxy in self._proxies:
                proxy.heal()
            self._ensemble.heal()

    def _kill_leader(self) -> None:
        self._ensemble.leader.kill()

    def _kill_follower(self) -> None:
        self._chance.choice(self._ensemble.followers).kill()

    def _isolate_leader(self) -> None:
        self._ensemble.isolate(self._ensemble.leader)
        remains(lambda: True, 2.5)  # the others elect a new one meanwhile

    def _isolate_follower(self) -> None:
        self._ensemble.isolate(self._chance.choice(self._ensemble.followers))

    def _pause_leader(self) -> None:
        self._ensemble.leader.pause()

    def _pause_follower(self) -> None:
        self._chance.choice(self._ensemble.followers).pause()

    def _cut_clients(self) -> None:
        for _ in range(10):
            self._chance.choice(self._proxies).cut(rst=self._chance.random() < 0.5)
            remains(lambda: True, self._chance.uniform(0.02, 0.1))

    def _lose_answers(self) -> None:
        for opcode in (Opcode.SET_DATA, Opcode.CREATE2, Opcode.DELETE, Opcode.GET_DATA):
            for proxy in self._proxies:
                proxy.cut_on(reply_to(opcode), "before", times=3)
        remains(lambda: True, 0.5)


@pytest.mark.at_once
@pytest.mark.timeout(120 + HISTORY_SECONDS * 3)
def test_r22_a_history_under_faults_of_an_ensemble_is_that_of_its_transaction_logs(
    ensemble: Ensemble, proxy_to: Callable[[int], FaultProxy], makers: list[Connect]
) -> None:
    seed = int(os.environ.get("ZK_TEST_SEED", "22"))
    root = f"/history-{time.time_ns()}"
    proxies = [proxy_to(member.port) for member in ensemble.members]
    everywhere = ",".join(proxy.address for proxy in proxies)
    addresses = [everywhere, everywhere, everywhere, *(proxy.address for proxy in proxies)]
    until = time.monotonic() + HISTORY_SECONDS
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(make(address, 6.0, operation_timeout=4.0))
            for make, address in zip(itertools.cycle(makers), addresses, strict=False)
        ]
        workers = [
            Worker(client, root, number, seed + number) for number, client in enumerate(clients)
        ]
        workers[0].prepare()
        clients[0].sync(root)
        for worker, client in zip(workers, clients, strict=True):
            client.sync(root)
            worker.start()
        try:
            nemesis = Nemesis(ensemble, proxies, seed)
            nemesis.strike()
            while time.monotonic() < until:
                nemesis.strike()
            wait_until(lambda: count(workers) >= OPERATIONS, 60.0)
        finally:
            for worker in workers:
                worker.stop()
    ensemble.heal()

    told = [worker.history for worker in workers]
    log = read_transactions(*ensemble.log_folders, quorum=2)
    outcomes = Counter(call.outcome for client in told for call in client.calls)
    # Of those whose outcome is unknown, the log has some and not others.
    known = applied(root, told, log)

    assert check(root, told, log) == []
    assert outcomes[Outcome.DONE] > OPERATIONS / 2
    assert 0 < known <= outcomes[Outcome.UNKNOWN]


def count(workers: list[Worker]) -> int:
    return sum(len(worker.history.calls) for worker in workers)
