"""The driver for gevent without monkey-patching: calls block greenlets, and callbacks run in greenlets.

The reader stays a thread of the system's, and wakes greenlets up by way of their hub. All calls come from the hub's
thread.
"""

import threading
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any

from gevent import get_hub, getcurrent, sleep, spawn
from gevent.event import Event
from gevent.lock import RLock

from zc.zk.drivers.callbacks import Callbacks
from zc.zk.drivers.journal import Logger
from zc.zk.drivers.threads import ThreadDriver
from zc.zk.drivers.wire import Wire
from zc.zk.errors import UsageError
from zc.zk.protocol.requests import Request

_LOOK = 0.005  # seconds between two looks at whether a thread has ended


class HubLock:
    """A lock that one greenlet of a hub waits for, and that any thread may release, more than once perhaps."""

    __slots__ = ("_event", "_hub", "_thread")

    def __init__(self) -> None:
        self._hub = get_hub()
        self._thread = threading.get_ident()
        self._event = Event()
        self._event.set()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        seconds = (None if timeout < 0 else timeout) if blocking else 0
        if not self._event.is_set() and not self._event.wait(seconds):
            return False
        self._event.clear()
        return True

    def release(self) -> None:
        if threading.get_ident() == self._thread:
            self._event.set()
        else:
            self._hub.loop.run_callback_threadsafe(self._event.set)


class GreenCallbacks(Callbacks):
    """Runs callbacks as `drivers.callbacks` does, each key's in a greenlet of its own: none holds up another."""

    def __init__(self, name: str, **logging_to: Logger) -> None:
        super().__init__(name, **logging_to)
        self._hub = get_hub()
        self._greenlets: set[object] = set()

    def post(self, key: Hashable, call: Callable[[], object]) -> None:
        """Have `call` made after all that was posted under `key` before."""
        try:
            hash(key)
            self._lines.get(key)
        except Exception:  # noqa: BLE001 (a user's hash or equality; a TypeError where there is none)
            key = id(key)
        with self._condition:
            is_new = self._put(key, call)
        if is_new:
            self._hub.loop.run_callback_threadsafe(spawn, self._run_line, key)

    def _run_line(self, key: Hashable) -> None:
        me = getcurrent()
        self._greenlets.add(me)
        try:
            while (call := self._next(key)) is not None:
                try:
                    call()
                except (Exception, SystemExit):  # noqa: BLE001 (logged; SystemExit would end this greenlet alone)
                    self.count_failure()
                    self._log.exception("callback failed: %r", call)
        finally:
            self._greenlets.discard(me)

    def _next(self, key: Hashable) -> Callable[[], object] | None:
        with self._condition:
            line = self._lines[key]
            if line:
                return line.popleft()
            del self._lines[key]
            while line:  # a `__del__` or a signal handler has posted meanwhile
                self.post(key, line.popleft())
            return None

    @property
    def waiting(self) -> int:
        """How many keys have callbacks that wait, or run."""
        return len(self._lines)

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs in one of the callbacks."""
        return getcurrent() in self._greenlets

    @property
    def is_waiting(self) -> bool:
        """False: nobody waits for a thread."""
        return False

    def close(self, deadline: float) -> None:
        """Let what was posted be done, until `deadline`; from a callback, do not wait for the others."""
        while self._lines and not self.is_own_thread and monotonic() < deadline:
            sleep(_LOOK)


class GeventDriver(ThreadDriver):
    """Runs a session for the greenlets of one hub."""

    new_lock = staticmethod(HubLock)
    new_turn = staticmethod(RLock)
    new_event = staticmethod(Event)

    def __init__(self, *arguments: Any, **options: Any) -> None:  # Any: those of a ThreadDriver
        self._hub_thread = threading.get_ident()
        self._hub = get_hub()
        super().__init__(*arguments, **options)

    def make_callbacks(self, name: str, **logging_to: Logger) -> GreenCallbacks:
        return GreenCallbacks(name, **logging_to)

    def start(self) -> None:
        self._require_own_thread()
        super().start()

    def stop(self) -> None:
        if not self.is_forked:
            self._require_own_thread()
        super().stop()

    def submit(self, request: Request, *, linger: bool = False) -> None:
        self._require_own_thread()
        super().submit(request, linger=linger)

    def require_can_wait(self) -> None:
        self._require_own_thread()
        super().require_can_wait()

    def _require_own_thread(self) -> None:
        if threading.get_ident() != self._hub_thread:
            raise UsageError(
                "this client belongs to the gevent hub of another thread: use one for each"
            )

    def sleep(self, seconds: float) -> None:
        sleep(seconds)

    def aside(self, call: Callable[[], Any]) -> Any:
        return super().aside(lambda: self._hub.threadpool.apply(call))

    def join(self, thread: threading.Thread, seconds: float) -> None:
        until = monotonic() + seconds
        while thread.is_alive() and monotonic() < until:
            sleep(_LOOK)

    def finish_sending(self, wire: Wire) -> None:
        threading.Thread(
            target=self.send_slowly, args=(wire,), name="zc.zk sender", daemon=True
        ).start()
