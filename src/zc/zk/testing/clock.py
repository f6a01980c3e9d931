"""A clock for tests, which goes only when it is told to."""

import threading
import time
from math import inf
from typing import Protocol

from zc.zk.errors import ArgumentError


class Follower(Protocol):
    """A server that lives by a virtual clock."""

    def deadline(self) -> float | None:
        """Return when there is something to do."""

    def tick(self) -> None:
        """Do what is due."""


class VirtualClock:
    """A clock that stands still until `advance`; several servers may live by one.

    `wall` is the time of day at the start, in seconds since 1970: now, unless told.
    """

    def __init__(self, wall: float | None = None) -> None:
        self._now = 0.0
        self._wall_offset = time.time() if wall is None else wall
        self._followers: list[Follower] = []
        self._lock = threading.Lock()  # one thread at a time advances

    def now(self) -> float:
        """Return the seconds that the clock was advanced by."""
        return self._now

    def wall(self) -> float:
        """Return the time of day, as seconds since 1970."""
        return self._now + self._wall_offset

    def until(self, moment: float) -> float | None:
        """Return 0 for a moment that has come, None for another: waiting does not bring it."""
        return 0.0 if moment <= self._now else None

    def advance(self, seconds: float) -> None:
        """Let time pass, and return when the servers have done all that was due, in its order.

        Clients do not hear of it: all sessions whose time-outs are shorter than that end.
        """
        if not 0 <= seconds < inf:
            raise ArgumentError(f"a clock cannot be advanced by {seconds} s")
        with self._lock:
            end = self._now + seconds
            while (moment := self._next_deadline()) is not None and moment <= end:
                if moment <= self._now:
                    break  # it was done, or cannot be
                self._go_to(moment)
            self._go_to(end)

    def follow(self, follower: Follower) -> None:
        """Have a server follow this clock."""
        self._followers.append(follower)

    def leave(self, follower: Follower) -> None:
        """Let a server follow it no more."""
        if follower in self._followers:
            self._followers.remove(follower)

    def _go_to(self, moment: float) -> None:
        self._now = moment
        for follower in tuple(self._followers):
            follower.tick()

    def _next_deadline(self) -> float | None:
        deadlines = [follower.deadline() for follower in tuple(self._followers)]
        return min((each for each in deadlines if each is not None), default=None)
