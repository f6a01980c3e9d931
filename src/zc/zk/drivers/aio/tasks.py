"""Makes tasks that begin with a later turn of the loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


def begin_later(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, R], name: str
) -> "asyncio.Task[R]":
    """Return a task that has not begun when its maker puts it down, whatever the loop's task factory does.

    `asyncio.eager_task_factory` begins a task before anybody can know it, so one that looks whether it is still
    wanted would find that it is not.
    """
    return asyncio.Task(work, loop=loop, name=name)
