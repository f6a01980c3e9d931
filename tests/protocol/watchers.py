"""Watches that remember their events, and how they come to be at a server."""

from tests.protocol.conversation import Conversation, stat
from zc.zk.codes import AddWatchMode, ErrorCode, EventType, WatcherType
from zc.zk.operations import AddWatch, CheckWatches, GetChildren, GetData, Watch
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
