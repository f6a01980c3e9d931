import pytest

from tests.protocol.conversation import Asked, Conversation, stat
from tests.protocol.session.phases import BOB, online
from zc.zk.codes import AddWatchMode, ErrorCode, EventType, State, WatcherType
from zc.zk.errors import ConnectionClosedError, NoWatcherError, UnimplementedError
from zc.zk.operations import (
    AddWatch,
    Auth,
    CheckWatches,
    Delete,
    GetChildren,
    GetData,
    RemoveWatches,
    SetWatches,
    SetWatches2,
    Sync,
    Watch,
)
from zc.zk.protocol.states import Phase
from zc.zk.records import WatchedEvent

PERSISTENT, RECURSIVE = AddWatchMode.PERSISTENT, AddWatchMode.PERSISTENT_RECURSIVE


class Told(Watch):
    """A user's watch that remembers its events."""

    def __init__(self) -> None:
        self.events: list[tuple[EventType, str | None]] = []

    def fire(self, event: WatchedEvent) -> None:
        self.events.append((event.type, event.path))

    @property
    def is_removable(self) -> bool:
        return True


class Internal(Told):
    """A watch of the library's own."""

    @property
    def is_removable(self) -> bool:
        return False


def answer_probe(talk: Conversation, *, coexist: bool) -> None:
    assert talk.asked == [CheckWatches("/", WatcherType.PERSISTENT)] or talk.asked[-1:] == [
        CheckWatches("/", WatcherType.PERSISTENT)
    ]
    talk.refuse(ErrorCode.NO_WATCHER if coexist else ErrorCode.MARSHALLING_ERROR)


def stand(
    talk: Conversation, path: str, mode: AddWatchMode = PERSISTENT, *, coexist: bool = False
) -> Told:
    """Have a watch stand, on a server of which it is known what it can."""
    watch = Told()
    talk.ask(AddWatch(path, watch, mode))
    if talk.session.phase is Phase.PROBING:
        answer_probe(talk, coexist=coexist)
    talk.reply()
    return watch


def watch_data(talk: Conversation, path: str) -> Told:
    watch = Told()
    talk.ask(GetData(path, watch))
    talk.reply((b"", stat()))
    return watch


def watch_children(talk: Conversation, path: str) -> Told:
    watch = Told()
    talk.ask(GetChildren(path, watch))
    talk.reply([])
    return watch


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


# Removing


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


@both
def test_what_was_asked_for_before_a_removal_is_armed_again_after_it(coexist: bool) -> None:
    talk = online()
    stand(talk, "/a", coexist=coexist)
    own = Internal()
    asked = talk.ask(GetData("/a", own), 1.0)
    removed(talk, "/a")
    talk.reply((b"", stat()))
    zxid = talk.zxid + 1

    talk.reply()

    assert asked.answers == [(b"", stat())]
    assert talk.asked == [SetWatches(zxid, data=("/a",))]


def test_a_removal_that_takes_its_time_still_arms_again() -> None:
    talk = online()
    stand(talk, "/a", coexist=True)
    talk.ask(GetData("/a", Internal()))
    asked = talk.ask(RemoveWatches("/a"), 1.0)
    talk.wait(1.0)
    talk.reply((b"", stat()))
    zxid = talk.zxid + 1

    talk.reply()

    assert asked.answers == [None]
    assert talk.asked == [SetWatches(zxid, data=("/a",))]


def test_a_watch_that_is_removed_covers_no_other_one() -> None:
    talk = online()
    stand(talk, "/a", RECURSIVE)
    removed(talk, "/a")
    talk.reply()

    talk.ask(AddWatch("/a", Told(), PERSISTENT))

    assert [type(each) for each in talk.asked] == [AddWatch]


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
