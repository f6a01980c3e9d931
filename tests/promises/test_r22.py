"""R22: what was acknowledged is there, in the order of its versions, and reads never go back in a session."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.waiting import wait_until
from zc.zk import BadVersionError, Client, NetworkError

WRITERS = 4
SECONDS = 2.5


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
