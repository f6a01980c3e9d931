from collections.abc import Iterator

import pytest

from tests.protocol.conversation import Conversation, stat
from zc.zk.errors import ConnectionClosedError
from zc.zk.operations import GetData, Sync
from zc.zk.protocol.live import LiveData
from zc.zk.protocol.readings import MOST_AT_ONCE

MANY = 2 * MOST_AT_ONCE + 100


def lives(talk: Conversation, count: int) -> list[LiveData]:
    made = [LiveData(talk.session, f"/{number}") for number in range(count)]
    for live in made:
        live.refresh()
    talk.collect()
    return made


def read_paths(talk: Conversation) -> Iterator[str]:
    for operation in talk.asked:
        if isinstance(operation, GetData):
            yield operation.path


def test_stale_nodes_are_read_in_their_order() -> None:
    talk = Conversation().go_online()

    lives(talk, 5)

    assert list(read_paths(talk)) == ["/0", "/1", "/2", "/3", "/4"]


def test_only_so_many_are_read_at_once() -> None:
    talk = Conversation().go_online()

    lives(talk, MANY)

    assert len(talk.unanswered) == MOST_AT_ONCE


def test_each_answer_makes_room_for_the_next() -> None:
    talk = Conversation().go_online()
    made = lives(talk, MANY)

    answered = 0
    while talk.unanswered:
        assert len(talk.unanswered) <= MOST_AT_ONCE
        talk.reply((b"", stat()))
        answered += 1

    assert answered == MANY
    assert all(live.exists for live in made)


def test_what_callers_ask_for_comes_in_between() -> None:
    talk = Conversation().go_online()
    lives(talk, MANY)

    talk.ask(Sync("/"))

    assert talk.asked.index(Sync("/")) == MOST_AT_ONCE


def test_nothing_is_read_while_there_is_no_server() -> None:
    talk = Conversation().open()

    lives(talk, 5)
    before = list(read_paths(talk))
    talk.come_back()

    assert before == []
    assert len(list(read_paths(talk))) == 5


def test_readings_that_were_cut_off_are_asked_again_and_count_once() -> None:
    talk = Conversation().go_online()
    made = lives(talk, MANY)

    for _ in range(3):
        talk.drop()
        talk.come_back()
    while talk.unanswered:
        assert len(talk.unanswered) <= MOST_AT_ONCE
        talk.reply((b"", stat()))

    assert all(live.exists for live in made)


def test_a_node_that_was_dropped_is_not_read() -> None:
    talk = Conversation().open()
    made = lives(talk, 3)

    made[1].drop()
    talk.come_back()

    assert list(read_paths(talk)) == ["/0", "/2"]


@pytest.mark.parametrize("online", [False, True])
def test_nobody_waits_for_a_first_state_of_a_closed_client(online: bool) -> None:
    talk = Conversation().go_online() if online else Conversation().open()
    made = lives(talk, MANY)

    talk.session.finish("closed")

    assert all(isinstance(live.error, ConnectionClosedError) for live in made)
    assert all(live.is_known for live in made)


def test_a_client_that_is_opened_again_reads_everything_once() -> None:
    talk = Conversation().go_online()
    lives(talk, 3)
    talk.session.finish("closed")

    talk.open()
    talk.come_back(0x52)

    assert sorted(read_paths(talk)) == ["/0", "/1", "/2"]
