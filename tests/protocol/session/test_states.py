import random
from collections.abc import Callable

import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation
from tests.protocol.session.phases import (
    IN_PHASE,
    Told,
    dialling,
    greeting,
    online,
    rearming,
    stopped,
    take_challenge,
    waiting,
)
from zc.zk.codes import KeeperState, State, Xid
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.states import Phase

SERVER = Endpoint("a", 1)
DO: dict[str, Callable[[Conversation], object]] = {
    "open": lambda talk: talk.session.open(talk.now),
    "dial": lambda talk: talk.session.dial(talk.now),
    "connected": lambda talk: talk.session.connected(talk.now, SERVER),
    "greeted": lambda talk: talk.session.receive(wire.connect_response(5), talk.now),
    "authenticated": lambda talk: take_challenge(talk, None),
    "rearmed": lambda talk: talk.session.receive(wire.reply(Xid.SET_WATCHES), talk.now),
    "disconnected": lambda talk: talk.session.disconnected("gone", talk.now),
    "close": lambda talk: talk.session.close(talk.now),
    "finish": lambda talk: talk.session.finish("closed"),
}
FOLLOWS: dict[tuple[Phase, str], Phase] = {
    (Phase.STOPPED, "open"): Phase.WAITING,
    (Phase.WAITING, "dial"): Phase.DIALLING,
    (Phase.DIALLING, "connected"): Phase.GREETING,
    (Phase.GREETING, "greeted"): Phase.OPEN,  # through REARMING, where nothing is to be armed
    (Phase.AUTHENTICATING, "authenticated"): Phase.OPEN,  # the same
    (Phase.REARMING, "rearmed"): Phase.OPEN,
    (Phase.DIALLING, "disconnected"): Phase.WAITING,
    (Phase.GREETING, "disconnected"): Phase.WAITING,
    (Phase.AUTHENTICATING, "disconnected"): Phase.WAITING,
    (Phase.REARMING, "disconnected"): Phase.WAITING,
    (Phase.OPEN, "disconnected"): Phase.WAITING,
    (
        Phase.PROBING,
        "rearmed",
    ): Phase.REARMING,  # by the answer to the probe, which is marked as re-arming is
    (Phase.PROBING, "disconnected"): Phase.WAITING,
    (Phase.PROBING, "close"): Phase.CLOSING,
    (Phase.REARMING, "close"): Phase.CLOSING,
    (Phase.OPEN, "close"): Phase.CLOSING,
    (Phase.LEAVING, "disconnected"): Phase.WAITING,
    (Phase.LEAVING, "close"): Phase.CLOSING,
    (Phase.WAITING, "close"): Phase.STOPPED,
    (Phase.DIALLING, "close"): Phase.STOPPED,
    (Phase.GREETING, "close"): Phase.STOPPED,
    (Phase.AUTHENTICATING, "close"): Phase.STOPPED,
    (Phase.PARTING, "disconnected"): Phase.STOPPED,  # no server was reached
    (Phase.CLOSING, "disconnected"): Phase.STOPPED,
    **{(phase, "finish"): Phase.STOPPED for phase in Phase},
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("deed", DO)
def test_what_may_follow_what_is_the_table_and_nothing_else(phase: Phase, deed: str) -> None:
    talk = IN_PHASE[phase]()
    before = talk.session.phase

    DO[deed](talk)

    assert before is phase
    assert talk.session.phase is FOLLOWS.get((phase, deed), phase)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("deed", DO)
def test_whatever_happens_nothing_is_due_in_the_past_for_ever(phase: Phase, deed: str) -> None:
    talk = IN_PHASE[phase]()
    DO[deed](talk)

    for _ in range(5):
        talk.now = max(talk.now, min(talk.session.deadline(), talk.now + 60))
        talk.session.tick(talk.now)
        talk.session.data_to_send(talk.now)
        if talk.session.dial(talk.now) or talk.session.fault is not None:
            talk.session.disconnected("gone", talk.now)

    assert talk.session.deadline() > talk.now or talk.session.phase is Phase.WAITING


def test_the_first_attempt_is_made_at_once() -> None:
    talk = waiting()

    assert talk.session.deadline() == talk.now
    assert talk.session.dial(talk.now) == (SERVER,)


def test_an_attempt_waits_for_its_pause() -> None:
    talk = dialling()

    talk.drop("refused")
    early = talk.session.dial(talk.now)
    due = talk.session.deadline()
    later = talk.session.dial(due)

    assert early == ()
    assert due == pytest.approx(talk.now + 0.15)
    assert later == (SERVER,)


def test_a_server_has_its_time_to_answer() -> None:
    talk = greeting()

    talk.wait(2.99)
    early = talk.session.fault
    talk.wait(0.01)

    assert early is None
    assert talk.session.fault == "no answer within 3 s"


def test_a_new_attempt_begins_without_fault() -> None:
    talk = greeting()
    talk.wait(3)
    talk.drop()

    talk.dial()

    assert talk.session.fault is None


def test_listeners_are_told_nothing_before_everything_is_armed() -> None:
    talk = rearming()

    before = list(talk.changes)
    talk.reply()

    assert before == []
    assert talk.states == [State.CONNECTED]


def test_listeners_are_told_the_session_and_the_server() -> None:
    talk = online()

    (change,) = talk.changes
    assert (change.session_id, change.reason) == (SESSION_ID, "connected to a:1")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (stopped, KeeperState.CLOSED),
        (waiting, KeeperState.CONNECTING),
        (online, KeeperState.CONNECTED),
    ],
)
def test_the_keeper_state_tells_more(
    make: Callable[[], Conversation], expected: KeeperState
) -> None:
    assert make().session.keeper_state is expected


@pytest.mark.parametrize("seed", range(100))
def test_listeners_see_only_sequences_that_make_sense(seed: int) -> None:
    chance = random.Random(seed)
    talk = Conversation(chance=chance.random)
    talk.session.trail.watches.add("data", "/w", Told())
    ids = iter(range(1, 1000))
    deeds: list[Callable[[], object]] = [
        talk.open,
        lambda: talk.session.dial(talk.now),
        lambda: talk.session.connected(talk.now, SERVER),
        lambda: talk.session.connected(talk.now, SERVER),
        lambda: talk.session.receive(
            wire.connect_response(talk.session.identity.session_id or next(ids)), talk.now
        ),
        lambda: talk.session.receive(wire.connect_response(next(ids)), talk.now),
        lambda: talk.session.receive(wire.session_refused(), talk.now),
        lambda: talk.session.receive(wire.reply(Xid.SET_WATCHES), talk.now),
        lambda: talk.session.disconnected("gone", talk.now),
        lambda: talk.session.tick(talk.now),
        lambda: talk.session.close(talk.now) if chance.random() < 0.1 else None,
    ]

    for _ in range(300):
        talk.now += chance.random()
        chance.choice(deeds)()
        if talk.session.fault is not None:
            talk.session.disconnected(talk.session.fault, talk.now)

    allowed = {
        None: {State.CONNECTED},
        State.CONNECTED: {State.SUSPENDED, State.LOST},
        State.SUSPENDED: {State.CONNECTED, State.LOST},
        State.LOST: {State.CONNECTED},
    }
    before, session_id = None, 0
    for change in talk.changes:
        assert change.state in allowed[before]
        if change.state is State.CONNECTED and change.session_id != session_id:
            assert before in {None, State.LOST}
            session_id = change.session_id
        before = change.state
