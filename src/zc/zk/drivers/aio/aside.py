"""What is done beside the session: in tasks, and in threads where it blocks."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, TypeVar

from zc.zk.drivers.aio.tasks import begin_later

R = TypeVar("R")


class Asides:
    """Tasks that nobody waits for. `failed` is told of what they raise."""

    def __init__(self, name: str, failed: Callable[[Exception], object]) -> None:
        self._name = name
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        """Have some work done."""
        task = begin_later(loop, work, f"{self._name} aside")
        self._tasks.add(task)
        task.add_done_callback(self._put_down)

    def _put_down(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failed(error)

    async def cancel(self) -> None:
        """Cancel what has not ended, and wait for its end."""
        await cancelled(self._tasks)


async def cancelled(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks, and wait for their end."""
    tasks = [task for task in tasks if not task.done()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def in_thread(call: Callable[[], R]) -> R:
    """Make a call that blocks, in a thread of its own, and return what it returns.

    When this is cancelled the thread goes on, and nothing waits for it: a loop waits at its end for those of its own
    executor, and the interpreter would for any that is no daemon.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()

    def work() -> None:
        try:
            tell = partial(future.set_result, call())
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            tell = partial(future.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: future.done() or tell())

    threading.Thread(target=work, name="zc.zk aside", daemon=True).start()
    return await future
