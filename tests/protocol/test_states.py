import pytest

from zc.zk.codes import State
from zc.zk.protocol.states import NO_PASSWORD, Identity, Phase, Settings, StateChange


def phases(question: str) -> set[Phase]:
    return {phase for phase in Phase if getattr(phase, question)}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("takes_requests", {Phase.REARMING, Phase.OPEN}),
        ("is_attempt", {Phase.DIALLING, Phase.GREETING, Phase.AUTHENTICATING, Phase.PARTING}),
        ("is_ending", {Phase.STOPPED, Phase.PARTING, Phase.CLOSING}),
    ],
)
def test_a_phase_answers_questions(question: str, answer: set[Phase]) -> None:
    assert phases(question) == answer


def test_the_password_that_takes_a_session_over_is_never_shown() -> None:
    identity = Identity(0x51, b"secret-secret-16", 9.0)

    assert repr(identity) == "Identity(0x51)"


def test_who_has_no_session_yet_asks_for_one_without_a_password() -> None:
    assert (Identity().session_id, Identity().password) == (0, NO_PASSWORD)


def test_a_lost_session_is_certain_unless_said_otherwise() -> None:
    assert not StateChange(State.LOST, "the session expired", 1).is_assumed


def test_an_incoming_frame_may_have_16_mib() -> None:
    assert Settings().longest_frame == 16 * 1024 * 1024
