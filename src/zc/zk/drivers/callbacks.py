"""Runs callbacks: those of one key in their order and one at a time, and none held up for long by another."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from zc.zk.drivers.nesting import owned

STUCK_AFTER = (
    0.05  # seconds without a callback being begun, while some wait, until one more thread helps
)
_IDLE_FOR = 5.0  # seconds an idle thread stays, the last of them longer
log = logging.getLogger("zc.zk")


class Callbacks:
    """A pool of threads that is as small as its callbacks let it be: one, unless they block.

    Whoever calls `relieve` at least every `STUCK_AFTER` seconds while `is_waiting` is its monitor; what is posted from
    another thread brings a monitor along if all are busy.
    """

    def __init__(self, name: str, log: logging.Logger | logging.LoggerAdapter[Any] = log) -> None:
        self._name = name
        self._log = log
        lock = threading.RLock()
        self._condition = threading.Condition(lock)
        self.is_held = owned(lock)  # by this thread: others wait for it under the driver's lock
        self._lines: dict[Hashable, deque[Callable[[], object]]] = {}
        self._ready: deque[Hashable] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._begun = 0
        self._begun_then = -1  # as many had been begun when `relieve` looked,
        self._looked_at = 0.0  # at this time
        self._is_closed = False
        self._has_standby = False
        self.failures = 0
        self.on_failure: Callable[[], None] = lambda: None
        self.monitor: int | None = None  # the thread that promises to call `relieve`

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        """Have `call` made after all that was posted under `key` before."""
        try:
            hash(key)
            self._lines.get(key)
        except Exception:  # noqa: BLE001 (a user's hash or equality; a TypeError where there is none)
            key = id(key)
        with self._condition:
            if not self._put(key, call):
                return
            if self._idle:
                self._condition.notify()
            if not self.is_waiting:
                return
            if not self._threads:
                self._help()
            elif self.monitor != threading.get_ident() and not self._has_standby:
                self._has_standby = True
                self._start(self._stand_by, "standby")

    def _put(self, key: Hashable, call: Callable[[], object]) -> bool:
        # A signal handler or a `__del__` that posts may come between any two lines, of `_work` as well.
        fresh: deque[Callable[[], object]] = deque()
        line = self._lines.setdefault(key, fresh)
        line.append(call)
        if line is fresh:
            self._ready.append(key)
        return line is fresh

    @property
    def is_waiting(self) -> bool:
        """Whether more callbacks wait than threads are free."""
        return len(self._ready) > self._idle

    @property
    def waiting(self) -> int:
        """How many keys have callbacks that wait for a thread."""
        return len(self._ready)

    def count_failure(self) -> None:
        """Count a callback that raised, here or where its error was caught."""
        with self._condition:
            self.failures += 1
        self.on_failure()

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs in one of the callbacks."""
        return threading.current_thread() in self._threads

    def relieve(self) -> None:
        """Add a thread if callbacks wait and none was begun for `STUCK_AFTER` seconds."""
        with self._condition:
            now = time.monotonic()
            if not self.is_waiting or self._begun != self._begun_then:
                self._begun_then, self._looked_at = self._begun, now
            elif now - self._looked_at >= STUCK_AFTER:
                self._looked_at = now
                self._help()

    def _help(self) -> None:
        self._start(self._work, "callbacks")

    def _start(self, target: Callable[[], None], role: str) -> None:
        thread = threading.Thread(target=target, name=f"{self._name} {role}", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except (
            RuntimeError
        ):  # no more threads, or (3.12) the interpreter ends: `relieve` tries again
            self._threads.discard(thread)
            if role == "standby":
                self._has_standby = False

    def _stand_by(self) -> None:
        while True:
            time.sleep(STUCK_AFTER / 2)
            self.relieve()
            with self._condition:
                if not self.is_waiting or self._is_closed:
                    self._has_standby = False
                    self._threads.discard(threading.current_thread())
                    return

    def _work(self) -> None:
        while True:
            with self._condition:
                key = self._next_key()
                if key is None:
                    self._threads.discard(threading.current_thread())
                    self._condition.notify_all()
                    return
                call = self._lines[key].popleft()
                self._begun += 1
            try:
                call()
            except (Exception, SystemExit):  # noqa: BLE001 (logged; SystemExit would end this thread alone)
                self.count_failure()
                self._log.exception("callback failed: %r", call)
            with self._condition:
                line = self._lines[key]
                if line:
                    self._ready.append(key)
                else:
                    del self._lines[key]
                    while line:
                        self._put(key, line.popleft())
            del call, key, line  # an idle thread would keep alive whom it called last

    def _next_key(self) -> Hashable | None:
        while not self._ready:
            if self._is_closed:
                return None
            self._idle += 1
            came = self._condition.wait(_IDLE_FOR)
            self._idle -= 1
            if not came and not self._ready and self._idle:
                return None  # the last idle thread stays: the next callback finds it
        return self._ready.popleft()

    def open(self) -> None:
        """Take callbacks again after `close`."""
        self._is_closed = False

    def close(self, deadline: float) -> None:
        """Let what was posted be done and the threads end; wait for them, not for our own, until `deadline`."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
            threads = [each for each in self._threads if each is not threading.current_thread()]
        for thread in threads:
            if self.is_own_thread:
                break  # two callbacks that close at once must not wait for each other
            thread.join(max(0.0, deadline - time.monotonic()))
