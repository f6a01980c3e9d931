"""The fuzzer's harnesses, with what hypothesis makes up, and with what once broke something."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import client, logs, server
from tests.fuzz.corpus import FOUND
from tests.fuzz.tape import Tape, pieces
from tests.fuzz.targets import FRAMES, TARGETS, frames
from zc.zk.codes import OpCode, State
from zc.zk.protocol.connection import Connection
from zc.zk.server import log as journal
from zc.zk.server.handlers import HANDLERS
from zc.zk.server.link import Link
from zc.zk.server.quota import Entry
from zc.zk.server.tree import Tree

STORIES = st.binary(max_size=600)
SEEDS = 150


def seeded(seed: int) -> bytes:
    """Give a long story."""
    return random.Random(seed).randbytes(800)


@given(STORIES)
@settings(max_examples=150)
def test_a_server_lives_through_any_story(data: bytes) -> None:
    server.play(data)


@given(STORIES)
@settings(max_examples=150)
def test_a_server_answers_pieces_as_it_answers_the_whole(data: bytes) -> None:
    server.compare_pieces(data)


@given(STORIES)
@settings(max_examples=150)
def test_a_client_lives_through_any_story(data: bytes) -> None:
    client.play(data)


@given(STORIES)
@settings(max_examples=300)
def test_a_changed_log_is_refused_or_recovered_as_it_was(data: bytes) -> None:
    logs.play(data)


@given(st.binary(max_size=200))
@settings(max_examples=20)
def test_a_folder_with_a_changed_log_is_refused_by_its_name_or_used(data: bytes) -> None:
    tape = Tape(data)
    log = tape.choose(logs.lives()).log

    logs.check_folder(tape.choose(logs.CHANGES)(log, tape))


@given(st.binary(max_size=200))
@settings(max_examples=20)
def test_a_folder_may_hold_anything(data: bytes) -> None:
    logs.check_folder(data)
    logs.check_folder(journal.MAGIC + data)


@pytest.mark.slow
@pytest.mark.parametrize("play", [server.play, client.play, server.compare_pieces, logs.play])
def test_long_stories_are_lived_through(play: Callable[[bytes], None]) -> None:
    for seed in range(SEEDS):
        play(seeded(seed))


@pytest.mark.parametrize(("target", "data"), FOUND.values(), ids=FOUND)
def test_what_broke_something_once_breaks_nothing(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_the_first_byte_says_whom_frames_are_for() -> None:
    for number in range(len(FRAMES)):
        frames(bytes([number]))
    frames(b"")


# That the stories are about something


def test_stories_of_a_server_fill_its_tree() -> None:
    scenes = [server.Scene(Tape(seeded(seed))) for seed in range(SEEDS)]
    for scene in scenes:
        scene.play()

    kinds = {type(change) for scene in scenes for each in scene.written for change in each.changes}
    assert len(kinds) == 6
    assert max(len(scene.core.store.tree.nodes) for scene in scenes) > 10


def test_stories_of_a_client_reach_answers() -> None:
    scenes = [client.Scene(Tape(seeded(seed))) for seed in range(SEEDS)]
    for scene in scenes:
        scene.play()

    asked = [each for scene in scenes for each in scene.asked]
    assert sum(bool(each.answers) for each in asked) > 100
    assert {change.state for scene in scenes for change in scene.changes} == set(State)


def test_pieces_are_all_there_is() -> None:
    for way in (b"\0", b"\1\0\2", b"\2"):
        assert b"".join(pieces(b"abcdef", Tape(way))) == b"abcdef"


# That what is broken is found


def fails(play: Callable[[bytes], None]) -> bool:
    """Say whether one of the long stories fails."""
    try:
        for seed in range(SEEDS):
            play(seeded(seed))
    except Exception:  # noqa: BLE001 (whatever it was, it was found)
        return True
    return False


def test_a_handler_that_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    row = HANDLERS[OpCode.EXISTS]
    monkeypatch.setitem(HANDLERS, OpCode.EXISTS, row._replace(answer=fail))

    assert fails(server.play)


def test_a_witness_who_is_not_answered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Link.send
    monkeypatch.setattr(
        Link, "send", lambda link, frame: link.unread_bytes or send(link, frame[1:])
    )

    assert fails(server.play)


def test_a_tree_that_miscounts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Tree.take

    def forget(tree: Tree, path: str) -> object:
        tree.data_bytes += 1
        return take(tree, path)

    monkeypatch.setattr(Tree, "take", forget)

    assert fails(server.play)


def test_a_change_that_the_log_does_not_know_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def enter(tree: Tree, found: list[Entry]) -> None:
        tree.nodes["/"].data = b"other"

    monkeypatch.setattr("zc.zk.server.quota.enter", enter)

    assert fails(server.play)


def test_a_client_that_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "unanswered", lambda connection: 1 // 0)

    assert fails(client.play)


def test_a_log_whose_batches_are_not_missed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_later_batch", lambda *_: None)
    life = logs.lives()[0]
    log = bytearray(life.log)
    log[life.ends[1] - 1] ^= 1

    with pytest.raises(AssertionError, match="left out"):
        logs.check_changed(life, bytes(log))


def test_records_are_what_a_log_consists_of() -> None:
    log = logs.lives()[0].log

    records = logs.records_of(log)

    assert b"".join(records) == log
    assert len(records) == 1 + 4 + 1 + 4 + 1  # magic, system, the snapshot's end, batches, nothing
    assert logs.records_of(log[:-1])[-2] == records[-2][:-1]
