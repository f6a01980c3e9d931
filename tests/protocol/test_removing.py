"""Watches that are taken away."""

import pytest

from tests.protocol.conversation import Asked, Conversation, stat
from tests.protocol.session.phases import online
from tests.protocol.watchers import (
    PERSISTENT,
    RECURSIVE,
    Internal,
    Told,
    answer_probe,
    stand,
    watch_children,
    watch_data,
)
from zc.zk.codes import ErrorCode, EventType, WatcherType
from zc.zk.errors import (
    NoWatcherError,
    OperationTimeoutError,
)
from zc.zk.operations import (
    AddWatch,
    CheckWatches,
    Exists,
    GetChildren,
    GetData,
    RemoveWatches,
    SetWatches,
)

both = pytest.mark.parametrize("coexist", [False, True])


def removed(talk: Conversation, path: str, kind: WatcherType = WatcherType.ANY) -> Asked:
    return talk.ask(RemoveWatches(path, kind))


@both
@pytest.mark.parametrize("code", [0, ErrorCode.NO_WATCHER, ErrorCode.MARSHALLING_ERROR])
def test_a_removed_watch_is_told_so_and_nothing_more(coexist: bool, code: int) -> None:
    talk = online()
    watch = stand(talk, "/a", coexist=coexist)

    asked = removed(talk, "/a")
    sent = talk.asked
    talk.refuse(code)
    talk.event(EventType.CHANGED, "/a")

    assert sent == [RemoveWatches("/a", WatcherType.ANY)]
    assert asked.answers == [None]
    assert watch.events == [("PERSISTENT_WATCH_REMOVED", "/a")]


def test_each_kind_of_watch_is_told_of_its_removal_in_its_own_way() -> None:
    talk = online()
    data, children = watch_data(talk, "/a"), watch_children(talk, "/a")

    removed(talk, "/a", WatcherType.CHILDREN)
    first = talk.asked
    talk.reply()
    removed(talk, "/a", WatcherType.DATA)

    assert first == [RemoveWatches("/a", WatcherType.CHILDREN)]
    assert talk.asked == [RemoveWatches("/a", WatcherType.ANY)]
    assert children.events == [("CHILD_WATCH_REMOVED", "/a")]
    assert data.events == [("DATA_WATCH_REMOVED", "/a")]


@pytest.mark.parametrize("kind", WatcherType)
def test_what_is_not_there_cannot_be_removed(kind: WatcherType) -> None:
    talk = online()
    stand(talk, "/b", RECURSIVE)

    asked = removed(talk, "/a", kind)

    assert isinstance(asked.error, NoWatcherError)
    assert talk.asked == []


def test_the_library_keeps_its_own_watches() -> None:
    talk = online()
    own, users = Internal(), Told()
    for watch in (own, users):
        talk.ask(GetData("/a", watch))
        talk.reply((b"", stat()))

    asked = removed(talk, "/a")
    talk.event(EventType.CHANGED, "/a")

    assert asked.answers == [None]
    assert talk.asked == []
    assert own.events == [("CHANGED", "/a")]
    assert users.events == [("DATA_WATCH_REMOVED", "/a")]


def test_from_3_9_on_a_removal_leaves_what_was_asked_for_before() -> None:
    talk = online()
    stand(talk, "/a", coexist=True)
    own = Internal()
    talk.ask(GetData("/a", own))

    asked = removed(talk, "/a")
    talk.reply((b"", stat()))
    talk.reply()
    talk.event(EventType.CHANGED, "/a")

    assert asked.answers == [None]
    assert talk.asked == []
    assert own.events == [("CHANGED", "/a")]


def test_from_3_9_on_a_removal_takes_the_modes_that_nobody_has_any_more() -> None:
    talk = online()
    stand(talk, "/a", coexist=True)
    talk.ask(GetData("/a", Internal()))

    removed(talk, "/a")

    assert talk.asked[1:] == [RemoveWatches("/a", WatcherType.PERSISTENT)]


def test_before_3_9_a_removal_waits_for_what_was_asked_for_before() -> None:
    talk = online()
    stand(talk, "/a")
    own = Internal()
    talk.ask(GetData("/a", own))
    asked = removed(talk, "/a")
    talk.reply((b"", stat()))

    talk.reply(stat())

    zxid = talk.session.trail.zxid
    assert asked.answers == [None]
    assert talk.asked == [RemoveWatches("/a"), SetWatches(zxid, data=("/a",))]


def test_before_3_9_what_is_asked_while_a_removal_waits_leans_too() -> None:
    talk = online()
    stand(talk, "/a")
    talk.ask(GetData("/a", Internal()))
    removed(talk, "/a")
    talk.ask(GetChildren("/a", Internal()))

    assert talk.asked == [GetData("/a"), Exists("/a"), GetChildren("/a")]
    talk.reply((b"", stat()))
    talk.reply(stat())
    assert [type(each) for each in talk.asked] == [GetChildren, Exists]
    talk.reply([])
    talk.reply(stat())

    zxid = talk.session.trail.zxid
    assert talk.asked == [RemoveWatches("/a"), SetWatches(zxid, data=("/a",), child=("/a",))]


def test_before_3_9_a_removal_that_takes_its_time_still_comes() -> None:
    talk = online()
    stand(talk, "/a")
    talk.ask(GetData("/a", Internal()))
    asked = talk.ask(RemoveWatches("/a"), 1.0)
    talk.wait(1.0)
    talk.reply((b"", stat()))

    talk.reply(stat())

    assert asked.answers == [None]
    assert [type(each) for each in talk.asked] == [RemoveWatches, SetWatches]


def test_before_3_9_a_removal_that_waits_is_done_with_the_connection() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    talk.ask(GetData("/a", Internal()))
    asked = removed(talk, "/a")

    talk.drop()
    talk.connect()
    talk.greet()

    assert asked.answers == [None]
    assert [type(each) for each in talk.asked] == [GetData]
    assert not talk.session.trail.watches.covers("/a")
    assert not talk.session.trail.watches.leans("/a")


def test_before_3_9_a_recursive_watch_serves_others_while_its_removal_waits() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    talk.ask(GetData("/a", Internal()))
    removed(talk, "/a")

    other = Told()
    added = talk.ask(AddWatch("/a", other, PERSISTENT))
    talk.event(EventType.CREATED, "/a/b")
    talk.reply((b"", stat()))
    talk.reply(stat())

    assert added.answers == [None]
    assert other.events == [("CHILD", "/a")]
    (sent,) = talk.asked
    assert isinstance(sent, AddWatch)
    assert sent.mode is PERSISTENT


def test_before_3_9_events_speak_of_a_recursive_watch_until_its_removal_is_answered() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    early = watch_children(talk, "/a")
    removed(talk, "/a", WatcherType.PERSISTENT_RECURSIVE)

    talk.event(EventType.DELETED, "/a/b")
    talk.reply()
    talk.reply()
    late = watch_children(talk, "/a")
    talk.event(EventType.DELETED, "/a/c")

    assert early.events == [("CHILD", "/a")]
    assert late.events == []


def test_before_3_9_removing_what_leans_leaves_what_stands() -> None:
    talk = online()
    stand(talk, "/a")
    watch_data(talk, "/a")

    asked = removed(talk, "/a", WatcherType.DATA)

    assert asked.answers == [None]
    assert talk.asked == []


def test_a_watch_that_is_removed_covers_no_other_one() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    removed(talk, "/a")
    talk.reply()

    talk.ask(AddWatch("/a", Told(), PERSISTENT))

    assert [type(each) for each in talk.asked] == [AddWatch]


def test_a_watch_that_stands_too_late_is_removed_again() -> None:
    talk = online()
    answer_later = talk.ask(AddWatch("/a", Told(), RECURSIVE), 1.0)
    answer_probe(talk, coexist=True)
    talk.wait(1.0)

    talk.reply()

    assert isinstance(answer_later.error, OperationTimeoutError)
    assert talk.asked == [RemoveWatches("/a", WatcherType.ANY)]
    assert len(talk.session.trail.watches) == 0


def test_what_leans_on_a_watch_that_stands_too_late_is_armed_by_itself() -> None:
    talk = online()
    watch = watch_children(talk, "/a")
    talk.ask(AddWatch("/a", Told(), RECURSIVE), 1.0)
    answer_probe(talk, coexist=False)
    talk.wait(1.0)

    talk.reply()
    zxid = talk.zxid
    talk.event(EventType.CHILD, "/a")

    assert talk.asked == [
        RemoveWatches("/a", WatcherType.ANY),
        SetWatches(zxid, child=("/a",)),
    ]
    assert watch.events == [("CHILD", "/a")]


def test_a_watch_that_nobody_waits_for_is_not_asked_for_again() -> None:
    talk = online()
    talk.ask(AddWatch("/a", Told()), 1.0)
    answer_probe(talk, coexist=True)
    talk.wait(1.0)

    talk.drop()
    talk.connect()
    talk.greet()

    assert talk.asked == []


def test_before_3_9_what_leaned_stands_by_itself_afterwards() -> None:
    talk = online()
    stand(talk, "/a")
    watch_data(talk, "/a")
    watch_children(talk, "/a")

    removed(talk, "/a", WatcherType.PERSISTENT)

    zxid = talk.session.trail.zxid
    assert talk.asked == [
        SetWatches(zxid, data=("/a",), child=("/a",)),
        RemoveWatches("/a", WatcherType.ANY),
    ] or talk.asked == [
        RemoveWatches("/a", WatcherType.ANY),
        SetWatches(zxid, data=("/a",), child=("/a",)),
    ]


@pytest.mark.parametrize("ends", ["silence", "a lost connection", "replies"])
def test_a_removal_has_an_outcome_where_what_leaned_is_armed_again(ends: str) -> None:
    talk = online()
    stand(talk, "/a")
    watch_data(talk, "/a")

    asked = talk.ask(RemoveWatches("/a", WatcherType.PERSISTENT), 1.0)
    if ends == "silence":
        talk.wait(1.0)
    elif ends == "a lost connection":
        talk.drop()
    else:
        talk.reply()
        talk.reply()

    assert asked.answers == [None]


def test_before_3_9_a_persistent_watch_is_left_when_the_recursive_one_is_removed() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    talk.ask(AddWatch("/a", Told(), PERSISTENT))

    removed(talk, "/a", WatcherType.PERSISTENT_RECURSIVE)

    (sent,) = talk.asked
    assert isinstance(sent, AddWatch)
    assert (sent.path, sent.mode) == ("/a", PERSISTENT)


def test_from_3_9_on_one_mode_is_removed_by_itself() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE, coexist=True)
    other = stand(talk, "/a", PERSISTENT)

    removed(talk, "/a", WatcherType.PERSISTENT_RECURSIVE)

    assert talk.asked == [RemoveWatches("/a", WatcherType.PERSISTENT_RECURSIVE)]
    assert other.events == []


def test_without_a_connection_a_watch_is_removed_at_once() -> None:
    talk = online()
    watch_data(talk, "/a")
    talk.drop()

    asked = removed(talk, "/a")
    talk.connect()
    talk.greet()

    assert asked.answers == [None]
    assert talk.asked == []


def test_a_removal_is_not_repeated_on_the_next_connection() -> None:
    talk = online()
    watch_data(talk, "/a")
    asked = removed(talk, "/a")

    talk.drop()
    talk.connect()
    talk.greet()

    assert asked.answers == [None]
    assert talk.asked == []


def test_a_server_is_told_of_no_removal_before_watches_are_armed_again() -> None:
    talk = online()
    stand(talk, "/a")
    stand(talk, "/b")
    talk.drop()
    talk.connect()
    talk.greet()

    asked = removed(talk, "/a")

    assert asked.answers == [None]
    assert [type(each) for each in talk.asked] == [CheckWatches]
