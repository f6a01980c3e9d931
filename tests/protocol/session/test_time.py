import itertools
import random

import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation, T
from tests.protocol.session.phases import (
    arm,
    online,
    rearming,
    waiting,
)
from zc.zk.codes import State
from zc.zk.operations import (
    Ping,
    SetWatches,
    Sync,
)


def test_pings_go_out_a_third_of_the_time_out_apart() -> None:
    talk = online()
    start, pings = talk.now, []

    for _ in range(4):
        talk.wait(talk.session.deadline() - talk.now)
        pings.append(talk.now - start)
        talk.answer_pings()

    assert pings == pytest.approx([T / 3, 2 * T / 3, T, 4 * T / 3])


def test_a_server_that_answers_pings_is_kept_for_ever() -> None:
    talk = online()

    for _ in range(1000):
        talk.wait(T / 3)
        talk.answer_pings()

    assert talk.session.fault is None
    assert talk.states == [State.CONNECTED]


def test_a_server_is_given_up_within_two_thirds_of_the_time_out() -> None:
    talk = online()
    start = talk.now

    talk.wait(T)
    talk.drop()

    assert talk.now - start <= 2 / 3 * T
    assert talk.states == [State.CONNECTED, State.SUSPENDED]
    assert talk.changes[-1].reason == "no reply for 5.6 s"


@pytest.mark.parametrize("noise", ["events", "drip"])
def test_events_and_drip_fed_bytes_do_not_keep_a_server(noise: str) -> None:
    talk = online()
    start = talk.now
    frame = wire.event(wire.EventType.CREATED, "/a")

    for second in range(9):
        talk.wait(1)
        if talk.session.fault is not None:
            break
        talk.feed(frame if noise == "events" else frame[second : second + 1])

    assert talk.session.fault is not None
    assert talk.now - start <= 2 / 3 * T


def test_pings_go_out_while_watches_are_armed() -> None:
    talk = rearming()

    talk.wait(T / 3)

    assert [type(operation) for operation in talk.asked] == [SetWatches, Ping]


def test_a_server_that_does_not_arm_the_watches_is_given_up() -> None:
    talk = rearming()

    talk.wait(T)

    assert talk.session.fault is not None


def silent(talk: Conversation) -> float:
    """Let the server be silent until the session gives it up, and say when it spoke last."""
    talk.wait(T)
    assert talk.session.fault is not None
    talk.drop()
    return talk.now


def test_a_session_is_lost_a_time_out_after_the_last_acknowledged_request_was_sent() -> None:
    talk = online()
    talk.now += 1
    talk.ask(Sync("/"))
    sent_at = talk.now
    talk.now += 1
    talk.reply("/")
    talk.ask(Sync("/"))
    talk.drop()

    talk.wait_offline(sent_at + T - talk.now - 0.01)
    before = talk.states[-1]
    talk.wait_offline(0.02)

    assert before is State.SUSPENDED
    assert talk.states[-1] is State.LOST
    assert talk.changes[-1].is_assumed
    assert talk.changes[-1].session_id == SESSION_ID


def test_a_session_is_lost_in_time_where_replies_are_slow() -> None:
    talk = online()
    sent_at = talk.now
    talk.ask(Sync("/"))
    talk.now += T / 2
    talk.reply("/")

    talk.wait(T)
    given_up_at = talk.now
    talk.drop()
    talk.wait_offline(0)

    assert given_up_at <= sent_at + T
    assert (talk.states[-1], talk.times[-1]) == (State.LOST, sent_at + T)


def test_a_session_that_was_never_used_is_lost_a_time_out_after_its_greeting_was_sent() -> None:
    talk = waiting()
    talk.connect()
    sent_at = talk.now
    talk.now += 1
    talk.greet()
    talk.drop()

    talk.wait_offline(sent_at + T - talk.now - 0.01)
    before = talk.states[-1]
    talk.wait_offline(0.02)

    assert (before, talk.states[-1]) == (State.SUSPENDED, State.LOST)


def test_a_server_that_accepts_connections_and_is_silent_does_not_put_off_the_loss() -> None:
    talk = online()
    start = talk.now
    silent(talk)

    while talk.states[-1] is State.SUSPENDED:
        talk.connect()
        talk.wait(T)
        talk.drop()
        assert talk.now < start + 2 * T

    assert talk.times[-1] == start + T


def test_a_session_that_a_server_accepted_again_is_not_lost_while_its_watches_are_armed() -> None:
    talk = online()
    arm(talk)
    start = talk.now
    silent(talk)
    talk.wait_offline(start + T - 1.5 - talk.now)
    talk.connect()
    talk.greet()

    talk.wait(2)
    talk.reply()

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.CONNECTED]


def test_a_session_is_told_lost_once() -> None:
    talk = online()
    talk.drop()

    talk.wait_offline(10 * T)

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST]


def test_a_session_that_the_server_still_has_comes_back_after_it_was_assumed_lost() -> None:
    talk = online()
    talk.drop()
    talk.wait_offline(2 * T)

    talk.come_back()

    assert talk.states[-2:] == [State.LOST, State.CONNECTED]
    assert talk.session.identity.session_id == SESSION_ID
    assert talk.session.earlier_ids == set()


def test_servers_are_looked_for_without_end_and_at_most_two_seconds_apart() -> None:
    chance = random.Random(7).random
    talk = online(hosts="a:1", chance=chance)
    talk.drop()
    attempts: list[float] = []

    while len(attempts) < 2000:
        talk.dial()
        attempts.append(talk.now)
        talk.drop("refused")

    gaps = [after - before for before, after in itertools.pairwise(attempts)]
    assert max(gaps) < 2
