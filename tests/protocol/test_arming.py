import pytest

from tests.protocol.conversation import stat
from tests.protocol.session.phases import BOB, online
from tests.protocol.watchers import (
    PERSISTENT,
    RECURSIVE,
    Told,
    answer_probe,
    stand,
    watch_children,
    watch_data,
)
from zc.zk.codes import ErrorCode, EventType, State, WatcherType
from zc.zk.errors import (
    ConnectionClosedError,
    UnimplementedError,
)
from zc.zk.operations import (
    AddWatch,
    Auth,
    CheckWatches,
    Delete,
    GetData,
    RemoveWatches,
    SetWatches,
    SetWatches2,
    Sync,
)
from zc.zk.protocol.states import Phase

both = pytest.mark.parametrize("coexist", [False, True])


# Asking for one


@both
def test_a_watch_that_stands_is_told_of_every_change(coexist: bool) -> None:
    talk = online()
    watch = stand(talk, "/a", coexist=coexist)

    talk.event(EventType.CHANGED, "/a")
    talk.event(EventType.CHILD, "/a")
    talk.event(EventType.CHANGED, "/a/b")
    talk.event(EventType.CHANGED, "/a")

    assert [kind for kind, _ in watch.events] == ["CHANGED", "CHILD", "CHANGED"]


def test_a_recursive_watch_is_told_of_everything_below() -> None:
    talk = online()
    watch = stand(talk, "/a", RECURSIVE)

    for path in ("/a", "/a/b", "/a/b/c", "/ab", "/"):
        talk.event(EventType.CHANGED, path)

    assert watch.events == [("CHANGED", path) for path in ("/a", "/a/b", "/a/b/c")]


def test_a_recursive_watch_on_the_root_is_told_of_everything() -> None:
    talk = online()
    watch = stand(talk, "/", RECURSIVE)

    for path in ("/", "/a/b"):
        talk.event(EventType.CREATED, path)

    assert watch.events == [("CREATED", "/"), ("CREATED", "/a/b")]


def test_what_the_server_can_is_asked_once_for_each_connection() -> None:
    talk = online()

    first = talk.ask(AddWatch("/a", Told()))
    probe = talk.asked
    answer_probe(talk, coexist=True)
    talk.reply()
    talk.ask(AddWatch("/b", Told()))

    assert probe == [CheckWatches("/", WatcherType.PERSISTENT)]
    assert first.answers == [None]
    assert [each.path for each in talk.asked if isinstance(each, AddWatch)] == ["/b"]


def test_what_is_asked_after_it_waits_behind_it() -> None:
    talk = online()
    talk.ask(AddWatch("/a", Told()))
    talk.ask(GetData("/a"))
    talk.ask(Sync("/"))

    before = len(talk.asked)
    answer_probe(talk, coexist=True)

    assert before == 1
    assert [type(each) for each in talk.asked] == [AddWatch, GetData, Sync]


def test_the_probe_does_not_make_the_zxid_grow() -> None:
    talk = online()
    talk.ask(AddWatch("/a", Told()))
    talk.zxid = 77

    answer_probe(talk, coexist=True)

    assert talk.session.trail.zxid < 77


def test_an_identity_is_shown_while_the_server_is_asked_what_it_can() -> None:
    talk = online()
    talk.ask(AddWatch("/a", Told()))

    talk.ask(BOB)

    assert [type(each) for each in talk.asked] == [CheckWatches, Auth]


def test_a_watch_that_was_asked_for_is_asked_for_again() -> None:
    talk = online()
    watch = Told()
    asked = talk.ask(AddWatch("/a", watch))
    answer_probe(talk, coexist=False)
    talk.drop()

    talk.connect()
    talk.greet()
    answer_probe(talk, coexist=False)
    talk.reply()
    talk.event(EventType.CHANGED, "/a")

    assert asked.answers == [None]
    assert watch.events == [("CHANGED", "/a")]


def test_a_refused_watch_costs_the_connection_and_nothing_else() -> None:
    talk = online()
    asked = talk.ask(AddWatch("/a", Told()))
    answer_probe(talk, coexist=True)
    leaning = talk.ask(GetData("/a", Told()))

    talk.refuse(ErrorCode.THROTTLED_OP)
    fault = talk.session.fault
    talk.drop()
    talk.come_back()
    talk.reply((b"", stat()))

    assert fault == "a watch was refused: throttled by the server: /a"
    assert len(asked.errors) == 1
    assert len(leaning.answers) == 1


# Servers before 3.6


def test_a_server_that_knows_no_such_watch_is_asked_once() -> None:
    talk = online()
    asked = talk.ask(AddWatch("/a", Told()))
    answer_probe(talk, coexist=False)

    talk.refuse(ErrorCode.UNIMPLEMENTED)
    talk.drop()
    talk.come_back()

    assert isinstance(asked.error, UnimplementedError)
    assert talk.session.state is State.CONNECTED
    assert talk.asked == []


def test_a_server_that_does_not_know_the_probe_is_not_asked_for_ever() -> None:
    talk = online()
    asked = talk.ask(AddWatch("/a", Told()))

    talk.refuse(ErrorCode.UNIMPLEMENTED)
    talk.drop()
    talk.come_back()

    assert isinstance(asked.error, UnimplementedError)
    assert talk.session.state is State.CONNECTED


def test_watches_that_stood_do_not_keep_an_older_server_from_being_used() -> None:
    talk = online()
    stand(talk, "/a")
    once = watch_data(talk, "/b")
    talk.drop()
    talk.connect()
    talk.greet()
    answer_probe(talk, coexist=False)

    talk.refuse(ErrorCode.UNIMPLEMENTED)  # SetWatches2
    talk.drop()
    talk.connect()
    talk.greet()
    rearmed = talk.asked
    talk.reply()

    assert [type(each) for each in rearmed] == [SetWatches]
    assert talk.session.state is State.CONNECTED
    talk.event(EventType.CHANGED, "/b")
    assert once.events == [("CHANGED", "/b")]


# What fires once beside what stands


def test_before_3_9_a_standard_watch_leans_on_the_one_that_stands() -> None:
    talk = online()
    standing = stand(talk, "/a")

    talk.ask(GetData("/a", once := Told()))
    (sent,) = talk.asked
    talk.reply((b"", stat()))
    talk.event(EventType.CHANGED, "/a")
    talk.event(EventType.CHANGED, "/a")

    assert isinstance(sent, GetData)
    assert sent.watch is None
    assert len(once.events) == 1
    assert len(standing.events) == 2


def test_it_leans_already_while_the_other_is_asked_for() -> None:
    talk = online()
    stand(talk, "/x")
    talk.ask(AddWatch("/a", Told()))

    talk.ask(GetData("/a", Told()))

    assert isinstance(sent := talk.asked[-1], GetData)
    assert sent.watch is None


@pytest.mark.parametrize("happens", ["removed in vain", "dropped", "the first of two removed"])
def test_it_leans_on_what_is_asked_for_whatever_happens_to_others_meanwhile(happens: str) -> None:
    talk = online()
    stand(talk, "/x")
    other = watch_data(talk, "/a")
    talk.ask(AddWatch("/a", Told()))

    if happens == "removed in vain":
        assert talk.ask(RemoveWatches("/a", WatcherType.PERSISTENT)).error is not None
    elif happens == "dropped":
        talk.session.trail.watches.discard("/a", other)
    else:
        talk.ask(AddWatch("/a", Told()), 1.0)
        talk.wait(1.0)
        talk.reply()
        talk.ask(RemoveWatches("/a", WatcherType.ANY))
    talk.ask(GetData("/a", Told()))

    assert isinstance(sent := talk.asked[-1], GetData)
    assert sent.watch is None


def test_it_stands_by_itself_where_what_was_asked_for_is_gone_again() -> None:
    talk = online()
    stand(talk, "/x")
    talk.ask(AddWatch("/a", Told()))
    talk.reply()
    talk.ask(RemoveWatches("/a", WatcherType.ANY))
    talk.reply()

    talk.ask(GetData("/a", Told()))

    assert isinstance(sent := talk.asked[-1], GetData)
    assert sent.watch is not None


def test_from_3_9_on_a_standard_watch_stands_beside() -> None:
    talk = online()
    stand(talk, "/a", coexist=True)

    talk.ask(GetData("/a", Told()))

    assert isinstance(sent := talk.asked[-1], GetData)
    assert sent.watch is not None


def test_on_another_path_a_standard_watch_is_as_ever() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)

    talk.ask(GetData("/a/b", Told()))

    assert isinstance(sent := talk.asked[-1], GetData)
    assert sent.watch is not None


@pytest.mark.parametrize("kind", [EventType.CREATED, EventType.DELETED])
def test_before_3_9_a_child_watch_lives_by_what_a_recursive_one_is_told(kind: EventType) -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    children = watch_children(talk, "/a")

    talk.event(EventType.CHANGED, "/a/b")
    talk.event(kind, "/a/b/c")
    talk.event(kind, "/a/b")

    assert children.events == [("CHILD", "/a")]


def test_from_3_9_on_the_server_tells_a_child_watch_itself() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE, coexist=True)
    children = watch_children(talk, "/a")

    talk.event(EventType.CREATED, "/a/b")
    before = list(children.events)
    talk.event(EventType.CHILD, "/a")

    assert before == []
    assert children.events == [("CHILD", "/a")]


def test_before_3_9_a_persistent_watch_does_not_end_the_recursive_one_of_its_path() -> None:
    talk = online()
    recursive = stand(talk, "/a", RECURSIVE)

    persistent = Told()
    asked = talk.ask(AddWatch("/a", persistent, PERSISTENT))
    sent = talk.asked
    talk.event(EventType.CREATED, "/a/b")

    assert asked.answers == [None]
    assert sent == []
    assert recursive.events == [("CREATED", "/a/b")]
    assert persistent.events == [("CHILD", "/a")]


# Reconnecting


@both
def test_all_kinds_are_armed_again_after_the_server_said_what_it_can(coexist: bool) -> None:
    talk = online()
    stand(talk, "/p", coexist=coexist)
    stand(talk, "/r", RECURSIVE)
    watch_data(talk, "/d")
    talk.drop()
    talk.ask(Delete("/x"))

    talk.connect()
    talk.greet()
    asked_first = talk.asked
    answer_probe(talk, coexist=coexist)

    assert [type(each) for each in asked_first] == [CheckWatches]
    assert talk.session.state is State.SUSPENDED
    zxid = talk.session.trail.zxid
    assert talk.asked == [
        SetWatches2(zxid, ("/d",), persistent=("/p",), recursive=("/r",)),
        Delete("/x"),
    ]


def test_those_that_stand_are_told_that_they_may_have_missed_something() -> None:
    talk = online()
    persistent, recursive = stand(talk, "/p"), stand(talk, "/r", RECURSIVE)
    talk.drop()

    talk.connect()
    talk.greet()
    answer_probe(talk, coexist=True)
    before = list(persistent.events)
    talk.reply()

    assert before == []
    assert persistent.events == [("NONE", "/p")]
    assert recursive.events == [("NONE", "/r")]


def test_a_new_session_has_them_too() -> None:
    talk = online()
    watch = stand(talk, "/p")
    talk.drop()
    talk.connect()
    talk.expire()

    talk.connect()
    talk.greet(session_id=0x99)
    answer_probe(talk, coexist=True)
    talk.reply()
    talk.event(EventType.CHANGED, "/p")

    assert watch.events == [("NONE", "/p"), ("CHANGED", "/p")]


def test_closing_while_the_server_is_asked_what_it_can_ends_the_session() -> None:
    talk = online()
    asked = talk.ask(AddWatch("/a", Told()))

    talk.session.close(talk.now)
    talk.collect()
    talk.drop()

    assert isinstance(asked.error, ConnectionClosedError)
    assert talk.session.phase is Phase.STOPPED
