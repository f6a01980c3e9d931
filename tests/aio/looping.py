"""What tests on an event loop need."""

import asyncio
import os
import time
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.waiting import stretched

R = TypeVar("R")
SOON = 20.0


def run(
    work: Coroutine[Any, Any, R],
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> R:
    """Run a test's coroutine on a loop of its own; nothing may be left, nor anything complained of."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> R:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        try:
            return await work
        finally:
            assert others() == set()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = runner.run(watched())
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


def told_by_child(work: Callable[[], Coroutine[Any, Any, object]]) -> str:
    """Run a coroutine in a forked child, and give what it returns or raises, as text."""
    return in_child(lambda: repr(asyncio.run(work())))


def in_child(tell: Callable[[], str]) -> str:
    """Call a function in a forked child, and give what it returns, or the error that it raises, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads: the server's
        child = os.fork()
    if child == 0:
        told = "nothing"
        try:
            told = tell()
        except BaseException as error:  # noqa: BLE001 (this process must not go on with the test)
            told = repr(error)
        finally:
            os.write(writer, told.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


async def turns(count: int) -> None:
    """Let the loop turn so many times."""
    for _ in range(count):
        await asyncio.sleep(0)
