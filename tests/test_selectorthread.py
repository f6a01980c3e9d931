import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.selectorthread import SelectorThread
from tests.waiting import wait_until


def never(now: float) -> float | None:
    return None


def fail(*args: object) -> float | None:
    raise ZeroDivisionError("in a handler")


@pytest.fixture
def thread() -> Iterator[SelectorThread]:
    thread = SelectorThread("a selector thread", never)
    thread.start()
    yield thread
    thread.stop()


def test_a_call_runs_in_the_thread_and_gives_its_result(thread: SelectorThread) -> None:
    assert thread.call(threading.current_thread).name == "a selector thread"


def test_a_call_from_within_runs_at_once(thread: SelectorThread) -> None:
    assert thread.call(lambda: thread.call(lambda: "done")) == "done"


def test_an_error_in_a_call_is_raised_to_the_caller_alone(thread: SelectorThread) -> None:
    with pytest.raises(ZeroDivisionError):
        thread.call(fail)

    assert thread.call(lambda: "still there") == "still there"


def test_a_handler_is_called_while_its_socket_is_ready(thread: SelectorThread) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        received: list[bytes] = []
        read = selectors.EVENT_READ

        thread.call(lambda: thread.watch(ours, read, lambda mask: received.append(ours.recv(9))))
        theirs.sendall(b"hello")
        wait_until(lambda: received == [b"hello"], 5)
        thread.call(lambda: thread.watch(ours, 0, lambda mask: None))

        theirs.sendall(b"unheard")
        assert thread.call(lambda: received) == [b"hello"]


def test_advance_is_called_again_when_it_asks_for_it() -> None:
    calls: list[float] = []

    def advance(now: float) -> float | None:
        calls.append(now)
        return now + 0.001

    thread = SelectorThread("a clock", advance)
    thread.start()
    thread.call(lambda: None)

    wait_until(lambda: len(calls) >= 10, 5)
    thread.stop()


def test_an_error_ends_the_thread_and_is_raised_once() -> None:
    thread = SelectorThread("a failure", fail)
    thread.start()
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        thread.call(lambda: None)

    with pytest.raises(ZeroDivisionError, match="in a handler"):
        thread.stop()
    thread.stop()


def test_a_thread_that_was_stopped_takes_no_calls() -> None:
    thread = SelectorThread("a memory", never)
    thread.start()
    thread.stop()

    with pytest.raises(RuntimeError, match="a memory has ended"):
        thread.call(lambda: None)
