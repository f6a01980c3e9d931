"""What becomes of drivers when their process forks, and when it ends."""

import atexit
import contextlib
import logging
import os
import weakref
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Protocol

from zc.zk.drivers.forking import ForkedLock

_HASTE = 0.4  # seconds: what the interpreter itself needs to end within two
log = logging.getLogger("ZooKeeper")


class Driver(Protocol):
    """A driver, as far as this module knows one."""

    lock: contextlib.AbstractContextManager[object]
    is_forked: bool
    is_to_start: bool
    on_fork: Callable[[bool], object]

    @property
    def is_running(self) -> bool:
        """Whether a server is looked for, or found."""

    def give_up(self) -> None:
        """Be of no use any more: this is a child of the process."""

    def say_farewell(self, now: float) -> bool:
        """Begin to stop; return whether a server has yet to answer."""

    def await_end(self, began_at: float, *, says_farewell: bool) -> None:
        """Go on to stop, and return when all has ended."""


_drivers: "weakref.WeakSet[Driver]" = weakref.WeakSet()
_left: list[Driver] = []  # the parent's, kept: to collect its sockets in a child would warn of them


def follow(driver: Driver) -> None:
    """Take care of a driver for as long as there is anybody who uses it."""
    _drivers.add(driver)


def _leave_in_child() -> None:
    parents = [driver for driver in list(_drivers) if not driver.is_forked]
    _left.extend(parents)
    for driver in parents:
        driver.lock = ForkedLock()
        driver.give_up()
        driver.on_fork(driver.is_to_start or driver.is_running)


def _stop_at_exit() -> None:
    # All say farewell before any waits for an answer: together they take as long as one.
    now = monotonic() - _HASTE
    leaving = []
    for driver in list(_drivers):
        if not driver.is_forked and driver.is_running:
            with _logged():
                leaving.append((driver, driver.say_farewell(now)))
    for driver, says_farewell in leaving:
        with _logged():
            driver.await_end(now, says_farewell=says_farewell)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except Exception:  # the others have sessions to end, too
        log.exception("a client could not be stopped at exit")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
atexit.register(_stop_at_exit)
