"""Lines for the log, written by a callback thread."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from tests.waiting import stretched, wait_until
from zc.zk import Client, State
from zc.zk.drivers.callbacks import Callbacks
from zc.zk.drivers.journal import Journal, chroot_missing, connecting, unexpected
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.repetition import Line
from zc.zk.testing import Server

SOON = 20.0
log = logging.getLogger("ZooKeeper")


class Told(logging.Handler):
    """Remembers lines and the threads that wrote them, and lets a test say what else a handler does."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.gate = threading.Event()
        self.gate.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.gate.wait(stretched(SOON))

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def told() -> Iterator[Told]:
    """What is written at INFO level or above."""
    handler = Told()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    handler.gate.set()
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    callbacks = Callbacks("test")
    yield callbacks
    callbacks.close(time.monotonic() + stretched(SOON))


@pytest.fixture
def journal(callbacks: Callbacks) -> Journal:
    return Journal(callbacks)


def line(text: str, level: int = logging.INFO, topic: str = "") -> Line:
    return Line(level, text, topic or text)


def test_lines_are_written_in_order_by_another_thread(told: Told, journal: Journal) -> None:
    texts = [f"line {number}" for number in range(100)]

    for text in texts:
        journal.take(line(text))

    wait_until(lambda: len(told.records) == 100, SOON)
    assert told.texts == texts
    assert threading.get_ident() not in {record.thread for record in told.records}


def test_a_stuck_handler_holds_nobody_up(told: Told, journal: Journal) -> None:
    told.gate.clear()
    journal.take(line("first"))
    wait_until(lambda: told.records, SOON)
    begun = time.monotonic()

    for number in range(99):
        journal.take(line(str(number)))
    journal.finish()

    assert time.monotonic() - begun < stretched(1.0)
    told.gate.set()
    wait_until(lambda: len(told.records) == 100, SOON)


def test_what_no_thread_has_written_is_written_in_the_end(
    told: Told, journal: Journal, callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "post", lambda *_: None)  # as when no thread can be started
    journal.take(line("one"))
    journal.take(line("two"))

    journal.finish()

    assert told.texts == ["one", "two"]


def test_repeated_lines_become_debug_lines_and_a_summary(told: Told, journal: Journal) -> None:
    for _ in range(10):
        journal.take(line("again"))
    wait_until(lambda: len(told.records) == 3, SOON)

    journal.finish()

    assert told.texts == ["again", "again", "again", "again (repeated 7 times in 0 s)"]


def test_what_was_repeated_is_summed_up_before_the_last_line(told: Told, journal: Journal) -> None:
    for _ in range(5):
        journal.take(line("again"))
    journal.take(Line(logging.INFO, "the end", "", is_last=True))
    wait_until(lambda: len(told.records) == 5, SOON)

    journal.finish()

    assert told.texts[3:] == ["again (repeated 2 times in 0 s)", "the end"]


def test_repeated_lines_are_all_there_at_debug_level(told: Told, journal: Journal) -> None:
    log.setLevel(logging.DEBUG)

    for _ in range(10):
        journal.take(line("again"))

    wait_until(lambda: len(told.records) == 10, SOON)
    levels = [record.levelno for record in told.records]
    assert levels == [logging.INFO] * 3 + [logging.DEBUG] * 7


def test_lines_that_nobody_reads_start_no_thread(told: Told, journal: Journal) -> None:
    before = threading.active_count()

    journal.take(connecting(Endpoint("a", 1)))

    assert threading.active_count() == before


def test_a_filter_that_fails_costs_one_line(told: Told, journal: Journal) -> None:
    def fail(record: logging.LogRecord) -> bool:
        if "bad" in record.getMessage():
            raise RuntimeError("the fault of the filter")
        return True

    log.addFilter(fail)
    try:
        journal.take(line("bad"))
        journal.take(line("good"))
        wait_until(lambda: told.records, SOON)
    finally:
        log.removeFilter(fail)

    assert told.texts == ["good"]


def test_an_unexpected_error_is_written_with_its_traceback(told: Told, journal: Journal) -> None:
    error = RuntimeError("ours")

    journal.take(unexpected(error))

    wait_until(lambda: told.records, SOON)
    [record] = told.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_handler_may_call_the_client(told: Told) -> None:
    answers: list[object] = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if State.CONNECTED in record.getMessage():
                answers.append(client.get_children("/"))

    handler = Asking()
    log.addHandler(handler)
    try:
        with Server() as server:
            client = Client(server.address)
            with client:
                wait_until(lambda: answers, SOON)
    finally:
        log.removeHandler(handler)

    assert answers == [["zookeeper"]]


def test_the_last_line_of_a_client_is_there_when_it_is_closed(told: Told) -> None:
    with Server() as server:
        for _ in range(5):
            told.records.clear()
            with Client(server.address):
                pass

            assert told.texts[-1].startswith("LOST, session 0x")
            assert "closed by the caller" in told.texts[-1]


def test_lines_go_to_the_logger_given(callbacks: Callbacks) -> None:
    handler = Told()
    own = logging.Logger("own")  # noqa: LOG001 (nobody else's)
    own.addHandler(handler)
    journal = Journal(callbacks, logging.LoggerAdapter(own, {}))

    journal.take(line("here"))
    journal.take(chroot_missing("/app"))

    wait_until(lambda: len(handler.records) == 2, SOON)
    assert handler.texts == [
        "here",
        "the chroot /app does not exist: create it by ensure_path('/')",
    ]
