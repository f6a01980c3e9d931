"""Callbacks: in order for each key, one at a time, on as few threads as they let it be."""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.waiting import remains, stretched, wait_until
from zc.zk.drivers.callbacks import Callbacks

SOON = 20.0
A_MOMENT = 0.05


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    callbacks = Callbacks("test")
    yield callbacks
    callbacks.close(time.monotonic() + stretched(SOON))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Something for callbacks to wait for, which opens in the end."""
    gate = threading.Event()
    yield gate
    gate.set()


def waiting_for(gate: threading.Event) -> Callable[[], object]:
    return lambda: gate.wait(stretched(SOON))


def our_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "test callbacks"]


def test_what_is_posted_is_called_on_another_thread(callbacks: Callbacks) -> None:
    seen: list[threading.Thread] = []

    callbacks.post("key", lambda: seen.append(threading.current_thread()))

    wait_until(lambda: seen, SOON)
    assert seen[0] is not threading.current_thread()
    assert seen[0].name == "test callbacks"


def test_callbacks_of_one_key_are_called_in_order(callbacks: Callbacks) -> None:
    seen: list[int] = []

    for number in range(1000):
        callbacks.post("key", partial(seen.append, number))

    wait_until(lambda: len(seen) == 1000, SOON)
    assert seen == list(range(1000))


@pytest.mark.slow
def test_callbacks_of_one_key_are_called_one_at_a_time(
    callbacks: Callbacks, gate: threading.Event
) -> None:
    begun: list[int] = []
    callbacks.post("key", waiting_for(gate))
    callbacks.post("key", lambda: begun.append(1))

    assert remains(lambda: begun == [], 3 * A_MOMENT)

    gate.set()
    wait_until(lambda: begun == [1], SOON)


@pytest.mark.slow
def test_a_callback_that_blocks_holds_up_no_other_key(
    callbacks: Callbacks, gate: threading.Event
) -> None:
    seen: list[str] = []

    for name in ("a", "b", "c"):
        callbacks.post(name, waiting_for(gate))
    callbacks.post("d", lambda: seen.append("d"))

    wait_until(lambda: seen == ["d"], SOON)


def test_a_monitor_relieves_callbacks_instead_of_a_thread_of_its_own(
    callbacks: Callbacks, gate: threading.Event
) -> None:
    seen: list[str] = []
    callbacks.monitor = threading.get_ident()
    callbacks.post("a", waiting_for(gate))
    callbacks.post("b", lambda: seen.append("b"))

    def is_relieved() -> bool:
        callbacks.relieve()
        return seen == ["b"]

    wait_until(is_relieved, SOON)
    assert not [each for each in threading.enumerate() if each.name == "test standby"]


def test_callbacks_that_do_not_block_share_one_thread(callbacks: Callbacks) -> None:
    seen: set[threading.Thread] = set()
    for number in range(100):
        done = threading.Event()
        callbacks.post(number, lambda: seen.add(threading.current_thread()))
        callbacks.post(number, done.set)
        assert done.wait(stretched(SOON))

    assert len(seen) == 1


def test_an_idle_thread_keeps_nothing_alive(callbacks: Callbacks) -> None:
    class Key:
        def __init__(self, gone: threading.Event) -> None:
            self.gone = gone

        def __del__(self) -> None:
            self.gone.set()

        def call(self) -> None: ...

    gone = threading.Event()
    key = Key(gone)
    callbacks.post(key, key.call)

    del key

    assert gone.wait(stretched(SOON))


@pytest.mark.parametrize("end", [ValueError, SystemExit])
def test_what_a_callback_raises_is_logged_and_the_next_is_called(
    callbacks: Callbacks, caplog: pytest.LogCaptureFixture, end: type[BaseException]
) -> None:
    seen: list[int] = []

    def failing() -> None:
        raise end("the fault of the callback")

    callbacks.post("key", failing)
    callbacks.post("key", lambda: seen.append(1))
    wait_until(lambda: seen == [1], SOON)
    callbacks.post("key", lambda: seen.append(2))

    wait_until(lambda: seen == [1, 2], SOON)
    assert "the fault of the callback" in caplog.text


def test_a_callback_may_post(callbacks: Callbacks) -> None:
    seen: list[int] = []

    def post(number: int) -> None:
        seen.append(number)
        if number < 5:
            callbacks.post("key", lambda: post(number + 1))

    callbacks.post("key", lambda: post(0))

    wait_until(lambda: seen == [0, 1, 2, 3, 4, 5], SOON)


def test_a_key_need_not_be_hashable(callbacks: Callbacks) -> None:
    @dataclass
    class Key:
        number: int

    key = Key(1)
    seen: list[int] = []

    for number in range(10):
        callbacks.post(key, partial(seen.append, number))

    wait_until(lambda: seen == list(range(10)), SOON)


def test_a_callback_knows_that_it_is_one(callbacks: Callbacks) -> None:
    seen: list[bool] = []

    callbacks.post("key", lambda: seen.append(callbacks.is_own_thread))

    wait_until(lambda: seen == [True], SOON)
    assert not callbacks.is_own_thread


def test_closing_waits_for_what_was_posted(gate: threading.Event) -> None:
    callbacks = Callbacks("test")
    seen: list[int] = []
    callbacks.post("key", waiting_for(gate))
    for number in range(10):
        callbacks.post("key", partial(seen.append, number))

    gate.set()
    callbacks.close(time.monotonic() + stretched(SOON))

    assert seen == list(range(10))
    assert our_threads() == []


def test_closing_waits_no_longer_than_it_was_told(gate: threading.Event) -> None:
    callbacks = Callbacks("test")
    callbacks.post("key", waiting_for(gate))

    callbacks.close(time.monotonic() + A_MOMENT)

    assert len(our_threads()) == 1
    gate.set()
    wait_until(lambda: our_threads() == [], SOON)


def test_callbacks_may_close_all_at_once() -> None:
    callbacks = Callbacks("test")
    meeting = threading.Barrier(2)
    closed: list[str] = []

    def close(name: str) -> None:
        meeting.wait(stretched(SOON))
        callbacks.close(time.monotonic() + sys.maxsize)
        closed.append(name)

    callbacks.post("a", lambda: close("a"))
    callbacks.post("b", lambda: close("b"))

    wait_until(lambda: sorted(closed) == ["a", "b"], SOON)
    wait_until(lambda: our_threads() == [], SOON)


def test_what_is_posted_after_closing_is_still_called(callbacks: Callbacks) -> None:
    seen: list[int] = []
    callbacks.close(time.monotonic() + stretched(SOON))

    callbacks.post("key", lambda: seen.append(1))

    wait_until(lambda: seen == [1] and our_threads() == [], SOON)


def test_callbacks_that_were_opened_again_go_on(callbacks: Callbacks) -> None:
    seen: list[int] = []
    callbacks.close(time.monotonic() + stretched(SOON))

    callbacks.open()
    callbacks.post("key", lambda: seen.append(1))

    wait_until(lambda: seen == [1], SOON)
    assert remains(lambda: len(our_threads()) == 1, A_MOMENT)


def test_what_is_posted_while_no_thread_can_be_started_is_called_later(
    callbacks: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", fail)
        callbacks.post("key", lambda: seen.append(1))

    assert callbacks.is_waiting
    callbacks.post("other", lambda: seen.append(2))
    wait_until(lambda: sorted(seen) == [1, 2], SOON)


def test_a_failure_goes_to_the_logger_given(caplog: pytest.LogCaptureFixture) -> None:
    callbacks = Callbacks("test", logging.getLogger("own"))

    callbacks.post("key", lambda: 1 / 0)

    wait_until(lambda: callbacks.failures == 1, SOON)
    wait_until(lambda: [record.name for record in caplog.records] == ["own"], SOON)
    callbacks.close(time.monotonic() + stretched(SOON))
