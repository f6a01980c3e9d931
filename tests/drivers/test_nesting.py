"""Calls that come in the middle of another one in the same thread: they work, or are refused at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.promises.programs import run_program
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, OperationTimeoutError, State, UsageError
from zc.zk.drivers.nesting import Bell, Bells, Guard
from zc.zk.drivers.wire import Wire
from zc.zk.testing import Server

SOON = 20.0
A_MOMENT = 0.05

# What interrupts counts how it was answered; no call may take longer than a moment.
PROGRAM = """
    import gc, signal, sys, threading, time
    from zc.zk import UsageError, ZooKeeper

    registry = ZooKeeper(sys.argv[1])
    client = registry.client
    client.create("/a", b"0")
    outcomes, longest, calls = {"answered": 0, "refused": 0}, [0.0], [0]

    def nested():
        begun = time.monotonic()
        try:
            client.get_async("/a")  # waits for nothing: what is refused is refused here, mostly
            calls[0] += 1
            if calls[0] % 8 == 0:
                assert client.get("/a")[0] == b"0"
                client.get_async("/a").get()
                client.sync("/")
                outcomes["answered"] += 1
        except UsageError as error:
            assert "interrupted by another one in the same thread" in str(error), error
            outcomes["refused"] += 1
        except BaseException as error:
            outcomes[repr(error)] = 1
        longest[0] = max(longest[0], time.monotonic() - begun)

    def work(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert client.get("/a")[0] == b"0"
            results = [client.get_async("/a", lambda event: None) for _ in range(20)]
            seen = []
            results[0].rawlink(lambda result: seen.append(1))
            assert [result.get()[0] for result in results] == [b"0"] * 20
            client.set("/a", b"0")

    def work_until_refused():
        until = time.monotonic() + 20
        work(1.5)
        while not outcomes["refused"] and time.monotonic() < until:  # a slow machine does little in a second
            work(0.5)

    def report():
        answered, refused = outcomes.pop("answered"), outcomes.pop("refused")
        assert not outcomes, outcomes
        assert answered and longest[0] < 5, (answered, refused, longest)
        assert client.get("/a")[0] == b"0"
        begun = time.monotonic()
        registry.close()
        assert time.monotonic() - begun < 1
        print(refused)
"""


@pytest.mark.slow
def test_a_signal_handler_that_calls_the_client_never_hangs(embedded: Server) -> None:
    refused = run_program(
        PROGRAM
        + """
    depth = []

    def interrupt(*_):
        if len(depth) < 3:  # where a signal comes sooner than the one before is answered, they pile up
            depth.append(1)
            nested()
            depth.pop()

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    work_until_refused()
    signal.setitimer(signal.ITIMER_REAL, 0)
    report()
    """,
        embedded.address,
    )

    assert int(refused) > 0  # or it has tested nothing


@pytest.mark.slow
def test_garbage_that_calls_the_client_never_hangs_it(embedded: Server) -> None:
    refused = run_program(
        PROGRAM
        + """
    class Garbage:
        def __init__(self):
            self.me = self

        def __del__(self):
            # Not in a thread that is being started: who starts it waits for it, and perhaps with a lock held.
            if threading.get_ident() in threading._active:
                nested()

    is_over = []

    def litter():
        while not is_over:
            Garbage()
            time.sleep(0.0005)

    gc.set_threshold(1, 1, 1)
    thread = threading.Thread(target=litter)
    thread.start()
    work_until_refused()
    is_over.append(1)
    thread.join()
    gc.set_threshold(0)
    report()
    """,
        embedded.address,
    )

    assert int(refused) > 0


def test_a_call_in_the_reader_that_would_wait_for_the_reader_is_refused(client: Client) -> None:
    errors: list[Exception] = []

    class Garbage:
        def __del__(self) -> None:
            try:
                client.get("/a")
            except UsageError as error:
                errors.append(error)

    result = client.get_async("/a")
    wait_until(lambda: result.ready, SOON)
    receive, garbage = client.driver.session.receive, [Garbage()]

    def interrupted(data: bytes, now: float) -> None:
        garbage.clear()
        receive(data, now)

    client.driver.session.receive = interrupted  # type: ignore[method-assign]

    assert client.get("/a")[0] == b"0"
    assert len(errors) == 1


def test_stop_in_the_reader_ends_the_session(client: Client) -> None:
    stopped: list[Exception | None] = []

    class Garbage:
        def __del__(self) -> None:
            try:
                client.stop()
                stopped.append(None)
            except Exception as error:  # noqa: BLE001 (the test looks)
                stopped.append(error)

    garbage, go_on = [Garbage()], client.driver.go_on

    def interrupted() -> bool:
        garbage.clear()
        return go_on()

    client.driver.go_on = interrupted  # type: ignore[method-assign]
    client.driver.session.fault = "gone"  # so that another connection is made
    client.sync_async("/")

    wait_until(lambda: stopped, SOON)
    assert stopped == [None]
    wait_until(lambda: client.state is State.LOST, SOON)


def test_a_call_after_one_that_could_not_be_sent_is_not_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(wire: Wire, data: bytes) -> int:
        raise ConnectionResetError

    monkeypatch.setattr(Wire, "send", fail)
    result = client.get_async("/a")
    monkeypatch.undo()

    with pytest.raises(OperationTimeoutError):
        result.get(timeout=A_MOMENT)


def test_who_sends_is_known_before_it_is_told_that_somebody_does(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[bool] = []
    slot: Any = vars(Wire)["is_sending"]

    def tell(wire: Wire, is_sending: bool) -> None:
        if is_sending:  # whoever sent before asks just now, without the lock, whether it is the one
            known.append(wire.sender == threading.get_ident())
        slot.__set__(wire, is_sending)

    monkeypatch.setattr(Wire, "is_sending", property(slot.__get__, tell))
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(client.get, "/a").result()[0] == b"0"

    assert known
    assert all(known)


# --- the guard


def test_a_guard_refuses_the_thread_that_holds_it() -> None:
    guard = Guard()

    with guard, pytest.raises(UsageError, match="same thread"):
        guard.__enter__()

    with guard:
        pass


def test_a_guard_has_other_threads_wait() -> None:
    guard = Guard()
    entered = threading.Event()

    def enter() -> None:
        with guard:
            entered.set()

    with ThreadPoolExecutor(1) as threads:
        with guard:
            threads.submit(enter)
            assert remains(lambda: not entered.is_set(), A_MOMENT)
        assert entered.wait(stretched(SOON))


def test_a_guard_refuses_a_thread_that_its_holder_may_wait_for() -> None:
    guard = Guard(lambda: True)

    with pytest.raises(UsageError, match="same thread"):
        guard.__enter__()


# --- the bells


def test_a_ring_is_heard_once() -> None:
    bell = Bell()

    bell.ring()
    bell.ring()

    assert bell.wait(SOON)
    assert not bell.wait(0.0)


def test_all_who_wait_look_again_when_the_bells_ring() -> None:
    bells = Bells()
    true: list[int] = []
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(bells.wait_for, lambda: bool(true), SOON) for _ in range(3)]
        bells.ring()
        assert remains(lambda: not any(each.done() for each in waiting), A_MOMENT)

        true.append(1)
        bells.ring()

        assert all(each.result(stretched(SOON)) for each in waiting)


def test_who_waits_for_bells_does_not_wait_longer_than_asked() -> None:
    begun = time.monotonic()

    assert not Bells().wait_for(lambda: False, A_MOMENT)

    assert time.monotonic() - begun < stretched(1.0)
