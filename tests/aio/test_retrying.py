"""Functions that are awaited again when the network failed them."""

import asyncio
import functools
from typing import Any

import pytest

from tests.aio.looping import run
from zc.zk import ConnectionClosedError, ConnectionLoss, NoNodeError, SessionExpiredError
from zc.zk import Retry as BlockingRetry
from zc.zk.aio import Client, Retry
from zc.zk.aio.retrying import like
from zc.zk.errors import ArgumentTypeError, ZooKeeperError
from zc.zk.retry import RetryFailedError, RetryInterruptedError
from zc.zk.testing import Server


class Flaky:
    """A coroutine function that fails so often as it has errors, and then returns what it was called with."""

    def __init__(self, *errors: ZooKeeperError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, *args: object, **kwargs: object) -> object:
        await asyncio.sleep(0)
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return args, kwargs


class Pauses(list[float]):
    """Notes pauses instead of making them."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


def test_what_succeeds_is_called_once_with_its_arguments() -> None:
    func = Flaky()

    assert run(Retry()(func, 1, key=2)) == ((1,), {"key": 2})
    assert func.calls == 1


def test_what_the_network_failed_is_called_again_after_growing_pauses() -> None:
    func, pauses = Flaky(*(ConnectionLoss("/") for _ in range(3))), Pauses()

    run(Retry(3, delay=1.0, max_jitter=0, sleep_func=pauses.sleep)(func))

    assert func.calls == 4
    assert pauses == [1.0, 2.0, 4.0]


def test_there_are_only_so_many_attempts() -> None:
    func, pauses = Flaky(*(ConnectionLoss("/") for _ in range(9))), Pauses()

    with pytest.raises(RetryFailedError, match="failed 3 times") as told:
        run(Retry(2, sleep_func=pauses.sleep)(func))

    assert func.calls == 3
    assert isinstance(told.value.__cause__, ConnectionLoss)


@pytest.mark.parametrize("error", [NoNodeError("/a"), ConnectionClosedError()])
def test_another_error_is_raised_as_it_is(error: ZooKeeperError) -> None:
    func = Flaky(error)

    with pytest.raises(type(error)):
        run(Retry(-1)(func))

    assert func.calls == 1


@pytest.mark.parametrize(("ignores", "calls"), [(True, 2), (False, 1)])
def test_the_end_of_a_session_is_ignored_or_not(ignores: bool, calls: int) -> None:
    func, pauses = Flaky(SessionExpiredError("/")), Pauses()
    retry = Retry(1, ignore_expire=ignores, sleep_func=pauses.sleep)

    if ignores:
        run(retry(func))
    else:
        with pytest.raises(SessionExpiredError):
            run(retry(func))

    assert func.calls == calls


def test_an_interrupt_ends_a_pause() -> None:
    func, pauses = Flaky(ConnectionLoss("/")), Pauses()
    answers = [False, False, True]
    retry = Retry(1, delay=60.0, interrupt=lambda: answers.pop(0), sleep_func=pauses.sleep)

    with pytest.raises(RetryInterruptedError):
        run(retry(func))

    assert pauses == [0.1, 0.1, 0.1]
    assert func.calls == 1


def test_nothing_is_begun_after_the_deadline() -> None:
    func = Flaky(*(ConnectionLoss("/") for _ in range(99)))

    with pytest.raises(RetryFailedError, match=r"not done within 0\.05 s"):
        run(Retry(-1, delay=0.02, max_jitter=0, deadline=0.05)(func))

    assert 1 < func.calls < 4


def test_a_pause_may_be_cancelled() -> None:
    func = Flaky(*(ConnectionLoss("/") for _ in range(9)))

    async def main() -> None:
        async with asyncio.timeout(0.02):
            await Retry(-1, delay=60.0)(func)

    with pytest.raises(TimeoutError):
        run(main())
    assert func.calls == 1


def test_a_partial_and_a_method_may_be_retried(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address) as client:
            assert await client.retry(functools.partial(client.create, "/a"), b"1") == "/a"
            assert (await client.retry(client.get, "/a"))[0] == b"1"

    run(main())


def test_a_client_retries_while_its_server_is_away(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address, fail_fast=True) as client:
            server.stop()
            asyncio.get_running_loop().call_later(0.2, server.start)
            assert await client.retry(client.exists, "/")

    run(main())


def test_a_client_retries_as_it_was_told_to(server: Server) -> None:
    async def main() -> None:
        async with Client(server.address, command_retry=BlockingRetry(2, delay=0.001)) as client:
            func = Flaky(*(ConnectionLoss("/") for _ in range(9)))
            with pytest.raises(RetryFailedError, match="failed 3 times"):
                await client.retry(func)

    run(main())


def test_a_blocking_policy_has_its_like() -> None:
    policy = BlockingRetry(5, 0.5, 3, 0.1, 9.0, ignore_expire=False, deadline=7.0)

    awaited = like(policy)

    def shown(retry: Any) -> dict[str, Any]:
        return {name: value for name, value in vars(retry).items() if name != "sleep_func"}

    assert shown(awaited) == shown(policy)
    assert awaited.sleep_func is asyncio.sleep
    assert vars(awaited.copy()) == vars(awaited)


def test_an_interrupt_is_called_and_not_awaited() -> None:
    async def interrupt() -> bool:
        return False

    with pytest.raises(ArgumentTypeError, match="interrupt is called, not awaited"):
        Retry(interrupt=interrupt)
