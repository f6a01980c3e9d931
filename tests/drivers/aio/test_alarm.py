"""The one timer of a driver."""

import asyncio
import time
from time import monotonic

import pytest

from tests.aio.looping import stays, until
from tests.drivers.conftest import OnLoop
from zc.zk.drivers.aio.alarm import Alarm

SOON = 0.02  # seconds
LONG = 60.0


class Bell:
    """Notes whether the loop was held up, at each ring."""

    def __init__(self) -> None:
        self.rings: list[bool] = []
        self.alarm = Alarm(self.rings.append)

    def set(self, seconds: float, longest: float = LONG) -> None:
        self.alarm.set(asyncio.get_running_loop(), monotonic() + seconds, longest)


@pytest.mark.parametrize(("seconds", "longest"), [(SOON, LONG), (LONG, SOON)])
def test_it_rings_once_in_time(on_loop: OnLoop, seconds: float, longest: float) -> None:
    async def main() -> None:
        bell = Bell()
        bell.set(seconds, longest)
        begun = monotonic()
        await until(lambda: bell.rings)
        assert monotonic() - begun >= SOON - 0.002
        assert await stays(lambda: len(bell.rings) == 1, 2 * SOON)
        assert bell.alarm.at == float("inf")

    on_loop(main())


def test_what_rings_before_stays_and_what_rings_later_gives_way(on_loop: OnLoop) -> None:
    async def main() -> None:
        bell = Bell()
        bell.set(LONG)
        bell.set(SOON)
        first = bell.alarm.at
        bell.set(LONG)
        assert bell.alarm.at == first
        await until(lambda: bell.rings)

    on_loop(main())


def test_it_tells_that_the_loop_was_held_up(on_loop: OnLoop) -> None:
    async def main() -> None:
        bell = Bell()
        bell.set(SOON)
        time.sleep(5 * SOON)  # noqa: ASYNC251 (as a user's task does)
        await until(lambda: bell.rings)
        assert bell.rings == [True]

    on_loop(main())


def test_a_second_ring_tells_of_no_hold_up(on_loop: OnLoop) -> None:
    async def main() -> None:
        bell = Bell()
        bell.set(SOON)
        bell.alarm.snooze(asyncio.get_running_loop())
        time.sleep(5 * SOON)  # noqa: ASYNC251 (as a user's task does)
        await until(lambda: bell.rings)
        assert await stays(lambda: bell.rings == [False], 2 * SOON)

    on_loop(main())


def test_a_silent_one_does_not_ring(on_loop: OnLoop) -> None:
    async def main() -> None:
        bell = Bell()
        bell.alarm.silence()
        bell.set(SOON)
        bell.alarm.silence()
        assert await stays(lambda: not bell.rings, 3 * SOON)

    on_loop(main())


def test_a_loop_that_was_closed_is_left_alone() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    bell = Bell()

    bell.alarm.set(loop, 0.0, LONG)

    assert bell.alarm.at == float("inf")
