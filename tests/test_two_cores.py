"""The client's core against the server's, in memory: whatever the network does, the promises hold."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.protocol.conversation import Asked
from tests.world import Runner, World
from zc.zk.codes import State
from zc.zk.errors import ZooKeeperError
from zc.zk.operations import (
    Create,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Operation,
    SetData,
)
from zc.zk.plans import Change
from zc.zk.protocol.live import Live, LiveChildren, LiveData
from zc.zk.registry.servers import Registration
from zc.zk.security import OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

SEEDS = 200
ACTS = 8  # each ends without faults
STEPS = 60  # of an act
FOLLOWS = {
    State.CONNECTED: {State.SUSPENDED},
    State.SUSPENDED: {State.CONNECTED, State.LOST},
    State.LOST: {State.CONNECTED},
}
ACLS = (tuple(OPEN_ACL_UNSAFE), tuple(READ_ACL_UNSAFE))


def may_be_there(asked: Asked) -> bool:
    """Whether a request that failed may have been applied."""
    return isinstance(asked.error, ZooKeeperError) and asked.error.maybe_applied


class Story:
    """A world in which a client follows nodes, keeps registrations, and asks for things."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.chance = self.world.chance
        self._numbers = itertools.count(1)
        for path in ("/data", "/list", "/list/0", "/writes", "/servers"):
            self.world.editor.do(Create(path))
        self.writes: list[Asked] = []
        self.reads: list[Asked] = []
        self.watched: list[tuple[Asked, Change]] = []
        self.histories: list[list[int]] = []
        self.ends: list[tuple[list[object], list[object]]] = []  # of acts: what is shown, and true
        session = self.world.session
        self.data = self._follow_data(LiveData(session, "/data"))
        self.comes_and_goes = self._follow_data(LiveData(session, "/temporary"))
        self.list = self._follow_list(LiveChildren(session, "/list"))
        self.list_that_comes_and_goes = LiveChildren(session, "/temporary")
        self.world.follow(self.list_that_comes_and_goes, lambda: None)
        self.registrations = [
            Registration(f"/servers/{number}", b"0", acl, lambda: 0.0, lambda: None)
            for number, acl in enumerate(ACLS)
        ]
        self.wanted = {each.path: b"0" for each in self.registrations}
        for each in self.registrations:
            Runner(self.world, each.keep())

    # What the client follows; histories must never go back

    def _follow_data(self, live: LiveData) -> LiveData:
        history: list[int] = []
        self.histories.append(history)
        self.world.follow(live, lambda: history.append(live.stat.mzxid) if live.stat else None)
        return live

    def _follow_list(self, live: LiveChildren) -> LiveChildren:
        history: list[int] = []
        self.histories.append(history)
        self.world.follow(live, lambda: history.append(max(map(int, live.names), default=0)))
        return live

    # What goes on

    def play(self) -> None:
        """Let things happen, faults among them."""
        deeds: list[Callable[[], None]] = [
            self.write_data,
            self.replace_in_list,
            self.come_or_go,
            self.ask_to_write,
            self.ask_to_read,
            self.leave_watch,
            self.want,
            self.delete_registered,
        ]
        for _ in range(ACTS):
            for _ in range(STEPS):
                if self.chance.random() < 0.2:
                    self.chance.choice(deeds)()
                self.world.step()
            self.world.heal()
            self.ends.append((self.all_shown(), self.all_truths()))

    def write_data(self) -> None:
        self.world.editor.do(SetData("/data", str(next(self._numbers)).encode()))

    def replace_in_list(self) -> None:
        # The largest name only ever grows, so a list that goes back is seen.
        before = max(map(int, self.world.editor.do(GetChildren("/list"))))
        self.world.editor.do(Create(f"/list/{before + 1}"))
        self.world.editor.do(Delete(f"/list/{before}"))

    def come_or_go(self) -> None:
        names = self.world.editor.find(GetChildren("/temporary"))
        for name in names or ():
            self.world.editor.do(Delete(f"/temporary/{name}"))
        self.world.editor.do(Create("/temporary") if names is None else Delete("/temporary"))
        if names is None and self.chance.random() < 0.5:
            self.world.editor.do(Create(f"/temporary/{next(self._numbers)}"))

    def ask_to_write(self) -> None:
        within = self.chance.choice([0.5, 2.0, 100.0])
        self.writes.append(self.world.ask(Create(f"/writes/{next(self._numbers)}"), within))

    def ask_to_read(self) -> None:
        for _ in range(3):
            self.reads.append(self.world.ask(GetData("/data"), self.chance.choice([0.5, 100.0])))

    def leave_watch(self) -> None:
        change = Change()
        operation: Operation[Any] = GetData("/data", change)
        if self.chance.random() < 0.5:
            operation = Exists("/temporary", change)
        self.watched.append((self.world.ask(operation), change))

    def want(self) -> None:
        registration = self.chance.choice(self.registrations)
        if self.chance.random() < 0.1:
            registration.withdraw()
        elif registration.is_wanted:
            self.wanted[registration.path] = str(next(self._numbers)).encode()
            registration.want(self.wanted[registration.path])

    def delete_registered(self) -> None:
        self.world.editor.make_sure(Delete(self.chance.choice(self.registrations).path))

    # What is true in the end

    def all_shown(self) -> list[object]:
        """What all live nodes show."""
        return [self.shown(live) for live in self.lives]

    def all_truths(self) -> list[object]:
        """What the server has of them."""
        return [self.truth(live) for live in self.lives]

    def shown(self, live: Live) -> object:
        """What a live node shows."""
        if isinstance(live, LiveChildren):
            return sorted(live.names) if live.exists else None
        assert isinstance(live, LiveData)
        return (live.data, live.stat) if live.exists else None

    def truth(self, live: Live) -> object:
        """What the server has."""
        if isinstance(live, LiveChildren):
            names = self.world.editor.find(GetChildren(live.path))
            return names if names is None else sorted(names)
        return self.world.editor.find(GetData(live.path))

    def exists(self, path: object) -> bool:
        """Whether the server has a node."""
        return self.world.editor.do(Exists(str(path))) is not None

    def owner_and_data(self, path: str) -> tuple[int, bytes] | None:
        """What the server has of an ephemeral node."""
        found = self.world.editor.find(GetData(path))
        return found and (found[1].ephemeralOwner, found[0])

    def now_answered(self, asked: Asked) -> object:
        """What the server would answer to a read now."""
        return self.world.editor.do(asked.operation)

    @property
    def lives(self) -> list[Live]:
        return [self.data, self.comes_and_goes, self.list, self.list_that_comes_and_goes]


@pytest.fixture(scope="module", autouse=True)
def one_watch_in_a_batch() -> Iterator[None]:
    """Re-arm each watch by a request of its own, so that connections die between any two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zc.zk.protocol.watches.SET_WATCHES_BYTES", 1)
        yield


@pytest.fixture(scope="module", params=range(SEEDS))
def story(request: pytest.FixtureRequest, one_watch_in_a_batch: None) -> Story:
    """A story that was played; the last second of each act was without faults."""
    story = Story(request.param)
    story.play()
    return story


def test_live_nodes_show_what_the_server_has_within_a_second(story: Story) -> None:
    assert [shown for shown, _ in story.ends] == [truth for _, truth in story.ends]


def test_live_nodes_never_go_back(story: Story) -> None:
    assert [sorted(history) for history in story.histories] == story.histories


def test_every_request_has_one_outcome(story: Story) -> None:
    asked = [*story.writes, *story.reads, *(asked for asked, _ in story.watched)]

    assert [len(each.answers) + len(each.errors) for each in asked] == [1] * len(asked)


def test_what_was_acknowledged_is_there(story: Story) -> None:
    acknowledged = [each.answer for each in story.writes if each.answers]

    assert [story.exists(path) for path in acknowledged] == [True] * len(acknowledged)


def test_what_was_not_applied_is_not_there(story: Story) -> None:
    refused = [each.path for each in story.writes if each.errors and not may_be_there(each)]

    assert [story.exists(path) for path in refused] == [False] * len(refused)


def test_reads_are_answered_in_an_order_that_makes_sense(story: Story) -> None:
    seen = [stat.mzxid for each in story.reads for _, stat in each.answers]

    assert seen == sorted(seen)


def test_no_watch_is_missed(story: Story) -> None:
    missed = [
        asked.operation
        for asked, change in story.watched
        if asked.answers and change.event is None and asked.answer != story.now_answered(asked)
    ]

    assert missed == []


def test_what_is_registered_is_there_and_owned_by_the_session_of_now(story: Story) -> None:
    session_id = story.world.session.identity.session_id
    found = {each.path: story.owner_and_data(each.path) for each in story.registrations}

    assert found == {
        each.path: (session_id, story.wanted[each.path]) if each.is_wanted else None
        for each in story.registrations
    }


def test_registrations_know_that_they_are_settled(story: Story) -> None:
    assert all(each.is_settled for each in story.registrations)


def test_listeners_are_told_only_sequences_that_make_sense(story: Story) -> None:
    before, session_id = State.LOST, 0
    for change in story.world.changes:
        assert change.state in FOLLOWS[before]
        is_new = change.state is State.CONNECTED and change.session_id != session_id
        assert not is_new or before is State.LOST
        before, session_id = change.state, change.session_id


def test_live_nodes_keep_following(story: Story) -> None:
    for deed in (story.write_data, story.replace_in_list, story.come_or_go):
        deed()
    story.world.heal()

    assert story.all_shown() == story.all_truths()


def test_watches_still_fire(story: Story) -> None:
    for deed in (story.write_data, story.come_or_go):
        deed()
    story.world.heal()

    assert [change.event for asked, change in story.watched if asked.answers].count(None) == 0
