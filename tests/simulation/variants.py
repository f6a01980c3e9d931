"""Cores that are broken on purpose, each in one way: whoever checks histories must notice them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from zc.zk.operations import SetWatches, SetWatches2
from zc.zk.plans import Change
from zc.zk.protocol import connection as connections
from zc.zk.protocol import removing
from zc.zk.protocol.connection import Connection
from zc.zk.protocol.live import Live, LiveData
from zc.zk.protocol.removing import Adding
from zc.zk.protocol.requests import Request
from zc.zk.protocol.session import Session
from zc.zk.protocol.watches import WatchTables
from zc.zk.records import REPLY_HEADER
from zc.zk.server.sessions import Sessions
from zc.zk.server.store import Draft

Patch = pytest.MonkeyPatch
Break = Callable[[Patch], None]
VARIANTS: dict[str, tuple[int, Break]] = {}  # with a seed in which it shows


def shows_in(seed: int) -> Callable[[Break], Break]:
    """Take a way to break something, under the name of the function."""

    def take(breaks: Break) -> Break:
        VARIANTS[breaks.__name__] = seed, breaks
        return breaks

    return take


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Have something broken for a while."""
    with pytest.MonkeyPatch.context() as patch:
        VARIANTS[name][1](patch)
        yield


# Watches


def _rearm_relative(patch: Patch, shift: Callable[[int], int]) -> None:
    rearming = WatchTables.rearming

    def shifted(
        self: WatchTables, zxid: int, *about: Any
    ) -> Iterator[SetWatches | SetWatches2]:  # Any: as the method takes them
        return rearming(self, shift(zxid), *about)

    patch.setattr(WatchTables, "rearming", shifted)


@shows_in(0)
def watches_are_armed_again_relative_to_the_beginning(patch: Patch) -> None:
    _rearm_relative(patch, lambda _: 0)


@shows_in(0)
def watches_are_armed_again_relative_to_the_future(patch: Patch) -> None:
    _rearm_relative(patch, lambda zxid: zxid + 50)


@shows_in(0)
def watches_are_not_armed_again(patch: Patch) -> None:
    patch.setattr(WatchTables, "rearming", lambda *_: iter(()))


@shows_in(0)
def watches_that_stand_are_not_told_of_gaps(patch: Patch) -> None:
    patch.setattr(WatchTables, "tell_of_gap", lambda _: None)


@shows_in(0)
def a_new_session_does_not_wake_those_who_wait(patch: Patch) -> None:
    patch.setattr(Change, "restart", lambda _: False)


@shows_in(0)
def events_count_as_the_latest_transaction_that_was_seen(patch: Patch) -> None:
    packet = Connection._packet  # noqa: SLF001 (it is to be broken)

    def lying(self: Connection, buffer: bytes, begin: int, end: int) -> None:
        xid, zxid, _ = REPLY_HEADER.unpack_from(buffer, begin)
        if xid < 0:
            self._trail.zxid = max(self._trail.zxid, zxid)
        packet(self, buffer, begin, end)

    patch.setattr(Connection, "_packet", lying)


# Live nodes


@shows_in(0)
def live_nodes_are_not_read_again_in_a_new_session(patch: Patch) -> None:
    patch.setattr(Live, "restart", lambda _: False)


@shows_in(4)
def live_data_remembers_the_age_of_a_lost_session(patch: Patch) -> None:
    patch.setattr(LiveData, "_seen", property(lambda self: self._latest))


@shows_in(157)
def a_removal_forgets_what_is_under_way(patch: Patch) -> None:
    patch.setattr(removing, "_coming", lambda *_: set())


@shows_in(3530)
def a_removal_is_taken_for_done_before_its_reply(patch: Patch) -> None:
    patch.setattr(WatchTables, "_fade", lambda *_: None)


@shows_in(1551)
def a_watch_that_stands_too_late_is_left_there(patch: Patch) -> None:
    def fail(self: Adding, error: Exception) -> None:
        self.ended = True
        self.asked.fail(error)

    patch.setattr(Adding, "fail", fail)


# Requests


@shows_in(0)
def replies_are_taken_for_those_of_other_requests(patch: Patch) -> None:
    packet = Connection._packet  # noqa: SLF001

    def careless(self: Connection, buffer: bytes, begin: int, end: int) -> None:
        xid, _, _ = REPLY_HEADER.unpack_from(buffer, begin)
        if xid > 0 and self.in_flight:
            self.in_flight[0].xid = xid
        packet(self, buffer, begin, end)

    patch.setattr(Connection, "_packet", careless)


@shows_in(0)
def deadlines_are_ignored(patch: Patch) -> None:
    patch.setattr(Session, "_expire_requests", lambda *_: None)


@shows_in(0)
def writes_are_sent_again_blindly(patch: Patch) -> None:
    patch.setattr(Request, "is_repeatable", property(lambda _: True))


@shows_in(0)
def a_lost_write_counts_as_not_done(patch: Patch) -> None:
    def take_back(self: Session, connection: Connection, reason: str) -> None:
        for request in connection.in_flight:
            if not request.ended and not request.operation.is_read:
                request.fail(self.ended_error(request))
        original(self, connection, reason)

    original = Session._take_back  # noqa: SLF001
    patch.setattr(Session, "_take_back", take_back)


# The session's clock


@shows_in(1)
def a_lost_session_is_told_late(patch: Patch) -> None:
    lost_at = Session._lost_at.fget  # type: ignore[attr-defined]  # noqa: SLF001
    patch.setattr(Session, "_lost_at", property(lambda self: lost_at(self) + 0.1))


@shows_in(3)
def slow_replies_put_off_the_loss_of_a_session(patch: Patch) -> None:
    def silent_at(self: Connection) -> float:
        heard_at: float = self._heard_at
        return heard_at + (self.timeout or 0) * 0.62

    patch.setattr(Connection, "_silent_at", property(silent_at))


@shows_in(5)
def silence_is_noticed_late(patch: Patch) -> None:
    patch.setattr(connections, "_SILENCE_ALLOWED", 0.7)


@shows_in(4)
def no_fresh_start_is_made(patch: Patch) -> None:
    patch.setattr(Session, "_was_refused", lambda *_: None)


# The server


@shows_in(0)
def the_server_keeps_ephemerals_of_dead_sessions(patch: Patch) -> None:
    end_session = Draft.end_session

    def careless(self: Draft, session_id: int) -> None:
        paths = self.store.tree.ephemerals.pop(session_id, {})
        end_session(self, session_id)
        self.store.tree.ephemerals[session_id] = paths

    patch.setattr(Draft, "end_session", careless)


@shows_in(0)
def the_server_expires_sessions_that_it_hears_of(patch: Patch) -> None:
    patch.setattr(Sessions, "touch", lambda *_: None)
