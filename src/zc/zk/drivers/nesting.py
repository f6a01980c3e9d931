"""Locks for code that a signal handler or a `__del__` may interrupt, to call the same client in the same thread.

A thread that waits for itself waits for ever. So whoever comes back to a lock that its own thread holds is refused, and
what has to be told under a lock is told by single steps that cannot be interrupted. One case is left: a `__del__` that
waits for an answer in a callback thread that is just starting, for `Thread.start` waits for that.
"""

import contextlib
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from zc.zk.errors import UsageError

_LONGEST = 1e6  # seconds: more than a lock can wait for is an error


def interrupted() -> UsageError:
    """Return the error for a call that cannot be made where it is made."""
    return UsageError(
        "a call of this client was interrupted by another one in the same thread (a signal handler, or __del__): "
        "have another thread make it"
    )


def owned(lock: threading.RLock) -> Callable[[], bool]:
    """Return what tells whether the calling thread holds a lock; it has no moment between the two."""
    question: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]  # noqa: SLF001 (as threading.Condition)
    return question


def _never() -> bool:
    return False


class Guard:
    """A lock that raises `UsageError` in a thread that holds it.

    `is_inside` says whether this thread holds a lock that others wait for while they hold this one.
    """

    __slots__ = ("_acquire", "_is_inside", "_is_owned", "_release")

    def __init__(self, is_inside: Callable[[], bool] = _never) -> None:
        lock = threading.RLock()
        self._acquire = lock.acquire
        self._release = lock.release
        self._is_owned = owned(lock)
        self._is_inside = is_inside

    def __enter__(self) -> None:
        if self._is_owned() or self._is_inside():
            raise interrupted()
        self._acquire()

    def __exit__(self, *_: object) -> None:
        self._release()


class Bell:
    """Wakes the one thread that waits for it; a ring that nobody waits for is heard by the next who does."""

    __slots__ = ("_lock",)

    def __init__(self, new_lock: Callable[[], Any] = threading.Lock) -> None:
        self._lock = new_lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiter; takes no time, and may be done anywhere."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, at most so many seconds; return whether there was one."""
        return bool(self._lock.acquire(timeout=max(0.0, min(seconds, _LONGEST))))


class Bells:
    """Lets any number of threads wait until something is true; needs no lock around it."""

    __slots__ = ("_bells", "_new_lock")

    def __init__(self, new_lock: Callable[[], Any] = threading.Lock) -> None:
        self._new_lock = new_lock
        self._bells: set[Bell] = set()

    def ring(self) -> None:
        """Have all who wait look again."""
        for bell in self._bells.copy():  # in one step, as adding and discarding are
            bell.ring()

    def wait_for(self, is_true: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until something is true, looking after each ring, or so many seconds; return whether it is."""
        until = monotonic() + (_LONGEST if seconds is None else seconds)
        bell = Bell(self._new_lock)
        self._bells.add(bell)
        try:
            while not is_true():
                left = until - monotonic()
                if left <= 0:
                    return False
                bell.wait(left)
            return True
        finally:
            self._bells.discard(bell)
