"""The machine's clock, as a server sees it."""

import time

from zc.zk.server.clock import SystemClock


def test_it_shows_the_machines_time() -> None:
    clock = SystemClock()

    before = time.monotonic(), time.time()
    shown = clock.now(), clock.wall()
    after = time.monotonic(), time.time()

    assert before[0] <= shown[0] <= after[0]
    assert before[1] <= shown[1] <= after[1]


def test_it_says_how_long_to_sleep() -> None:
    clock = SystemClock()

    assert clock.until(clock.now() - 1) == 0
    assert 9 < clock.until(clock.now() + 10) <= 10
