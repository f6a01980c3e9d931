"""What a client tells the metrics that it was given."""

import logging
import threading
import time
from collections import Counter

import pytest

from tests.waiting import stretched, wait_until
from zc.zk import Client, NoNodeError
from zc.zk.testing import Server

SOON = 20.0


class Sums:
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.durations: dict[str, list[float]] = {}
        self.levels: Counter[str] = Counter()
        self.threads: set[threading.Thread] = set()

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        self.threads.add(threading.current_thread())
        self.counts[name, *labels.values()] += number

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        self.durations.setdefault(labels["operation"], []).extend(seconds)

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        self.levels[name] += difference


def test_requests_are_told_a_few_times_a_second_from_another_thread(embedded: Server) -> None:
    sums = Sums()
    with Client(embedded.address, metrics=sums) as client:
        for _ in range(10):
            client.get("/")
        with pytest.raises(NoNodeError):
            client.get("/missing")
        wait_until(lambda: sums.counts["requests", "GetData", "NoNodeError"], SOON)

        assert sums.counts["requests", "GetData", "ok"] == 10
        assert len(sums.durations["GetData"]) == 11
        assert all(0 <= each < stretched(SOON) for each in sums.durations["GetData"])
        assert sums.counts["bytes_sent",] > 0
        assert sums.levels["connected"] == 1
        assert {each.name.rsplit(" ", 1)[1] for each in sums.threads} <= {"callbacks", "standby"}


def test_all_is_told_when_the_client_is_closed(embedded: Server) -> None:
    sums = Sums()
    with Client(embedded.address, metrics=sums) as client:
        results = [client.get_async("/") for _ in range(100)]
        for result in results:
            result.get(SOON)

    assert sums.counts["requests", "GetData", "ok"] == 100
    assert sums.counts["connects",] == 1
    assert sums.counts["connection_attempts", embedded.address, "connected"] == 1
    assert not any(sums.levels.values())


def test_two_clients_add_up(embedded: Server) -> None:
    sums = Sums()
    with (
        Client(embedded.address, metrics=sums) as one,
        Client(embedded.address, metrics=sums) as other,
    ):
        one.get("/", watch=print)
        other.get("/", watch=print)

        wait_until(lambda: sums.levels["watches"] == 2, SOON)
        assert sums.levels["connected"] == 2
    assert sums.levels["connected"] == 0


def test_callbacks_that_fail_are_counted(
    embedded: Server, caplog: pytest.LogCaptureFixture
) -> None:
    sums = Sums()

    def fail(event: object) -> None:
        raise RuntimeError("the fault of the watch")

    with Client(embedded.address, metrics=sums) as client:
        client.create("/watched")
        client.get("/watched", watch=fail)
        client.set("/watched", b"1")

        wait_until(lambda: sums.counts["callback_failures",], SOON)
        assert client.info.callback_failures == 1
    assert sums.counts["callback_failures",] == 1


class Failing(Sums):
    """Metrics with a fault."""

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        raise RuntimeError("the fault of the metrics")


def test_metrics_that_fail_are_logged_once_and_break_nothing(
    embedded: Server, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing()
    with Client(embedded.address, metrics=failing) as client:
        for _ in range(3):
            client.get("/")
            found = len(failing.durations.get("GetData", ()))
            wait_until(lambda: len(failing.durations.get("GetData", ())) > found, SOON)  # noqa: B023

    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert told[0].getMessage().startswith("metrics failed at ")


class Stuck(Sums):
    """Metrics that never return."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        self.gate.wait(stretched(SOON))


def test_metrics_that_never_return_hold_nobody_up(embedded: Server) -> None:
    stuck = Stuck()
    client = Client(embedded.address, metrics=stuck)
    client.start()
    told = threading.Event()
    client.create("/watched")
    client.get("/watched", watch=lambda event: told.set())

    client.set("/watched", b"1")
    was_told = told.wait(stretched(SOON))
    begun = time.monotonic()
    client.stop()
    took = time.monotonic() - begun
    stuck.gate.set()

    assert was_told
    assert took < stretched(2.5)
