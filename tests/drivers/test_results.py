"""Outcomes, told by a core that is played by the test."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from tests.waiting import remains, stretched, wait_until
from zc.zk import ConnectionLoss, NoNodeError, OperationTimeoutError
from zc.zk.drivers.results import AsyncResult, Promise, Truth, Waiting, Work
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.operations import Exists
from zc.zk.protocol.requests import NEVER

SOON = 20.0
A_MOMENT = 0.05


class Driver:
    """The part of a driver that results need; callbacks are called at once."""

    new_lock = staticmethod(threading.Lock)

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.callbacks = self
        self.session = self
        self.standing = ""
        self.flushed = 0
        self.ticked = 0
        self.on_tick: Callable[[], None] = lambda: None

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        call()

    def require_can_wait(self) -> None:
        return

    def flush(self) -> None:
        self.flushed += 1

    def tick(self) -> None:
        self.ticked += 1
        self.on_tick()


@pytest.fixture
def driver() -> Driver:
    return Driver()


def async_result(driver: Driver, deadline: float = NEVER) -> AsyncResult[str]:
    return AsyncResult(cast("ThreadDriver", driver), Exists("/a"), b"", deadline)


def waiting(deadline: float = NEVER) -> Waiting:
    return Waiting(Exists("/a"), b"", deadline)


def promise(driver: Driver) -> Promise[str]:
    return Promise(cast("ThreadDriver", driver), Work("the work", "/a"))


def fail_in_time(ended: Waiting | AsyncResult[str]) -> Callable[[], None]:
    """Give what the session does at a tick: end what is over its deadline."""

    def tick() -> None:
        if not ended.ended and time.monotonic() >= ended.deadline:
            ended.fail(OperationTimeoutError("/a"))

    return tick


# --- one who waits at once


def test_a_waiter_gets_the_answer() -> None:
    request = waiting()

    request.resolve("answer")

    assert request.ended
    assert request.wait(lambda: None) == "answer"


def test_a_waiter_gets_the_error() -> None:
    request = waiting()

    request.fail(NoNodeError("/a"))

    with pytest.raises(NoNodeError):
        request.wait(lambda: None)


def test_a_waiter_waits_for_the_answer() -> None:
    request = waiting()
    with ThreadPoolExecutor(1) as threads:
        waited = threads.submit(request.wait, lambda: None)
        assert remains(lambda: not waited.done(), A_MOMENT)

        request.resolve("answer")

        assert waited.result(stretched(SOON)) == "answer"


def test_a_waiter_makes_the_session_look_at_its_deadline() -> None:
    request = waiting(time.monotonic() + A_MOMENT)

    with pytest.raises(OperationTimeoutError):
        request.wait(fail_in_time(request))


# --- one who may ask later


def test_a_result_that_is_still_to_come_is_not_ready(driver: Driver) -> None:
    result = async_result(driver)

    assert not result.ready
    assert not result.successful()
    assert result.value is None
    assert result.exception is None
    assert not result.wait(0)
    with pytest.raises(OperationTimeoutError, match="/a"):
        result.get_nowait()


def test_a_result_that_was_answered_gives_its_answer(driver: Driver) -> None:
    result = async_result(driver)

    result.resolve("answer")

    assert result.ready
    assert result.successful()
    assert result.value == "answer"
    assert result.exception is None
    assert result.wait()
    assert result.get() == result.result() == result.get_nowait() == "answer"


def test_a_result_that_failed_raises_its_error_every_time(driver: Driver) -> None:
    result = async_result(driver)
    error = ConnectionLoss("/a", maybe_applied=True)

    result.fail(error)

    assert result.ready
    assert not result.successful()
    assert result.value is None
    assert result.exception is error
    assert result.wait()
    for ask in (result.get, result.result, result.get_nowait):
        with pytest.raises(ConnectionLoss) as failed:
            ask()
        assert failed.value is error


def test_asking_gives_up_after_its_time_and_may_be_repeated(driver: Driver) -> None:
    result = async_result(driver)

    with pytest.raises(OperationTimeoutError, match="still under way") as failed:
        result.get(A_MOMENT)
    result.resolve("answer")

    assert not failed.value.maybe_applied  # it is a read
    assert result.get(A_MOMENT) == "answer"


def test_all_who_wait_are_told(driver: Driver) -> None:
    result = async_result(driver)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(result.get, stretched(SOON)) for _ in range(4)]
        wait_until(lambda: driver.flushed == 4, SOON)

        with driver.lock:
            result.resolve("answer")

        assert [each.result(stretched(SOON)) for each in asked] == ["answer"] * 4


def test_waiting_sends_what_lingers(driver: Driver) -> None:
    async_result(driver).wait(0)

    assert driver.flushed == 1


def test_waiting_makes_the_session_look_at_the_deadline(driver: Driver) -> None:
    result = async_result(driver, time.monotonic() + A_MOMENT)
    driver.on_tick = fail_in_time(result)

    assert result.wait(stretched(SOON))
    with pytest.raises(OperationTimeoutError):
        result.get()


def test_waiting_less_than_the_deadline_leaves_it_alone(driver: Driver) -> None:
    result = async_result(driver, time.monotonic() + stretched(SOON))

    assert not result.wait(A_MOMENT)

    assert driver.ticked == 0


def test_a_link_is_called_with_the_result_when_it_is_there(driver: Driver) -> None:
    result = async_result(driver)
    told: list[Any] = []

    result.rawlink(told.append)
    assert told == []
    result.resolve("answer")

    assert told == [result]


def test_a_link_to_what_is_there_is_called_at_once(driver: Driver) -> None:
    result = async_result(driver)
    told: list[Any] = []
    result.fail(NoNodeError("/a"))

    result.rawlink(told.append)

    assert told == [result]


def test_links_are_called_in_the_order_of_linking(driver: Driver) -> None:
    result = async_result(driver)
    told: list[int] = []

    result.rawlink(lambda _: told.append(0))
    result.rawlink(lambda _: told.append(1))
    result.rawlink(lambda _: told.append(2))
    result.resolve("answer")

    assert told == [0, 1, 2]


def test_what_was_unlinked_is_not_called(driver: Driver) -> None:
    result = async_result(driver)
    kept: list[Any] = []
    dropped: list[Any] = []
    result.rawlink(kept.append)
    result.rawlink(dropped.append)

    result.unlink(dropped.append)
    result.unlink(print)
    result.resolve("answer")
    result.unlink(kept.append)

    assert (kept, dropped) == ([result], [])


def test_polling_leaves_nothing_behind(driver: Driver) -> None:
    result = async_result(driver)

    for _ in range(100):
        assert not result.wait(0)
    assert not result.wait(A_MOMENT)

    assert not result._latches  # noqa: SLF001 (nothing else shows it)


@pytest.mark.parametrize("arguments", [(0,), (False,), (True, A_MOMENT), (A_MOMENT,)])
def test_k30_asking_takes_kazoos_arguments_or_a_time_out_alone(
    driver: Driver, arguments: tuple[float | bool, ...]
) -> None:
    result = async_result(driver)

    with pytest.raises(OperationTimeoutError):
        result.get(*arguments)
    with pytest.raises(OperationTimeoutError):
        result.get(block=False)
    result.resolve("answer")

    assert result.get(*arguments) == result.get(None) == result.get(block=False) == "answer"


@pytest.mark.parametrize("make", [async_result, promise])
def test_k30_an_outcome_can_be_set_and_the_first_one_stays(
    driver: Driver, make: Callable[[Driver], AsyncResult[str]]
) -> None:
    answered, failed = make(driver), make(driver)
    error = NoNodeError("/a")

    answered.set("answer")
    answered.set_exception(error)
    failed.set_exception(error)
    failed.set("answer")

    assert (answered.value, answered.exception) == ("answer", None)
    assert (failed.value, failed.exception) == (None, error)


def test_k30_an_outcome_set_without_a_value_is_none(driver: Driver) -> None:
    result = async_result(driver)

    result.set()

    assert result.successful()
    assert result.get(0) is None


def test_a_promise_says_what_is_still_under_way(driver: Driver) -> None:
    result = promise(driver)

    with pytest.raises(OperationTimeoutError, match="still under way") as failed:
        result.get(0)

    assert failed.value.maybe_applied
    assert "the work /a pending" in repr(result)


@pytest.mark.parametrize("truth", [True, False])
def test_a_truth_can_be_looked_at_and_called(truth: bool) -> None:
    either = Truth(truth)

    assert bool(either) is truth
    assert either() is truth
    assert repr(either) == repr(truth)
