import threading
import time
from typing import ClassVar

import pytest

from tests.protocol.session.phases import authenticating
from tests.waiting import stretched, wait_until
from zc.zk import Client, KeeperState, OperationTimeoutError
from zc.zk.drivers.authenticating import Authenticator
from zc.zk.errors import AuthFailedError
from zc.zk.protocol.authentication import Challenge
from zc.zk.protocol.sasl import Exchange, Mechanism
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase
from zc.zk.testing import Server

SOON = 2.0  # seconds
A_MOMENT = 0.3  # seconds


class Scripted(Mechanism, Exchange):
    """A mechanism that does what the test says, and remembers what it was given."""

    name: ClassVar[str] = "TEST"

    def __init__(self, *answers: bytes | Exception | None) -> None:
        self.answers = list(answers)
        self.hosts: list[str] = []
        self.nonces: list[str] = []
        self.challenges: list[bytes | None] = []
        self.threads: list[threading.Thread] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def start(self, host: str, nonce: str) -> Exchange:
        self.hosts.append(host)
        self.nonces.append(nonce)
        return self

    def step(self, challenge: bytes | None) -> bytes | None:
        self.threads.append(threading.current_thread())
        self.may_go.wait()
        self.challenges.append(challenge)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Slow(Scripted):
    may_block: ClassVar[bool] = True


def session_after(mechanism: Mechanism) -> Session:
    """Have the first step taken, and give the session that was told."""
    session = authenticating().session
    challenge = session.authentication.challenge
    assert challenge is not None

    Authenticator(mechanism, "host").answer(challenge, lambda: True)(session.authentication)

    return session


def test_a_step_is_taken_with_the_host_and_a_fresh_nonce() -> None:
    mechanism = Scripted(b"a", b"b", b"c")

    first, second = Authenticator(mechanism, "one"), Authenticator(mechanism, "two")
    first.answer(Challenge(b""), lambda: True)
    first.answer(Challenge(b"next"), lambda: True)
    second.answer(Challenge(None), lambda: True)

    assert mechanism.hosts == ["one", "two"]
    assert mechanism.challenges == [b"", b"next", None]
    assert len(set(mechanism.nonces)) == 2
    assert all(len(nonce) == 32 and nonce.isalnum() for nonce in mechanism.nonces)


def test_the_last_step_lets_the_session_go_on() -> None:
    assert session_after(Scripted(None)).phase is Phase.OPEN


def test_a_refusal_ends_the_session_with_its_reason() -> None:
    session = session_after(Scripted(AuthFailedError(reason="bad proof")))

    assert session.refusal is not None
    assert session.refusal.reason == "bad proof"


def test_an_error_of_the_system_ends_the_attempt() -> None:
    session = session_after(Scripted(OSError("no KDC")))

    assert session.fault == "TEST: no KDC"
    assert session.refusal is None


def test_an_unexpected_error_ends_the_session_and_shows_no_secret() -> None:
    session = session_after(Scripted(LookupError("what it held")))

    assert session.refusal is not None
    assert session.refusal.reason.startswith(
        "TEST ended by an unexpected LookupError in step, line"
    )
    assert "what it held" not in str(session.refusal)


def test_a_quick_step_is_taken_at_once() -> None:
    mechanism = Scripted(b"a")

    Authenticator(mechanism, "host").answer(Challenge(b""), lambda: False)

    assert mechanism.threads == [threading.current_thread()]


def test_a_slow_step_gets_a_thread() -> None:
    mechanism = Slow(None)

    session = session_after(mechanism)

    assert session.phase is Phase.OPEN
    assert mechanism.threads != [threading.current_thread()]


def test_a_step_that_takes_too_long_is_left_alone() -> None:
    mechanism = Slow(None)
    mechanism.may_go.clear()
    session = authenticating().session
    challenge = session.authentication.challenge
    assert challenge is not None
    looks = iter([True, True, False])

    tell = Authenticator(mechanism, "host").answer(challenge, lambda: next(looks))
    tell(session.authentication)
    left = session.phase
    mechanism.may_go.set()
    wait_until(lambda: not mechanism.threads[0].is_alive(), 2.0)

    assert left is Phase.AUTHENTICATING
    assert session.phase is Phase.AUTHENTICATING


# In a client


def test_a_step_that_takes_long_holds_up_neither_time_outs_nor_the_stop(embedded: Server) -> None:
    mechanism = Slow(None)
    mechanism.may_go.clear()
    client = Client(embedded.address, sasl=mechanism, operation_timeout=A_MOMENT)
    began = time.monotonic()
    client.start_async()
    wait_until(lambda: mechanism.threads, SOON)

    with pytest.raises(OperationTimeoutError):
        client.get("/")
    client.stop()
    took = time.monotonic() - began
    mechanism.may_go.set()
    wait_until(lambda: not mechanism.threads[0].is_alive(), SOON)

    assert took < stretched(1.0)
    assert client.client_state is KeeperState.CLOSED


def test_a_step_that_takes_too_long_is_a_failed_attempt_and_the_next_goes_on(
    embedded: Server,
) -> None:
    mechanism = Slow(None, None)
    mechanism.may_go.clear()
    client = Client(embedded.address, sasl=mechanism, connect_timeout=0.3)
    client.start_async()
    wait_until(lambda: len(mechanism.threads) == 2, SOON)

    mechanism.may_go.set()
    wait_until(lambda: client.connected, SOON)
    client.stop()

    assert mechanism.hosts[:2] == ["127.0.0.1", "127.0.0.1"]
