"""Runs callbacks on an event loop: those of one key in their order and one at a time, never long without a break."""

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any

from zc.zk.drivers.aio.future import ring
from zc.zk.drivers.aio.tasks import begin_later
from zc.zk.drivers.aio.turns import SLICE

_GRACE = 0.03  # seconds for callbacks that were cancelled to end
_BLOCKED_FOR = 0.25  # seconds of one callback that are worth a warning
_LONGEST = 10.0  # seconds of a coroutine that are
_callback: "ContextVar[asyncio.Task[Any] | None]" = ContextVar("callback", default=None)
# A cancellation is no order to us: somebody asked a future for its result that was cancelled.
_FAILURES = (Exception, SystemExit, asyncio.CancelledError)
log = logging.getLogger("zc.zk")


class LoopCallbacks:
    """Users' code, as functions and as coroutine functions; of those, one task for each key at a time.

    Each call has a copy of the context that `open` was called in: what one sets in a context variable no other sees.
    """

    def __init__(self, name: str, log: logging.Logger | logging.LoggerAdapter[Any] = log) -> None:
        self._name = name
        self._log = log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: dict[Hashable, deque[Callable[[], object]]] = {}
        self._ready: deque[Hashable] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: dict[Hashable, asyncio.Task[None]] = {}
        self._is_due = False
        self._let_go: asyncio.Future[None] | None = None
        self._openings = 0
        self._context = Context()
        self._complaints = 0
        self._thread = 0
        self.failures = 0
        self.on_failure: Callable[[], None] = lambda: None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run callbacks on this loop from now on."""
        if loop is not self._loop:  # what was due on another one, which has ended, will never come
            self._is_due = False
            for key, task in list(self._turns.items()):
                self._ended(key, task)
        self._loop = loop
        self._thread = threading.get_ident()
        self._openings += 1
        self._context = copy_context()
        self._begin()

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        """Have `call` made after all that was posted under `key` before."""
        try:
            hash(key)
            line = self._lines.get(key)
        except Exception:  # noqa: BLE001 (a user's hash or equality; a TypeError where there is none)
            key = id(key)
            line = self._lines.get(key)
        if line is not None:
            line.append(call)
            return
        self._lines[key] = deque((call,))
        self._ready.append(key)
        self._begin()

    @property
    def waiting(self) -> int:
        """How many keys have callbacks that wait for their turn."""
        return len(self._ready)

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs in one of the callbacks that are tasks."""
        try:
            return asyncio.current_task() in self._tasks
        except RuntimeError:  # in a thread without a loop
            return False

    def let_go_caller(self) -> None:
        """Do not wait in `close` for the callback that asks for it, itself or in a task that it made."""
        task = _callback.get()
        if task is not None:
            self._tasks.discard(task)
            if self._let_go is not None:
                ring(self._let_go)

    def count_failure(self) -> None:
        """Count a callback that raised, here or where its error was caught."""
        self.failures += 1
        self.on_failure()

    def _begin(self) -> None:
        loop = self._loop
        if loop is None or self._is_due or not self._ready or loop.is_closed():
            return
        self._is_due = True
        if threading.get_ident() == self._thread:
            loop.call_soon(self._work, context=self._context)
        else:  # a `__del__`, of garbage that another thread collects
            loop.call_soon_threadsafe(self._work, context=self._context)

    def _work(self) -> None:
        self._is_due = False
        until = time.monotonic() + SLICE
        while self._ready:
            if time.monotonic() >= until:
                break
            key = self._ready.popleft()
            call = self._lines[key].popleft()
            result: object = None
            try:
                with self.timed(call):
                    result = self._context.copy().run(call)
            except _FAILURES:
                self._failed(call)
            except BaseException:
                self._next(key)  # the others go on, should the loop
                self._begin()
                raise
            if inspect.isawaitable(result):
                self._await(key, call, result)
            else:
                self._next(key)
        self._begin()

    def _next(self, key: Hashable) -> None:
        if self._lines[key]:
            self._ready.append(key)
        else:
            del self._lines[key]

    def _await(self, key: Hashable, call: Callable[[], object], result: Any) -> None:
        assert self._loop is not None  # noqa: S101 (tells the type checker)
        name = getattr(result, "__qualname__", repr(call))
        task = begin_later(self._loop, self._finish(call, result), f"{self._name} {name}")
        self._tasks.add(task)
        self._turns[key] = task
        complaint = self._loop.call_later(_LONGEST, self._complain, task)
        task.add_done_callback(lambda _: complaint.cancel())
        task.add_done_callback(partial(self._ended, key))

    async def _finish(self, call: Callable[[], object], result: Any) -> None:
        _callback.set(asyncio.current_task())
        try:
            await result
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._failed(call)  # what it waited for was cancelled, it was not
        except (Exception, SystemExit):  # noqa: BLE001 (logged)
            self._failed(call)

    def _ended(self, key: Hashable, task: "asyncio.Task[None]") -> None:
        # Called for a task that was cancelled before it began, too.
        self._tasks.discard(task)
        if self._turns.get(key) is task:
            del self._turns[key]
            self._next(key)
            self._begin()

    def _complain(self, task: "asyncio.Task[None]") -> None:
        self._log.warning(
            "callback has not ended after %g s, and is not called again before it has: %s",
            _LONGEST,
            task.get_name(),
        )

    def _failed(self, call: Callable[[], object]) -> None:
        self.count_failure()
        self._log.exception("callback failed: %r", call)

    @contextmanager
    def timed(self, call: Callable[..., object]) -> Iterator[None]:
        """Complain of a function that holds the loop up while this lasts; the innermost is the one to name."""
        begun, complaints = time.monotonic(), self._complaints
        try:
            yield
        finally:
            seconds = time.monotonic() - begun
            if seconds >= _BLOCKED_FOR and self._complaints == complaints:
                self._complaints += 1
                self._log.warning("callback blocked the event loop for %.1f s: %r", seconds, call)

    async def close(self, seconds: float) -> None:
        """Let what was posted be done, for so many seconds; what runs then, or only begins, is cancelled and named."""
        openings = self._openings
        until = time.monotonic() + seconds
        while (self._ready or self._tasks) and time.monotonic() < until:
            if self._tasks:
                self._let_go = asyncio.get_running_loop().create_future()
                await asyncio.wait(
                    (*self._tasks, self._let_go),
                    timeout=until - time.monotonic(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
            else:
                await asyncio.sleep(0)
        until = time.monotonic() + _GRACE
        while self._tasks and self._openings == openings:  # behind each that ends another may wait
            for task in self._tasks:
                if not task.cancelling():
                    self._log.warning(
                        "callback had not ended when its client was closed: %s", task.get_name()
                    )
                    task.cancel()
            left = until - time.monotonic()
            if left <= 0:
                return
            await asyncio.wait(self._tasks, timeout=left)
            await asyncio.sleep(0)
