"""Wait for what must become true, by bounds that one environment variable stretches."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TIMING = float(os.environ.get("ZK_TEST_TIMING", "1"))
PAUSE_BETWEEN_LOOKS = 0.002


def stretched(bound: float) -> float:
    """Give `bound` seconds multiplied by ZK_TEST_TIMING, for machines that are slow or busy."""
    return bound * TIMING


def wait_until(predicate: Callable[[], T], bound: float, what: str = "") -> T:
    """Return the first true result of `predicate`; fail when `bound` seconds bring none.

    `what` says in the failure what was waited for.
    """
    give_up_at = time.monotonic() + stretched(bound)
    while not (result := predicate()):
        if time.monotonic() > give_up_at:
            waited_for = what or getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"not within {stretched(bound):g} s: {waited_for}; got {result!r}")
        time.sleep(PAUSE_BETWEEN_LOOKS)
    return result


def remains(predicate: Callable[[], object], duration: float) -> bool:
    """Tell whether `predicate` is true all through `duration` seconds, which are not stretched.

    For what must not happen; a short time can only overlook a fault, never report one that is not.
    """
    end_at = time.monotonic() + duration
    while predicate():
        if time.monotonic() > end_at:
            return True
        time.sleep(PAUSE_BETWEEN_LOOKS)
    return False
