import time
from collections.abc import Callable

import pytest

from zc.zk import (
    AuthFailedError,
    BadArgumentsError,
    ConnectionClosedError,
    ConnectionLoss,
    NoNodeError,
    OperationTimeoutError,
    RequestTimeoutError,
    RequestTooLargeError,
    ResponseTooLargeError,
    SessionExpiredError,
    SessionMovedError,
    ZooKeeperError,
)
from zc.zk.drivers.retrying import Retry
from zc.zk.errors import ArgumentError
from zc.zk.retry import ForceRetryError, RetryFailedError, RetryInterruptedError


class Flaky:
    """A function that fails so often as it has errors, and then returns what it was called with."""

    def __init__(self, *errors: ZooKeeperError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return args, kwargs


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def make(pauses: list[float]) -> Callable[..., Retry]:
    """Give a function that makes a retry which notes its pauses instead of making them."""
    return lambda *args, **options: Retry(*args, **{"sleep_func": pauses.append, **options})


def test_k32_what_succeeds_is_called_once_with_its_arguments(make: Callable[..., Retry]) -> None:
    func = Flaky()

    assert make()(func, 1, key=2) == ((1,), {"key": 2})
    assert func.calls == 1


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLoss("/a"),
        OperationTimeoutError("/a"),
        RequestTimeoutError("/a"),
        SessionMovedError("/a"),
        SessionExpiredError("/a"),
        ForceRetryError("again"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_k32_what_the_network_failed_is_called_again(
    make: Callable[..., Retry], error: ZooKeeperError
) -> None:
    func = Flaky(error)

    make()(func)

    assert func.calls == 2


@pytest.mark.parametrize(
    "error",
    [
        NoNodeError("/a"),
        BadArgumentsError("/a"),
        AuthFailedError(),
        RequestTooLargeError("too large"),
        ResponseTooLargeError("too large"),
        ConnectionClosedError(),
        RetryFailedError("by another"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_k32_what_would_fail_again_is_raised_at_once(
    make: Callable[..., Retry], error: ZooKeeperError
) -> None:
    func = Flaky(error)

    with pytest.raises(type(error)) as caught:
        make(max_tries=-1)(func)

    assert caught.value is error
    assert func.calls == 1


def test_k32_max_tries_is_how_often_it_is_called_again(make: Callable[..., Retry]) -> None:
    last = ConnectionLoss("/a")
    func = Flaky(ConnectionLoss(), ConnectionLoss(), last)

    with pytest.raises(RetryFailedError, match="failed 3 times: connection lost: /a") as caught:
        make(max_tries=2)(func)

    assert func.calls == 3
    assert caught.value.__cause__ is last


def test_k32_any_number_of_times_is_minus_one(make: Callable[..., Retry]) -> None:
    func = Flaky(*(ConnectionLoss() for _ in range(100)))

    make(max_tries=-1)(func)

    assert func.calls == 101


def test_k32_the_pauses_grow_up_to_the_longest(
    make: Callable[..., Retry], pauses: list[float]
) -> None:
    func = Flaky(*(ConnectionLoss() for _ in range(5)))

    make(-1, 0.5, 2, 0, 3.0)(func)

    assert pauses == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_k32_the_jitter_is_a_fraction_of_the_pause(
    make: Callable[..., Retry], pauses: list[float]
) -> None:
    func = Flaky(*(ConnectionLoss() for _ in range(100)))

    make(-1, 1.0, 1, 0.4)(func)

    assert all(0.6 <= pause <= 1.4 for pause in pauses)
    assert max(pauses) - min(pauses) > 0.1


@pytest.mark.parametrize(("given", "kept"), [(-1, 0.0), (0.3, 0.3), (8, 1.0)])
def test_k32_the_jitter_is_between_none_and_all(given: float, kept: float) -> None:
    assert Retry(max_jitter=given).max_jitter == kept


def test_k32_the_end_of_the_session_is_raised_where_that_was_asked_for(
    make: Callable[..., Retry],
) -> None:
    func = Flaky(SessionExpiredError())

    with pytest.raises(SessionExpiredError):
        make(ignore_expire=False)(func)

    assert func.calls == 1


def test_k32_nothing_is_begun_again_after_the_deadline(
    make: Callable[..., Retry], pauses: list[float]
) -> None:
    func = Flaky(*(ConnectionLoss() for _ in range(9)))

    with pytest.raises(RetryFailedError, match="not done within 5 s"):
        make(-1, 3.0, 2, 0, deadline=5.0)(func)

    assert pauses == [3.0]


def test_k32_an_interrupt_is_asked_for_every_tenth_of_a_second(
    make: Callable[..., Retry], pauses: list[float]
) -> None:
    func = Flaky(*(ConnectionLoss() for _ in range(9)))
    answers = iter([False, False, True])

    with pytest.raises(RetryInterruptedError):
        make(-1, 1.0, interrupt=lambda: next(answers))(func)

    assert pauses == [0.1, 0.1, 0.1]
    assert func.calls == 1


def test_k32_without_a_sleep_function_time_passes() -> None:
    begun = time.monotonic()

    Retry(delay=0.05, max_jitter=0)(Flaky(ConnectionLoss()))

    assert time.monotonic() - begun >= 0.05


def test_k32_a_failure_says_that_an_attempt_may_have_been_applied(
    make: Callable[..., Retry],
) -> None:
    func = Flaky(ConnectionLoss(maybe_applied=True), ConnectionLoss())

    with pytest.raises(RetryFailedError) as caught:
        make()(func)

    assert caught.value.maybe_applied


def test_k32_a_copy_has_the_same_policy() -> None:
    retry = Retry(3, 0.2, 3, 0.5, 7, False, print, 9, lambda: True)

    copy = retry.copy()

    assert copy is not retry
    assert vars(copy) == vars(retry)


def test_k32_a_retry_can_be_reset_and_used_again(make: Callable[..., Retry]) -> None:
    retry = make(max_tries=1)
    retry(Flaky(ConnectionLoss()))

    retry.reset()

    retry(Flaky(ConnectionLoss()))


@pytest.mark.parametrize("tries", [-2, None, "many"])
def test_a_number_of_tries_that_cannot_be_is_an_error(tries: object) -> None:
    with pytest.raises(ArgumentError, match="max_tries"):
        Retry(tries)  # type: ignore[arg-type]
