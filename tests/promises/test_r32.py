"""R32: what happens is told, each thing in one line with its reason, and counted."""

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests import wire
from tests.promises.outsider import expire
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import ConnectionLoss, FailedConnect, OperationTimeoutError, State, ZooKeeper
from zc.zk.client import Client

pytestmark = pytest.mark.slow

SOON = 20.0
TIMEOUT = 4.0  # seconds


class Sums:
    """Metrics that add up what they are told."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.levels: Counter[str] = Counter()

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        self.counts[name, *labels.values()] += number

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        pass

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        self.levels[name] += difference


@pytest.fixture
def sums() -> Sums:
    return Sums()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "Lines":
    caplog.set_level(logging.DEBUG)
    return Lines(caplog)


class Lines:
    """What was logged under our names."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def with_all(self, *words: str) -> list[str]:
        """Give the lines in which all these words stand."""
        texts = [
            record.getMessage()
            for record in list(self._caplog.records)
            if record.name in {"ZooKeeper", "zc.zk"}
        ]
        return [text for text in texts if all(word in text for word in words)]

    def wait_for(self, *words: str) -> None:
        wait_until(lambda: self.with_all(*words), SOON, f"a line with {words}")


@pytest.fixture
def zk(proxy: FaultProxy, chroot: str, sums: Sums, lines: Lines) -> Iterator[ZooKeeper]:
    """A registry behind `proxy` with one registration."""
    with Client(
        proxy.address + chroot, timeout=TIMEOUT, metrics=sums, operation_timeout=20.0
    ) as client:
        client.create("/servers")
        with ZooKeeper(client) as zk:
            zk.register("/servers", "127.0.0.1:80")
            wait_until(lambda: client.info.watches == 1, SOON)  # the registration's own
            yield zk


def is_connected_again(zk: ZooKeeper, times: int) -> bool:
    return zk.client.connected and zk.client.info.reconnects == times


def lose_session(zk: ZooKeeper, server: AnyServer) -> None:
    expire(server.port, zk.client.client_id)


def test_r32_a_sequence_of_faults_is_told_line_by_line_and_counted(
    zk: ZooKeeper, server: AnyServer, proxy: FaultProxy, sums: Sums, lines: Lines
) -> None:
    identity = zk.client.client_id
    assert identity is not None
    session = f"session {identity[0]:#x}"

    for number in range(1, 4):
        proxy.cut()
        wait_until(lambda: is_connected_again(zk, number), SOON)  # noqa: B023
    lose_session(zk, server)
    wait_until(lambda: zk.client.info.restores == 1, SOON)
    wait_until(lambda: is_connected_again(zk, 4), SOON)
    zk.client.delete("/servers/127.0.0.1:80")
    wait_until(lambda: zk.client.info.restores == 2, SOON)
    lines.wait_for("registered", "the node was deleted")
    wait_until(lambda: sums.counts["restores",] == 2, SOON)
    info = zk.client.info

    assert len(lines.with_all("SUSPENDED", session, proxy.address)) == 4
    assert len(lines.with_all("CONNECTED", session)) == 3
    assert len(lines.with_all("CONNECTED", "connected to", proxy.address, "without")) == 4
    assert len(lines.with_all("LOST", session, proxy.address, "the session expired")) == 1
    assert len(lines.with_all("registered", "127.0.0.1:80", "the session was lost")) == 1
    assert len(lines.with_all("registered", "127.0.0.1:80", "the node was deleted")) == 1
    assert (info.connects, info.reconnects, info.expiries, info.restores) == (5, 4, 1, 2)
    for name in ("connects", "reconnects", "expiries", "restores"):
        assert sums.counts[name,] == getattr(info, name), name
    assert sums.counts["connection_attempts", proxy.address, "connected"] == 5


def test_r32_the_length_of_the_queue_is_told_while_there_is_no_server(
    zk: ZooKeeper, proxy: FaultProxy, sums: Sums
) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: zk.client.state is State.SUSPENDED, SOON)
    waiting = zk.client.info.waiting
    results = [zk.client.get_async("/servers") for _ in range(7)]
    wait_until(lambda: sums.levels["waiting"] >= 7, SOON)
    queued = zk.client.info.waiting
    proxy.accept()
    for result in results:
        result.get(SOON)

    assert queued == waiting + 7
    wait_until(lambda: sums.levels["waiting"] == 0, SOON)


def test_r32_each_failed_attempt_is_one_line_and_repetitions_are_summed_up(
    zk: ZooKeeper, proxy: FaultProxy, sums: Sums, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: zk.client.info.failed_attempts >= 6, SOON)
    proxy.accept()
    wait_until(lambda: zk.client.connected, SOON)
    lines.wait_for("CONNECTED", "failed attempts")

    failed = lines.with_all(proxy.address, "connection refused; trying again in")
    loud = [
        record
        for record in caplog.records
        if "trying again" in record.getMessage() and record.levelno > logging.DEBUG
    ]
    assert len(failed) == zk.client.info.failed_attempts
    assert len(loud) == 3
    assert len(lines.with_all("connecting to", proxy.address)) == len(failed) + 1


def test_r32_requests_that_are_asked_again_and_those_cut_off_are_told_with_the_loss(
    zk: ZooKeeper, proxy: FaultProxy, sums: Sums, lines: Lines
) -> None:
    proxy.hold("to_client")
    reads = [zk.client.get_async("/servers") for _ in range(3)]
    write = zk.client.set_async("/servers", b"{}")
    wait_until(lambda: zk.client.info.in_flight == 4, SOON)
    proxy.cut()
    proxy.heal()
    for read in reads:
        read.get(SOON)
    with pytest.raises(ConnectionLoss):
        write.get(SOON)

    lines.wait_for("SUSPENDED", "reads to be asked again: 3", "writes of unknown outcome: 1")
    wait_until(lambda: sums.counts["requests", "GetData", "ok"] >= 3, SOON)
    assert (sums.counts["retries",], sums.counts["unknown_outcomes",]) == (3, 1)
    assert sums.counts["requests", "SetData", "ConnectionLoss"] == 1


def test_r32_a_frame_that_makes_no_sense_is_the_reason_of_the_loss(
    zk: ZooKeeper, proxy: FaultProxy, lines: Lines
) -> None:
    proxy.inject(wire.reply(12345, 1))
    wait_until(lambda: is_connected_again(zk, 1), SOON)

    assert len(lines.with_all("SUSPENDED", "a reply to request 12345")) == 1


def test_r32_a_reply_that_comes_too_late_is_dropped_with_a_line(
    proxy: FaultProxy, chroot: str, sums: Sums, lines: Lines
) -> None:
    with Client(
        proxy.address + chroot, timeout=20.0, operation_timeout=0.3, metrics=sums
    ) as client:
        proxy.hold("to_client")
        with pytest.raises(OperationTimeoutError):
            client.get_children("/")
        proxy.heal()

        lines.wait_for("a reply was dropped, its request had ended: GetChildren /")
        wait_until(lambda: sums.counts["late_replies",] == 1, SOON)
    assert sums.counts["requests", "GetChildren", "OperationTimeoutError"] == 1


def test_r32_an_outage_longer_than_the_session_is_told_as_assumed_and_then_as_certain(
    proxy: FaultProxy, chroot: str, sums: Sums, lines: Lines
) -> None:
    with Client(proxy.address + chroot, timeout=1.0, metrics=sums) as client:
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: client.state is State.LOST, SOON)
        wait_until(lambda: lines.with_all("LOST", "assumed", "without a connection"), SOON)
        expire(proxy.target_port, client.client_id)
        proxy.accept()
        wait_until(lambda: client.connected, SOON)
        wait_until(lambda: sums.counts["expiries",] == 1, SOON)

    assert len(lines.with_all("LOST", "assumed")) == 1
    assert len(lines.with_all("session", "the session expired")) == 1


def test_r32_a_failed_start_names_each_endpoint_with_its_reason(lines: Lines) -> None:
    client = Client("127.0.0.1:1,localhost:2,[::1]:3")

    with pytest.raises(FailedConnect) as caught:
        client.start(timeout=1.0)

    for endpoint in ("127.0.0.1:1: ", "localhost:2: ", "[::1]:3: "):
        assert endpoint in str(caught.value)
        assert lines.with_all(endpoint, "trying again in")


def test_r32_closing_uses_no_alarming_words(
    zk: ZooKeeper, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    zk.client.stop()

    assert len(lines.with_all("LOST", "closed by the caller")) == 1
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
