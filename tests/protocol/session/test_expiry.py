from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation, T
from tests.protocol.session.phases import online, watch_data
from zc.zk.codes import KeeperState, State
from zc.zk.errors import (
    SessionExpiredError,
)
from zc.zk.operations import (
    SetData,
    SetWatches,
    Sync,
)


def test_an_expired_session_is_told_lost_and_a_new_one_is_asked_for_at_once() -> None:
    talk = online()
    talk.drop()
    talk.connect()
    at = talk.now

    talk.expire()
    hello = talk.connect()

    assert talk.now == at
    assert (hello.session_id, hello.password) == (0, bytes(16))
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST]
    assert not talk.changes[-1].is_assumed
    assert talk.changes[-1].session_id == SESSION_ID
    assert talk.changes[-1].reason == "the session expired"


def test_the_keeper_state_is_expired_until_the_next_attempt() -> None:
    talk = online()
    talk.drop()
    talk.connect()

    talk.feed(wire.session_refused())
    expired = talk.session.keeper_state
    talk.drop()

    assert expired is KeeperState.EXPIRED_SESSION
    assert talk.session.keeper_state is KeeperState.CONNECTING


def expired(talk: Conversation) -> None:
    talk.drop()
    talk.connect()
    talk.expire()


def test_a_new_session_remembers_the_ids_of_the_old_ones() -> None:
    talk = online()
    for session_id in (0x52, 0x53):
        expired(talk)
        talk.come_back(session_id)

    assert talk.session.identity.session_id == 0x53
    assert talk.session.earlier_ids == {SESSION_ID, 0x52}


def test_a_new_session_is_told_connected_under_its_own_id() -> None:
    talk = online()
    expired(talk)

    talk.come_back(0x52)

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST, State.CONNECTED]
    assert talk.changes[-1].session_id == 0x52


def test_watches_that_want_it_are_armed_in_the_new_session() -> None:
    talk = online()
    watch_data(talk, "/w", zxid=42)
    expired(talk)

    talk.connect()
    talk.greet(0x52)

    assert talk.asked == [SetWatches(42, ("/w",))]


def test_a_server_that_hands_out_another_session_has_ended_the_old_one() -> None:
    talk = online()
    unsent = []
    talk.drop()
    unsent.append(talk.ask(SetData("/a", b"")))
    talk.connect()

    talk.greet(0x99)

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST, State.CONNECTED]
    assert [change.session_id for change in talk.changes[1:]] == [SESSION_ID, SESSION_ID, 0x99]
    assert talk.session.earlier_ids == {SESSION_ID}
    assert isinstance(unsent[0].error, SessionExpiredError)


def test_an_assumed_loss_that_proves_true_is_told_once() -> None:
    talk = online()
    talk.drop()
    talk.wait_offline(2 * T)

    talk.connect()
    talk.expire()
    talk.come_back(0x52)

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST, State.CONNECTED]


def hang_up_on_greetings(talk: Conversation, seconds: float) -> None:
    """Let servers accept connections for a while, and hang up on what is asked."""
    end = talk.now + seconds
    for _ in range(1000):
        talk.connect()
        if talk.now > end:
            return
        talk.drop("the server hung up without opening a session")
    raise AssertionError("they try again and again without a pause")


def test_after_a_time_out_of_refusals_that_follow_the_loss_the_session_begins_afresh() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=77)
    talk.drop()

    hang_up_on_greetings(talk, 2 * T + 4)

    assert (talk.hellos[-1].session_id, talk.hellos[-1].last_zxid_seen) == (0, 0)
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST]
    assert talk.session.earlier_ids == {SESSION_ID}


def test_before_that_the_old_session_is_asked_for() -> None:
    talk = online()
    talk.drop()

    hang_up_on_greetings(talk, 2 * T - 1)

    assert {hello.session_id for hello in talk.hellos[1:]} == {SESSION_ID}


def test_servers_that_refuse_even_a_fresh_start_are_tried_with_pauses() -> None:
    talk = online()
    talk.drop()

    hang_up_on_greetings(talk, 20 * T)

    assert len(talk.hellos) < 20 * T * 2
    assert len(talk.changes) == 3


def test_servers_that_refused_once_and_then_were_gone_are_tried_with_pauses() -> None:
    talk = online()
    talk.drop()
    talk.connect()
    talk.drop()
    start, attempts = talk.now, 0

    while talk.now < start + 10 * T and attempts < 1000:
        talk.dial()
        attempts += 1
        talk.drop("connection refused")

    assert attempts < 10 * T * 2


def test_a_client_that_was_restarted_begins_afresh_where_servers_lost_their_data() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=77)
    talk.session.finish("closed")
    talk.open()

    hang_up_on_greetings(talk, T + 4)

    assert talk.hellos[-1].last_zxid_seen == 0


def test_a_session_that_was_taken_up_is_given_up_when_no_server_accepts_it() -> None:
    talk = Conversation()
    talk.session.attach(0x77, b"other-password16")
    talk.open()

    hang_up_on_greetings(talk, T + 4)

    assert talk.hellos[-1].session_id == 0


def test_a_fresh_start_can_succeed() -> None:
    talk = online()
    talk.drop()
    hang_up_on_greetings(talk, 2 * T + 4)

    talk.greet(0x52)

    assert talk.states[-1] is State.CONNECTED
    assert talk.session.identity.session_id == 0x52


def test_servers_that_are_merely_unreachable_do_not_end_the_session() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=77)
    talk.drop()

    talk.wait_offline(100 * T)
    hello = talk.connect()

    assert (hello.session_id, hello.last_zxid_seen) == (SESSION_ID, 77)


def test_servers_that_are_merely_silent_do_not_end_the_session() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=77)
    talk.drop()

    for _ in range(30):
        talk.connect()
        talk.wait(T)
        talk.drop()
    hello = talk.connect()

    assert (hello.session_id, hello.last_zxid_seen) == (SESSION_ID, 77)


def test_a_refusal_after_a_long_outage_does_not_end_the_session_at_once() -> None:
    talk = online()
    talk.drop()
    talk.wait_offline(100 * T)

    talk.connect()
    talk.drop()
    hello = talk.connect()

    assert hello.session_id == SESSION_ID


def test_refusals_are_counted_anew_after_a_connection() -> None:
    talk = online()
    talk.drop()
    hang_up_on_greetings(talk, 2 * T - 1)
    talk.greet()
    talk.drop()

    hang_up_on_greetings(talk, 2 * T - 1)

    assert {hello.session_id for hello in talk.hellos[1:]} == {SESSION_ID}
