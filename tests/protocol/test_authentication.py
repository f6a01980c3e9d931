import pytest

from tests import wire
from tests.protocol.conversation import Conversation
from tests.protocol.session.phases import (
    BOB,
    WITH_SASL,
    Told,
    authenticating,
    online,
    take_challenge,
)
from zc.zk.codes import KeeperState, State
from zc.zk.errors import AuthFailedError, ConnectionClosedError, SessionClosedRequireSaslError
from zc.zk.operations import Auth, GetData, Sasl, SetData, SetWatches, Sync
from zc.zk.protocol.states import Phase


def exchange(talk: Conversation) -> None:
    """Do a whole exchange of two tokens a side, where the last of the server's is null."""
    take_challenge(talk, b"hello")
    talk.reply(b"prove it", zxid=0)
    take_challenge(talk, b"proof")
    talk.reply(None, zxid=0)
    take_challenge(talk, None)


def come_back(talk: Conversation) -> None:
    talk.connect()
    talk.greet()


def test_a_connection_begins_with_an_empty_challenge() -> None:
    talk = authenticating()

    assert talk.session.phase is Phase.AUTHENTICATING
    assert take_challenge(talk, b"hello") == b""
    assert talk.asked == [Sasl(b"hello")]
    assert talk.unanswered[0].xid == 1


def test_the_servers_tokens_are_the_next_challenges() -> None:
    talk = authenticating()
    take_challenge(talk, b"hello")

    talk.reply(b"prove it", zxid=0)
    second = take_challenge(talk, b"proof")
    talk.reply(None, zxid=0)
    third = talk.session.authentication.challenge

    assert second == b"prove it"
    assert third is not None
    assert third.token is None


def test_nothing_else_goes_out_before_the_exchange_is_over() -> None:
    talk = Conversation(settings=WITH_SASL).open()
    talk.session.trail.watches.add("data", "/w", Told())
    identity, write = talk.ask(BOB), talk.ask(SetData("/a", b""))
    come_back(talk)
    seen = []

    take_challenge(talk, b"hello")
    late = talk.ask(Sync("/"))
    seen.append(talk.asked)
    talk.reply(b"prove it", zxid=0)
    take_challenge(talk, b"proof")
    seen.append(talk.asked)
    talk.reply(b"welcome", zxid=0)
    seen.append(talk.asked)
    take_challenge(talk, None)

    assert seen == [[Sasl(b"hello")], [Sasl(b"proof")], []]
    assert [type(each) for each in talk.asked] == [Auth, SetWatches, SetData, Sync]
    assert [each.ended for each in (identity, write, late)] == [False] * 3


def test_what_the_server_knows_of_standing_watches_is_asked_after_the_exchange() -> None:
    talk = Conversation(settings=WITH_SASL).open()
    talk.session.trail.watches.add("persistent", "/w", Told())
    come_back(talk)

    take_challenge(talk, b"hello")
    before = talk.asked
    talk.reply(b"welcome", zxid=0)
    take_challenge(talk, None)

    assert before == [Sasl(b"hello")]
    assert talk.session.phase is Phase.PROBING
    assert Sasl(b"hello") not in talk.asked


def test_listeners_are_told_connected_after_the_exchange() -> None:
    talk = authenticating()
    before = list(talk.states)

    exchange(talk)

    assert before == []
    assert talk.states == [State.CONNECTED]


def test_every_connection_has_an_exchange_of_its_own() -> None:
    talk = authenticating()
    exchange(talk)
    talk.drop()

    come_back(talk)

    assert talk.session.phase is Phase.AUTHENTICATING
    assert take_challenge(talk, b"again") == b""
    assert talk.asked == [Sasl(b"again")]


def test_the_exchange_counts_as_part_of_the_attempt() -> None:
    talk = authenticating()
    take_challenge(talk, b"hello")

    talk.wait(2.99)
    early = talk.session.fault
    talk.wait(0.01)

    assert early is None
    assert talk.session.fault == "not authenticated within 3 s"
    assert talk.asked == [Sasl(b"hello")]  # no pings


def test_a_mechanism_that_takes_too_long_ends_the_attempt_alone() -> None:
    talk = authenticating()
    challenge = talk.session.authentication.challenge
    assert challenge is not None
    talk.wait(3.0)
    talk.drop()
    come_back(talk)

    talk.session.authentication.answer(challenge, b"too late")
    talk.session.authentication.refuse(challenge, "too late")
    talk.session.authentication.give_up(challenge, "too late")
    talk.collect()

    assert talk.asked == []
    assert talk.session.fault is None
    assert talk.session.phase is Phase.AUTHENTICATING


def test_an_answer_after_the_end_is_ignored() -> None:
    talk = authenticating()
    challenge = talk.session.authentication.challenge
    assert challenge is not None
    talk.session.close(talk.now)

    talk.session.authentication.answer(challenge, None)

    assert talk.session.phase is Phase.STOPPED


@pytest.mark.parametrize("code", [AuthFailedError.code, SessionClosedRequireSaslError.code])
def test_a_refusal_is_final_and_fails_all_that_waits(code: int) -> None:
    talk = authenticating()
    waiting, identity = talk.ask(GetData("/a")), talk.ask(BOB)
    take_challenge(talk, b"hello")

    talk.refuse(code)
    late = talk.ask(Sync("/"))

    assert talk.session.phase is Phase.STOPPED
    assert talk.session.keeper_state is KeeperState.AUTH_FAILED
    for asked in (waiting, identity, late):
        assert isinstance(asked.error, AuthFailedError)
        assert asked.error.scheme == "sasl TEST"
        assert asked.error.server == "a:1"
        assert asked.error.reason == "the server refused it"
    assert str(waiting.error) == (
        "authentication failed: /a (scheme sasl TEST, server a:1, the server refused it)"
    )


def test_a_refusal_on_a_later_connection_is_reported_as_lost() -> None:
    talk = authenticating()
    exchange(talk)
    talk.drop()
    come_back(talk)
    take_challenge(talk, b"again")

    talk.refuse(AuthFailedError.code)

    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST]
    assert "refused" in talk.changes[-1].reason


def test_a_server_that_knows_no_sasl_is_never_talked_to() -> None:
    talk = authenticating()
    asked = talk.ask(Sync("/"))
    take_challenge(talk, b"hello")

    talk.reply(None, zxid=0)

    assert isinstance(asked.error, AuthFailedError)
    assert asked.error.reason == "the server does not do SASL"
    assert talk.asked == []


def test_a_server_too_old_for_sasl_is_never_talked_to() -> None:
    talk = authenticating()
    asked = talk.ask(Sync("/"))
    take_challenge(talk, b"hello")

    talk.refuse(-6)

    assert isinstance(asked.error, AuthFailedError)
    assert asked.error.reason == "not implemented by this server"


def test_a_mechanism_that_does_not_accept_the_server_is_final() -> None:
    talk = authenticating()
    asked = talk.ask(Sync("/"))
    challenge = talk.session.authentication.challenge
    assert challenge is not None

    talk.session.authentication.refuse(challenge, "the server did not prove itself")

    assert isinstance(asked.error, AuthFailedError)
    assert asked.error.reason == "the server did not prove itself"
    assert talk.session.keeper_state is KeeperState.AUTH_FAILED


def test_a_mechanism_that_cannot_go_on_for_now_ends_the_attempt_alone() -> None:
    talk = authenticating()
    challenge = talk.session.authentication.challenge
    assert challenge is not None

    talk.session.authentication.give_up(challenge, "no KDC")
    fault = talk.session.fault
    talk.drop()

    assert fault == "no KDC"
    assert talk.session.phase is Phase.WAITING
    assert list(talk.session.ensemble.failures.values()) == ["no KDC"]


def test_a_connection_lost_in_the_middle_is_a_failed_attempt() -> None:
    talk = authenticating()
    asked = talk.ask(SetData("/a", b""))
    take_challenge(talk, b"hello")

    talk.drop()
    come_back(talk)
    exchange(talk)

    assert not asked.ended
    assert talk.asked == [SetData("/a", b"", -1)]  # and no step of the first exchange
    assert talk.states == [State.CONNECTED]


def test_a_step_that_did_not_go_out_stays_behind() -> None:
    talk = authenticating()
    challenge = talk.session.authentication.challenge
    assert challenge is not None
    talk.session.authentication.answer(challenge, b"hello")

    talk.drop()
    come_back(talk)
    exchange(talk)

    assert talk.asked == []
    assert talk.session.phase is Phase.OPEN


def test_servers_that_hang_up_in_the_middle_every_time_are_believed_in_the_end() -> None:
    talk = authenticating()
    asked = talk.ask(Sync("/"))
    phases = []

    for _ in range(5):
        take_challenge(talk, b"hello")
        talk.drop()
        phases.append(talk.session.phase)
        if talk.session.phase is not Phase.STOPPED:
            come_back(talk)

    assert phases == [Phase.WAITING] * 4 + [Phase.STOPPED]
    assert isinstance(asked.error, AuthFailedError)
    assert asked.error.reason == "servers hung up in the middle of it 5 times in a row"


def test_silence_in_the_middle_is_no_refusal() -> None:
    talk = authenticating()

    for _ in range(10):
        take_challenge(talk, b"hello")
        talk.wait(3.0)
        talk.drop()
        come_back(talk)

    assert talk.session.phase is Phase.AUTHENTICATING


def test_closing_in_the_middle_fails_what_waits_as_closed() -> None:
    talk = authenticating()
    asked = talk.ask(Sync("/"))
    take_challenge(talk, b"hello")

    talk.session.close(talk.now)

    assert isinstance(asked.error, ConnectionClosedError)
    assert talk.session.keeper_state is KeeperState.CLOSED


def test_a_new_start_after_a_refusal_begins_anew() -> None:
    talk = authenticating()
    take_challenge(talk, b"hello")
    talk.refuse(AuthFailedError.code)

    talk.open()
    come_back(talk)
    exchange(talk)

    assert talk.session.refusal is None
    assert talk.states == [State.CONNECTED]


def test_a_server_that_requires_authentication_of_a_client_without_is_final() -> None:
    talk = online()
    asked, other = talk.ask(Sync("/")), talk.ask(GetData("/a"))

    talk.refuse(SessionClosedRequireSaslError.code)

    assert isinstance(asked.error, SessionClosedRequireSaslError)
    assert isinstance(other.error, AuthFailedError)
    assert other.error.reason == "the server requires that clients authenticate"
    assert talk.session.keeper_state is KeeperState.AUTH_FAILED
    assert talk.states == [State.CONNECTED, State.LOST]


def test_a_ping_that_is_refused_for_want_of_authentication_is_final_too() -> None:
    talk = online()
    talk.wait(3.1)

    talk.refuse(SessionClosedRequireSaslError.code)

    assert talk.session.keeper_state is KeeperState.AUTH_FAILED


def test_closing_at_a_server_that_requires_authentication_is_just_closing() -> None:
    talk = online()
    talk.session.close(talk.now)
    talk.collect()

    talk.refuse(SessionClosedRequireSaslError.code)
    talk.drop()

    assert talk.session.keeper_state is KeeperState.CLOSED


def test_tokens_are_in_no_repr() -> None:
    talk = authenticating()
    take_challenge(talk, b"hello")
    talk.reply(b"secret-token", zxid=0)

    shown = repr(talk.session.authentication.challenge) + repr(Sasl(b"secret-token"))

    assert "secret-token" not in shown


def test_an_exchange_arrives_one_byte_at_a_time_as_well() -> None:
    talk = authenticating()
    take_challenge(talk, b"hello")

    for byte in wire.reply(1, 0, body=wire.buffer(b"prove it")):
        talk.feed(bytes([byte]))

    assert take_challenge(talk, b"proof") == b"prove it"
