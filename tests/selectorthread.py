"""Run one selector in one thread, which does what other threads ask for between two looks."""

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tests.waiting import stretched

T = TypeVar("T")
Handler = Callable[[int], None]

SECONDS_FOR_A_CALL = 10.0


class SelectorThread:
    """Calls the handlers of sockets that are ready, and then `advance`, over and over.

    `advance` takes the time, and gives when to be called again though no socket is ready, or None.
    An exception in any of them ends the thread; `stop` raises it.
    """

    def __init__(self, name: str, advance: Callable[[float], float | None]) -> None:
        self._advance = advance
        self._selector = selectors.DefaultSelector()
        self._masks: dict[socket.socket, int] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._waker, self._wakened = socket.socketpair()
        self._lock = threading.Lock()  # guards _takes_calls with _calls
        self._takes_calls = True
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin to look."""
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self.watch(self._wakened, selectors.EVENT_READ, self._wake_up)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, once what was asked before is done; raise what went wrong in it."""
        with self._lock:
            self._takes_calls = False
        if self._thread.is_alive():
            self._wake()
            self._thread.join(stretched(SECONDS_FOR_A_CALL))
            if self._thread.is_alive():
                raise RuntimeError(f"{self._thread.name} does not end: a handler blocks it")
        self._selector.close()
        self._waker.close()
        self._wakened.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the thread, and `advance` after it; give its result.

        In the thread itself it is run at once.
        """
        if threading.current_thread() is self._thread:
            return function()
        future: Future[T] = Future()

        def run() -> None:
            try:
                result = function()
                self._advance(time.monotonic())
            except BaseException as error:  # noqa: BLE001  # it is raised in the caller's thread
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if not self._takes_calls:
                raise RuntimeError(f"{self._thread.name} has ended") from self._failure
            self._calls.append(run)
        self._wake()
        return future.result(stretched(SECONDS_FOR_A_CALL))

    def watch(self, sock: socket.socket, mask: int, handler: Handler) -> None:
        """Call `handler` with what the socket is ready for, of what is in `mask`; 0 ends that."""
        known = self._masks.get(sock, 0)
        if mask == known:
            return
        if not known:
            self._selector.register(sock, mask, handler)
        elif mask:
            self._selector.modify(sock, mask, handler)
        else:
            self._selector.unregister(sock)
            del self._masks[sock]
            return
        self._masks[sock] = mask

    def _run(self) -> None:
        wakes_at: float | None = None
        try:
            while self._takes_calls or self._calls:
                timeout = None if wakes_at is None else max(0.0, wakes_at - time.monotonic())
                for key, mask in self._selector.select(timeout):
                    key.data(mask)
                while self._calls:
                    self._calls.popleft()()
                wakes_at = self._advance(time.monotonic())
        except BaseException as error:  # noqa: BLE001  # `stop` raises it
            self._end(error)

    def _end(self, failure: BaseException) -> None:
        with self._lock:
            self._failure = failure
            self._takes_calls = False
        while self._calls:
            self._calls.popleft()()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups
            self._waker.send(b"\0")

    def _wake_up(self, mask: int) -> None:
        self._wakened.recv(4096)
