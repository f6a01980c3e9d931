import random
from collections.abc import Callable
from typing import Any

import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation, stat
from zc.zk.codes import EventType
from zc.zk.errors import (
    BadArgumentsError,
    ConnectionClosedError,
    NoAuthError,
    NoNodeError,
    ResponseTooLargeError,
    UnknownError,
)
from zc.zk.operations import Exists, GetChildren, GetData, SetWatches
from zc.zk.protocol.live import RETRY_AFTER, Live, LiveChildren, LiveData
from zc.zk.protocol.states import Settings


class Shown:
    """What a live node showed, each time that it said it had changed."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.states: list[object] = []
        live.on_change = self.note

    def note(self) -> None:
        live = self._live
        if live.error is not None:
            self.states.append(type(live.error))
        elif isinstance(live, LiveData):
            self.states.append(live.data)
        elif isinstance(live, LiveChildren):
            self.states.append(sorted(live.names) if live.exists else None)


def online() -> Conversation:
    return Conversation().go_online()


def live_data(talk: Conversation, path: str = "/a") -> tuple[LiveData, Shown]:
    live = LiveData(talk.session, path)
    shown = Shown(live)
    live.refresh()
    talk.collect()
    return live, shown


def live_children(talk: Conversation, path: str = "/a") -> tuple[LiveChildren, Shown]:
    live = LiveChildren(talk.session, path)
    shown = Shown(live)
    live.refresh()
    talk.collect()
    return live, shown


def kinds(talk: Conversation) -> list[type[Any]]:
    return [type(operation) for operation in talk.asked]


def show(talk: Conversation, data: bytes, mzxid: int) -> None:
    talk.reply((data, stat(mzxid)), zxid=max(mzxid, talk.zxid))


def go_missing(talk: Conversation) -> None:
    """Answer that there is no node, to the reading and to the question whether it is there."""
    talk.refuse(NoNodeError.code)
    talk.refuse(NoNodeError.code)


# Following


def test_a_node_is_read_with_a_watch_and_shown() -> None:
    talk = online()
    live, shown = live_data(talk)
    (asked,) = talk.asked

    show(talk, b"1", 5)

    assert isinstance(asked, GetData)
    assert asked.watch is not None
    assert (live.data, live.stat, live.exists, live.error) == (b"1", stat(5), True, None)
    assert shown.states == [b"1"]


def test_a_change_is_read_and_shown() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)

    talk.event(EventType.CHANGED, "/a")
    asked = kinds(talk)
    show(talk, b"2", 6)

    assert asked == [GetData]
    assert shown.states == [b"1", b"2"]
    assert live.event is not None
    assert live.event.type is EventType.CHANGED


def test_children_are_read_and_shown() -> None:
    talk = online()
    live, shown = live_children(talk)
    asked = kinds(talk)

    talk.reply(["x"])
    talk.event(EventType.CHILD, "/a")
    talk.reply(["y", "x"])

    assert asked == [GetChildren]
    assert sorted(live.names) == ["x", "y"]
    assert shown.states == [["x"], ["x", "y"]]


def test_children_that_come_in_another_order_are_no_change() -> None:
    talk = online()
    _, shown = live_children(talk)
    talk.reply(["x", "y"])

    talk.event(EventType.CHILD, "/a")
    talk.reply(["y", "x"])

    assert shown.states == [["x", "y"]]


def test_a_node_without_children_is_not_a_node_that_is_missing() -> None:
    talk = online()
    live, shown = live_children(talk)

    talk.reply([])

    assert live.exists
    assert shown.states == [[]]


def test_several_events_before_the_reading_are_one_reading() -> None:
    talk = online()
    _, _ = live_children(talk)
    talk.reply(["x"])

    talk.session.receive(wire.event(wire.EventType.CHILDREN_CHANGED, "/a") * 3, talk.now)
    talk.collect()

    assert kinds(talk) == [GetChildren]


def test_events_during_a_reading_are_one_more_reading() -> None:
    talk = online()
    live, shown = live_data(talk)
    live.refresh()
    live.refresh()
    talk.collect()

    before = kinds(talk)
    show(talk, b"1", 5)
    after = kinds(talk)
    show(talk, b"2", 6)

    assert (before, after, kinds(talk)) == ([GetData], [GetData], [])
    assert shown.states == [b"1", b"2"]


def test_what_is_the_same_as_before_is_not_shown_again() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)

    live.refresh()
    talk.collect()
    show(talk, b"1", 5)

    assert shown.states == [b"1"]


def test_the_same_data_written_again_is_a_change() -> None:
    talk = online()
    _, shown = live_data(talk)
    show(talk, b"1", 5)

    talk.event(EventType.CHANGED, "/a")
    show(talk, b"1", 6)

    assert shown.states == [b"1", b"1"]


def test_an_older_state_is_never_shown() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"2", 6)

    live.refresh()
    talk.collect()
    show(talk, b"1", 5)

    assert live.data == b"2"
    assert shown.states == [b"2"]


def test_what_we_wrote_is_shown_at_once_and_nothing_older_after_it() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)
    live.refresh()
    talk.collect()

    live.wrote(b"3", stat(7))
    show(talk, b"2", 6)

    assert live.data == b"3"
    assert shown.states == [b"1", b"3"]


def test_what_we_wrote_is_shown_once_when_its_event_comes() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.event(EventType.CHANGED, "/a")

    live.wrote(b"2", stat(6))
    show(talk, b"2", 6)

    assert shown.states == [b"1", b"2"]


# Missing


@pytest.mark.parametrize(("make", "gone"), [(live_data, None), (live_children, None)])
def test_a_node_that_is_missing_is_shown_so_and_waited_for(
    make: Callable[[Conversation], tuple[Live, Shown]], gone: object
) -> None:
    talk = online()
    live, shown = make(talk)

    talk.refuse(NoNodeError.code)
    asked = talk.asked
    talk.refuse(NoNodeError.code)

    assert [type(operation) for operation in asked] == [Exists]
    assert shown.states == [gone]
    assert (live.exists, live.is_known, live.error) == (False, True, None)
    assert list(talk.session.trail.watches.rearming(0, "")) == [SetWatches(0, exist=("/a",))]


def test_a_node_that_is_created_is_followed() -> None:
    talk = online()
    _, shown = live_data(talk)
    go_missing(talk)

    talk.event(EventType.CREATED, "/a")
    show(talk, b"1", 5)

    assert shown.states == [None, b"1"]


@pytest.mark.parametrize("make", [live_data, live_children])
def test_a_node_that_is_deleted_is_shown_so(
    make: Callable[[Conversation], tuple[Live, Shown]],
) -> None:
    talk = online()
    live, shown = make(talk)
    talk.reply((b"1", stat(5)) if isinstance(live, LiveData) else [])

    talk.event(EventType.DELETED, "/a")
    go_missing(talk)

    assert len(shown.states) == 2
    assert not live.exists


def test_a_node_that_is_deleted_and_created_again_is_followed() -> None:
    talk = online()
    _, shown = live_children(talk)
    talk.reply(["x"])
    talk.event(EventType.DELETED, "/a")
    go_missing(talk)

    talk.event(EventType.CREATED, "/a")
    talk.reply(["y"])
    talk.event(EventType.CHILD, "/a")
    talk.reply(["z"])

    assert shown.states == [["x"], None, ["y"], ["z"]]


def test_a_node_that_is_created_while_it_is_asked_for_is_read() -> None:
    talk = online()
    _, shown = live_data(talk)
    talk.refuse(NoNodeError.code)

    talk.reply(stat(5))
    asked = kinds(talk)
    show(talk, b"1", 5)

    assert asked == [GetData]
    assert shown.states == [b"1"]


# Refused


@pytest.mark.parametrize("make", [live_data, live_children])
@pytest.mark.parametrize("error", [NoAuthError, BadArgumentsError])
def test_what_the_server_refuses_is_shown_and_asked_again_after_a_while(
    make: Callable[[Conversation], tuple[Live, Shown]], error: type[NoAuthError]
) -> None:
    talk = online()
    live, shown = make(talk)

    talk.refuse(error.code)
    at_once = kinds(talk)
    talk.wait(RETRY_AFTER)

    assert isinstance(live.error, error)
    assert shown.states == [error]
    assert at_once == []
    assert len(talk.asked) == 1


def test_an_unknown_error_is_shown_too() -> None:
    talk = online()
    live, _ = live_data(talk)

    talk.refuse(-99)

    assert isinstance(live.error, UnknownError)


def test_a_node_that_is_permitted_again_is_followed() -> None:
    talk = online()
    live, shown = live_data(talk)
    talk.refuse(NoAuthError.code)
    talk.wait(RETRY_AFTER)

    show(talk, b"1", 5)

    assert live.error is None
    assert shown.states == [NoAuthError, b"1"]


def test_a_node_that_is_refused_keeps_its_last_state() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.event(EventType.CHANGED, "/a")

    talk.refuse(NoAuthError.code)
    refused = live.data
    talk.wait(RETRY_AFTER)
    show(talk, b"1", 5)

    assert refused == b"1"
    assert shown.states == [b"1", NoAuthError, b"1"]


def test_a_missing_node_that_may_not_be_asked_for_is_read_again() -> None:
    talk = online()
    _, shown = live_data(talk)
    talk.refuse(NoNodeError.code)

    talk.refuse(NoAuthError.code)
    talk.wait(RETRY_AFTER)

    assert kinds(talk) == [GetData]
    assert shown.states == [NoAuthError]


@pytest.mark.parametrize("make", [live_data, live_children])
def test_an_answer_that_is_too_large_is_asked_for_after_the_next_change_only(
    make: Callable[[Conversation], tuple[Live, Shown]],
) -> None:
    talk = Conversation(settings=Settings(timeout=9.0, longest_frame=1000)).go_online()
    live, shown = make(talk)
    talk.feed(wire.reply(1, zxid=5, body=bytes(1000)))
    talk.drop()
    talk.come_back()

    talk.wait(2.5 * RETRY_AFTER)
    meanwhile = kinds(talk)
    talk.event(EventType.DELETED, "/a")
    go_missing(talk)

    assert shown.states == [ResponseTooLargeError, None]
    assert meanwhile == []
    assert live.error is None


# Through the loss of connections and sessions


def test_a_lost_connection_changes_nothing_that_is_shown() -> None:
    talk = online()
    _, shown = live_data(talk)
    show(talk, b"1", 5)

    talk.drop()
    talk.connect()
    talk.greet()

    assert talk.asked == [SetWatches(5, ("/a",))]
    assert shown.states == [b"1"]


def test_what_changed_while_there_was_no_connection_is_read() -> None:
    talk = online()
    _, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.drop()
    talk.connect()
    talk.greet()

    talk.event(EventType.CHANGED, "/a")
    talk.reply()
    show(talk, b"2", 9)

    assert shown.states == [b"1", b"2"]


@pytest.mark.parametrize("after", ["reading", "event"])
def test_a_connection_that_dies_at_any_point_of_a_change_loses_nothing(after: str) -> None:
    talk = online()
    _, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.event(EventType.CHANGED, "/a")
    if after == "reading":
        show(talk, b"2", 6)

    talk.drop()
    talk.come_back()
    while talk.unanswered:
        show(talk, b"2", 6)

    assert shown.states == [b"1", b"2"]
    assert list(talk.session.trail.watches.rearming(0, "")) == [SetWatches(0, ("/a",))]


def test_a_new_session_reads_everything_anew() -> None:
    talk = online()
    _, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.drop()
    talk.connect()
    talk.expire()

    talk.connect()
    talk.greet(0x52)
    asked = kinds(talk)
    show(talk, b"2", 9)

    assert asked == [GetData]
    assert shown.states == [b"1", b"2"]


def test_a_new_session_may_show_a_state_that_looks_older() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 50)
    talk.drop()
    talk.connect()
    talk.expire()

    talk.come_back(0x52)
    show(talk, b"2", 3)

    assert live.data == b"2"
    assert shown.states == [b"1", b"2"]


def test_a_new_session_may_show_a_state_that_looks_older_where_an_event_came_before() -> None:
    talk = online()
    live, _ = live_data(talk)
    show(talk, b"x", 7)
    talk.event(EventType.CHANGED, "/a")
    talk.drop()
    talk.connect()
    talk.expire()
    talk.come_back(SESSION_ID + 1)

    show(talk, b"older", 3)

    assert live.data == b"older"


def test_a_new_session_that_finds_the_same_shows_nothing() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)
    talk.drop()
    talk.connect()
    talk.expire()

    talk.come_back(0x52)
    show(talk, b"1", 5)

    assert shown.states == [b"1"]
    assert live.event is None


def test_a_missing_node_is_asked_for_in_the_new_session() -> None:
    talk = online()
    _, shown = live_data(talk)
    go_missing(talk)
    talk.drop()
    talk.connect()
    talk.expire()

    talk.come_back(0x52)
    show(talk, b"1", 5)

    assert shown.states == [None, b"1"]


# Closed and dropped


def test_a_closed_client_keeps_what_is_known() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)

    talk.session.finish("closed")

    assert (live.data, live.error) == (b"1", None)
    assert shown.states == [b"1"]


def test_a_closed_client_resolves_what_is_not_known() -> None:
    talk = online()
    live, shown = live_data(talk)

    talk.session.finish("closed")

    assert live.is_known
    assert shown.states == [ConnectionClosedError]


@pytest.mark.parametrize("known", [False, True])
def test_a_client_that_is_opened_again_follows_again(known: bool) -> None:
    talk = online()
    live, _ = live_data(talk)
    if known:
        show(talk, b"1", 5)
    talk.session.finish("closed")

    talk.open()
    talk.come_back(0x52)
    show(talk, b"2", 9)

    assert (live.data, live.error) == (b"2", None)


def test_a_dropped_node_is_told_nothing_and_not_read() -> None:
    talk = online()
    live, shown = live_data(talk)
    show(talk, b"1", 5)

    live.drop()
    talk.event(EventType.CHANGED, "/a")

    assert talk.asked == []
    assert shown.states == [b"1"]
    assert len(talk.session.trail.watches) == 0


def test_a_node_that_is_dropped_while_it_is_read_leaves_no_watch() -> None:
    talk = online()
    live, shown = live_data(talk)

    live.drop()
    show(talk, b"1", 5)

    assert shown.states == []
    assert len(talk.session.trail.watches) == 0


def test_a_node_that_is_dropped_while_it_is_asked_for_leaves_no_watch() -> None:
    talk = online()
    live, _ = live_data(talk)
    talk.refuse(NoNodeError.code)

    live.drop()
    talk.refuse(NoNodeError.code)

    assert len(talk.session.trail.watches) == 0


def test_a_dropped_node_is_not_asked_for_again_after_an_error() -> None:
    talk = online()
    live, _ = live_data(talk)
    talk.refuse(NoAuthError.code)

    live.drop()
    talk.wait(RETRY_AFTER)

    assert talk.asked == []


def test_a_kind_of_live_node_says_what_it_reads_and_keeps() -> None:
    live = Live(online().session, "/a")

    with pytest.raises(NotImplementedError):
        live.reading()


# Whatever happens


@pytest.mark.parametrize("seed", range(150))
def test_whatever_happens_the_last_state_is_shown_in_the_end_and_none_goes_back(seed: int) -> None:
    chance = random.Random(seed)
    server = [10]  # the transaction of the last change
    talk = online()
    live, _ = live_data(talk)
    seen: list[int] = []
    live.on_change = lambda: seen.append(live.stat.mzxid if live.stat else -1)
    armed_at: int | None = None

    def answer() -> None:
        nonlocal armed_at
        if isinstance(talk.asked[0], SetWatches):
            if talk.asked[0].relative_zxid < server[0]:
                talk.event(EventType.CHANGED, "/a")
            else:
                armed_at = server[0]
            talk.reply(zxid=server[0])
            return
        armed_at = server[0]
        talk.reply((b"", stat(server[0])), zxid=server[0])

    def change() -> None:
        nonlocal armed_at
        server[0] += 1
        if armed_at is not None:
            armed_at = None
            talk.event(EventType.CHANGED, "/a")

    def drop() -> None:
        nonlocal armed_at
        armed_at = None
        talk.drop()
        talk.connect()
        talk.greet(SESSION_ID)

    for _ in range(60):
        deed = chance.choice([change, drop, answer, answer, answer])
        if deed is not answer or talk.unanswered:
            deed()
    while talk.unanswered:
        answer()

    assert live.stat is not None
    assert live.stat.mzxid == server[0]
    assert seen == sorted(set(seen))
