"""A driver's side of a live node: calls back when it has changed."""

import inspect
import threading
from collections.abc import Callable
from time import monotonic
from types import FunctionType
from typing import Any

from zc.zk.drivers.running import Driver
from zc.zk.protocol.live import Live


class Following:
    """An object that keeps a live node current and has callbacks of users.

    They are called one at a time, never on the I/O thread and never under the driver's lock, with the state that is
    current when they start: changes that come while one runs make one more call, not a queue of them. Without callbacks
    the live node goes when this goes; with them it stays, because it holds this.
    """

    __slots__ = ("__weakref__", "_driver", "_is_due", "_live", "_turn")

    def __init__(self, driver: Driver, live: Live) -> None:
        self._driver = driver
        self._live = live
        self._is_due = False
        self._turn: threading.RLock | None = None

    def __del__(self) -> None:
        live: Live | None = getattr(self, "_live", None)
        if live is not None and not live.is_dropped and not self._driver.is_forked:
            self._driver.drop(live)

    def _learn(self, client: Any) -> None:  # Any: a client, which this layer knows nothing of
        """Wait until the live node is known, if it is not yet."""
        if not self._live.is_known:
            client.driver.keep([self._live], monotonic() + client.patience, client.fail_fast)

    def follow(self, first: Callable[[], object]) -> object:
        """Make the first call in the caller's thread, and then one for each change; return what the first returns.

        A first call made from a callback does not wait for one that runs elsewhere: two objects whose callbacks
        register with each other would wait for ever.
        """
        with self._driver.lock:
            if self._turn is None:
                self._turn = self._driver.new_turn()
            self._live.on_change = self._changed
        if self._driver.callbacks.is_own_thread:
            return first()
        with self._turn:
            return first()

    def go_on_following(self) -> None:
        """Call back after changes; under the driver's lock."""
        if not self._live.is_dropped:
            self._live.on_change = self._changed

    def drop(self) -> None:
        """Call back no more, and let the live node go."""
        with self._driver.lock:
            self._live.drop()

    def _changed(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._driver.callbacks.post(self, self._deliver)

    def _deliver(self) -> object:
        if self._turn is None:
            return None
        with self._turn:
            self._is_due = False
            return None if self._live.on_change is None else self.deliver()

    def deliver(self) -> object:
        """Call the callbacks with the state as it is now; what this returns is awaited, where there is a loop."""
        raise NotImplementedError


def accepts(function: Callable[..., object], count: int) -> bool:
    """Whether a function can be called with so many positional arguments; found out without calling it."""
    if type(function) is FunctionType and not hasattr(function, "__wrapped__"):
        code = function.__code__
        if not (code.co_flags & inspect.CO_VARARGS or code.co_kwonlyargcount):
            # What `inspect` would find, for a fiftieth of its time.
            return code.co_argcount - len(function.__defaults__ or ()) <= count <= code.co_argcount
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature
        return count > 0
    return True
