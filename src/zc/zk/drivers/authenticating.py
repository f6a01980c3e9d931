"""Takes the steps of a SASL mechanism where they hold nobody up."""

import secrets
import threading
import traceback
from collections.abc import Callable

from zc.zk.errors import AuthFailedError
from zc.zk.protocol.authentication import Authentication, Challenge
from zc.zk.protocol.sasl import Exchange, Mechanism

_SLICE = 0.1  # seconds between two looks at whether to go on
_NONCE_BYTES = 16
Tell = Callable[[Authentication], None]


class Authenticator:
    """One connection's exchange: `answer` gives what the session's authentication is then to be told."""

    def __init__(self, mechanism: Mechanism, host: str) -> None:
        self._mechanism = mechanism
        self._host = host
        self._exchange: Exchange | None = None

    def answer(self, challenge: Challenge, go_on: Callable[[], bool]) -> Tell:
        """Take a step; one that may block gets a thread, and when `go_on` turns false we go on without it."""
        if not self._mechanism.may_block:
            return self._take(challenge)
        told: list[Tell] = []
        thread = threading.Thread(
            target=lambda: told.append(self._take(challenge)),
            name=f"{self._mechanism.name} {self._host}",
            daemon=True,
        )
        thread.start()
        while thread.is_alive() and go_on():
            thread.join(_SLICE)
        return told[0] if told else _nothing

    def _take(self, challenge: Challenge) -> Tell:
        name = self._mechanism.name
        try:
            if self._exchange is None:
                self._exchange = self._mechanism.start(self._host, secrets.token_hex(_NONCE_BYTES))
            token = self._exchange.step(challenge.token)
        except AuthFailedError as error:
            reason = error.reason
            return lambda session: session.refuse(challenge, reason)
        except OSError as error:
            reason = f"{name}: {error.strerror or error}"
            return lambda session: session.give_up(challenge, reason)
        except Exception as error:  # noqa: BLE001 (a mechanism is anybody's code)
            # Its text may hold what the mechanism holds: only the place is told.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.name}, line {place.lineno}"
            reason = f"{name} ended by an unexpected {type(error).__name__} in {where}"
            return lambda session: session.refuse(challenge, reason)
        return lambda session: session.answer(challenge, token)


def _nothing(_: Authentication) -> None:
    return
