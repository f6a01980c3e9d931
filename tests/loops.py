"""The event loops that the tests make: standard ones, or with `--uvloop` all of them uvloop's."""

import asyncio
import sys
from typing import Any

import uvloop

_USE_UVLOOP = "import asyncio, uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"


def use_uvloop() -> None:
    """Have every loop of this process made by uvloop, whoever makes it, and those of its children."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def standard() -> asyncio.AbstractEventLoop:
    """Make a loop of the standard library's, whatever others are made by."""
    return asyncio.SelectorEventLoop()


def on_same_loops(program: str) -> str:
    """Give a program that makes the same kind of loops as this process does."""
    is_uvloop = isinstance(asyncio.get_event_loop_policy(), uvloop.EventLoopPolicy)
    return _USE_UVLOOP + program if is_uvloop else program


def eager(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> "asyncio.Task[Any]":
    """Make a task that begins at once, as a loop's factory: before 3.12 by the inner parts of a standard loop."""
    if sys.version_info >= (3, 12):
        return asyncio.eager_task_factory(loop, work, **named)
    inner: Any = asyncio.tasks
    task: asyncio.Task[Any] = inner._PyTask(work, loop=loop, **named)  # noqa: SLF001
    outer = asyncio.current_task(loop)
    if outer is not None:
        inner._leave_task(loop, outer)  # noqa: SLF001
    try:
        ready: Any = vars(loop)["_ready"]
        ready.pop()._run()  # noqa: SLF001 (its first step, which was put there just now)
    finally:
        if outer is not None:
            inner._enter_task(loop, outer)  # noqa: SLF001
    return task
