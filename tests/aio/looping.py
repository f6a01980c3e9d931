"""What tests on an event loop need."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.waiting import stretched

R = TypeVar("R")
SOON = 20.0


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run a test's coroutine in debug mode; nothing may be left, nor anything complained of."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> R:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        try:
            return await work
        finally:
            assert others() == set()

    result = asyncio.run(watched())
    assert complaints == []
    return result


def others() -> "set[asyncio.Task[Any]]":
    """Give the tasks beside the one that asks."""
    return {task for task in asyncio.all_tasks() if not task.done()} - {asyncio.current_task()}


async def until(predicate: Callable[[], object], bound: float = SOON) -> None:
    """Wait until something is true; fail when `bound` seconds do not bring it."""
    give_up_at = time.monotonic() + stretched(bound)
    while not predicate():
        assert time.monotonic() < give_up_at, f"not within {stretched(bound):g} s: {predicate}"
        await asyncio.sleep(0.002)


async def stays(predicate: Callable[[], object], seconds: float) -> bool:
    """Tell whether something is true all through so many seconds."""
    end_at = time.monotonic() + seconds
    while predicate():
        if time.monotonic() > end_at:
            return True
        await asyncio.sleep(0.002)
    return False
