"""Futures for outcomes, and for moments."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.aio.looping import run, turns
from zc.zk.drivers.aio.future import Asked, LoopBells, is_awaited, ring
from zc.zk.errors import ConnectionLoss
from zc.zk.operations import Exists

A_MOMENT = 0.01


def asked() -> Asked:
    return Asked(asyncio.get_running_loop().create_future(), Exists("/a"), b"", 1.0, False)


def test_an_answer_is_the_result() -> None:
    async def main() -> None:
        request = asked()

        request.resolve(5)

        assert request.ended
        assert await request.future == 5

    run(main())


def test_a_future_takes_an_outcome_until_it_has_one_or_its_loop_is_closed() -> None:
    loop = asyncio.new_event_loop()
    done, open_ended = loop.create_future(), loop.create_future()
    done.set_result(None)

    assert not is_awaited(done)
    assert is_awaited(open_ended)
    loop.close()
    assert not is_awaited(open_ended)
    ring(open_ended)


def test_an_error_is_raised() -> None:
    async def main() -> None:
        request = asked()

        request.fail(ConnectionLoss("/a"))

        assert request.ended
        with pytest.raises(ConnectionLoss, match="/a"):
            await request.future

    run(main())


@pytest.mark.parametrize(
    "tell", [lambda request: request.resolve(5), lambda request: request.fail(ConnectionLoss("/a"))]
)
def test_the_outcome_of_what_was_cancelled_is_dropped(tell: Callable[[Asked], None]) -> None:
    async def main() -> None:
        request = asked()
        request.future.cancel()

        tell(request)

        assert request.future.cancelled()

    run(main())


def test_only_what_was_cancelled_is_forgotten() -> None:
    async def main() -> None:
        kept, cancelled = asked(), asked()
        cancelled.future.cancel()

        assert (kept.ended, cancelled.ended) == (False, True)

    run(main())


def test_an_outcome_that_comes_when_the_loop_has_ended_is_nobodys() -> None:
    async def main() -> Asked:
        request = asked()
        request.future.add_done_callback(print)  # which a loop that has ended cannot call
        return request

    request = run(main())
    request.fail(ConnectionLoss("/a"))

    assert not request.future.done()


def test_a_moment_comes_once_and_may_be_past() -> None:
    async def main() -> None:
        first, cancelled = [asyncio.get_running_loop().create_future() for _ in range(2)]
        cancelled.cancel()
        for moment in (first, first, cancelled):
            ring(moment)

        assert first.done()
        assert cancelled.cancelled()

    run(main())


def test_a_moment_that_comes_when_the_loop_has_ended_is_missed() -> None:
    async def main() -> "asyncio.Future[None]":
        moment = asyncio.get_running_loop().create_future()
        moment.add_done_callback(lambda _: None)
        return moment

    ring(run(main()))


def test_what_is_true_is_not_waited_for() -> None:
    assert run(LoopBells().wait_for(lambda: True, 0.0))


def test_each_ring_has_all_look_again() -> None:
    async def main() -> None:
        bells, now = LoopBells(), [0]
        waiting = [
            asyncio.create_task(bells.wait_for(is_true))
            for is_true in (lambda: now[0] >= 1, lambda: now[0] >= 2)
        ]
        done = []
        for _ in range(3):
            await turns(3)
            done.append([each.done() for each in waiting])
            now[0] += 1
            bells.ring()
        assert done == [[False, False], [True, False], [True, True]]

    run(main())


def test_what_does_not_become_true_is_waited_for_so_long() -> None:
    async def main() -> None:
        looked: list[int] = []

        def look() -> bool:
            looked.append(1)
            return False

        begun = time.monotonic()
        assert not await LoopBells().wait_for(look, A_MOMENT)
        assert time.monotonic() - begun >= A_MOMENT
        looked.clear()
        assert not await LoopBells().wait_for(look, -1.0)
        assert len(looked) == 1

    run(main())
