"""Transactions: zxids, the journal, what is told when (protocol.md, 3)."""

import pytest

from zc.zk.server.acl import OPEN
from zc.zk.server.changes import (
    BeginSession,
    CreateNode,
    DeleteNode,
    EndSession,
    ReplaceData,
    Transaction,
)
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

EPOCH = 1 << 32


def store(first_zxid: int | None = 0, wall_offset: float = 1000.0) -> Store:
    return Store(Settings(first_zxid=first_zxid), 0.0, wall_offset, bytes)


def test_the_first_zxid_can_be_told() -> None:
    assert store(first_zxid=77).zxid == 77


def test_else_the_wall_clocks_seconds_are_the_epoch() -> None:
    assert store(None, wall_offset=1_700_000_000.0).zxid == 1_700_000_000 * EPOCH


def test_a_server_that_starts_twice_in_a_second_does_not_repeat_its_zxids() -> None:
    first, second = (store(None, 1_700_000_000.0 + part) for part in (0.1, 0.101))

    for _ in range(1000):
        first.begin(0.0)

    assert second.zxid > first.zxid


def test_a_draft_takes_a_zxid_whatever_becomes_of_it() -> None:
    first, second = (store_.begin(0.0) for store_ in [store()] * 2)

    assert (first.zxid, second.zxid) == (1, 2)


def test_the_time_of_a_transaction_is_the_wall_clocks_in_milliseconds() -> None:
    assert store(wall_offset=1000.0).begin(2.5).time == 1_002_500


def test_later_steps_of_a_draft_see_earlier_ones() -> None:
    it = store()
    draft = it.begin(0.0)

    draft.make(CreateNode("/p", b"", OPEN))
    draft.make(CreateNode("/p/n", b"", OPEN))

    assert it.tree.find("/p/n").czxid == it.tree.find("/p").pzxid == draft.zxid


def test_the_journal_is_told_of_each_transaction_with_changes() -> None:
    it = store()
    told: list[Transaction] = []
    it.journal = told.append
    it.begin(0.0).commit()
    draft = it.begin(1.0)
    draft.make(CreateNode("/n", b"", OPEN))
    assert told == []

    draft.commit()

    assert told == [Transaction(2, 1_001_000, (CreateNode("/n", b"", OPEN),))]


def test_a_transaction_that_was_rolled_back_leaves_only_its_zxid() -> None:
    it, frames = store(), list[bytes]()
    told: list[Transaction] = []
    it.journal = told.append
    it.watches.data.add("/n", Recorder(frames))
    draft = it.begin(0.0)
    draft.keep_undo()
    draft.make(CreateNode("/n", b"", OPEN))

    draft.roll_back()
    draft.commit()

    assert (told, frames) == ([], [])
    assert "/n" not in it.tree.nodes
    assert it.zxid == draft.zxid


def test_a_session_begins_with_a_random_password() -> None:
    it = store()
    it.random_bytes = lambda count: b"r" * count
    told: list[Transaction] = []
    it.journal = told.append
    draft = it.begin(5.0)

    session = draft.begin_session(3000)
    draft.commit()

    assert session.password == b"r" * 16
    assert it.sessions.find(session.id) is session
    assert told[0].changes == (BeginSession(session.id, 3000, b"r" * 16),)


def test_a_session_ends_with_its_ephemerals_in_one_transaction() -> None:
    it = store()
    session = it.begin(0.0).begin_session(3000)
    it.begin(0.0).make(CreateNode("/a", b"", OPEN, session.id))
    it.begin(0.0).make(CreateNode("/b", b"", OPEN, session.id))
    told: list[Transaction] = []
    it.journal = told.append

    it.end_session(session.id, 1.0)

    (transaction,) = told
    assert transaction.changes == (DeleteNode("/a"), DeleteNode("/b"), EndSession(session.id))
    assert set(it.tree.nodes["/"].children) == {"zookeeper"}
    assert it.sessions.find(session.id) is None


def test_ending_a_session_that_is_not_alive_changes_nothing() -> None:
    it = store()
    told: list[Transaction] = []
    it.journal = told.append

    it.end_session(7, 0.0)

    assert told == []


class Link:
    def __init__(self, story: list[str]) -> None:
        self.story = story

    def close(self) -> None:
        self.story.append("closed")


class Listener:
    session_id = 1
    identities = ()

    def __init__(self, story: list[str]) -> None:
        self.story = story

    def send(self, frame: bytes) -> None:
        self.story.append("told")


class Recorder:
    session_id = 1
    identities = ()

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def test_the_journal_knows_first_then_the_watchers_then_the_session() -> None:
    it, story = store(), list[str]()
    session = it.begin(0.0).begin_session(3000)
    session.link = Link(story)
    it.begin(0.0).make(CreateNode("/a", b"", OPEN, session.id))
    it.watches.data.add("/a", Listener(story))
    it.journal = lambda _: story.append("written")

    it.end_session(session.id, 0.0)

    assert story == ["written", "told", "closed"]


def test_a_replayed_life_ends_in_the_same_state() -> None:
    lived, told = store(), list[Transaction]()
    lived.journal = told.append
    draft = lived.begin(0.0)
    session = draft.begin_session(3000)
    draft.commit()
    for change in (
        CreateNode("/n", b"", OPEN),
        CreateNode("/n/e", b"x", OPEN, session.id),
        ReplaceData("/n", b"y"),
        DeleteNode("/n/e"),
    ):
        draft = lived.begin(1.0)
        draft.make(change)
        draft.commit()
    replayed = store()

    for transaction in told:
        replayed.replay(transaction, 9.0)

    assert replayed.zxid == lived.zxid
    assert [each.id for each in replayed.sessions] == [session.id]
    assert replayed.tree.find("/n").stat() == lived.tree.find("/n").stat()
    assert replayed.tree.find("/").stat() == lived.tree.find("/").stat()


@pytest.mark.parametrize("version", [(3, 8), (3, 9)])
def test_events_carry_the_zxid_from_3_9(version: tuple[int, int]) -> None:
    it = Store(Settings(first_zxid=0, version=version), 0.0, 0.0, bytes)
    frames: list[bytes] = []
    listener = Recorder(frames)
    it.watches.data.add("/n", listener)
    draft = it.begin(0.0)
    draft.make(CreateNode("/n", b"", OPEN))

    draft.commit()

    zxid = int.from_bytes(frames[0][8:16], signed=True)
    assert zxid == (draft.zxid if version == (3, 9) else -1)
