"""Four-letter words: what a server says about itself on a connection of its own; nothing else here depends on them."""

import re
from collections.abc import Sequence

from zc.zk.drivers.deadline import Deadline
from zc.zk.drivers.dialling import Reached, dial, reason_of
from zc.zk.drivers.tls import Security
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    FailedConnect,
    ResponseTooLargeError,
    VersionUnknownError,
)
from zc.zk.protocol.ensemble import Endpoint

LONGEST_ANSWER = 16 * 1024 * 1024
_WORD = re.compile(rb"[a-z]{4}.{0,8}", re.DOTALL)  # `stmk` has a mask of eight bytes behind it
_VERSION = re.compile(r"^zookeeper[ .]version[:=] *(\d+(?:\.\d+)+)", re.IGNORECASE | re.MULTILINE)
_REFUSAL = "is not executed because"
WORDS_WITH_VERSION = (b"srvr", b"stat", b"envi")  # the first is allowed by default


def checked(word: object) -> bytes:
    """Return a word that may be sent; what is no word would be taken for the length of a request."""
    if not isinstance(word, bytes):
        msg = f"a four-letter word must be bytes, not {type(word).__name__}"
        raise ArgumentTypeError(msg)
    if not _WORD.fullmatch(word):
        raise ArgumentError(f"not a four-letter word: {word!r}")
    return word


def ask(servers: Sequence[Endpoint], word: bytes, security: Security | None, seconds: float) -> str:
    """Return the whole answer of the first of the servers that gives one.

    A word that the server does not allow is answered by a line that says so. Raises `FailedConnect` where none answers
    within so many seconds, `ResponseTooLargeError` beyond 16 MiB.
    """
    checked(word)
    deadline = Deadline(seconds)
    left = list(servers)
    while left and deadline.go_on():
        reached = dial(left, max(deadline.left, 0.0), security, deadline)
        if reached is None:
            left = [server for server in left if server not in deadline.failures]
            continue
        try:
            # Who is silent leaves time for the others.
            return _exchange(reached, word, Deadline(deadline.left / len(left)))
        except OSError as error:
            deadline.failures[reached.server] = reason_of(error)
            left.remove(reached.server)
    attempts = [(str(server), reason) for server, reason in deadline.failures.items()]
    raise FailedConnect(attempts, seconds)


def _exchange(reached: Reached, word: bytes, deadline: Deadline) -> str:
    wire = reached.wire()
    try:
        wire.send(word)  # so short that the kernel takes it
        answer = bytearray()
        while True:
            if not deadline.go_on():
                raise TimeoutError("no answer in time")
            try:
                data = wire.receive(deadline.left)
            except TimeoutError:
                continue
            if not data:
                break
            answer += data
            if len(answer) > LONGEST_ANSWER:
                raise ResponseTooLargeError(f"an answer of more than {LONGEST_ANSWER} bytes")
        if not answer:
            raise ConnectionAbortedError("the server hung up without an answer")
        return answer.decode(errors="replace")
    finally:
        wire.hang_up()
        wire.close()


def server_version(
    servers: Sequence[Endpoint], security: Security | None, seconds: float, retries: int
) -> tuple[int, ...]:
    """Return a server's version, such as (3, 8, 0).

    Raises `VersionUnknownError` where the servers allow no word that tells it, or do not serve.
    """
    answers: list[str] = []
    for _ in range(max(retries, 0) + 1):
        answers.clear()
        for word in WORDS_WITH_VERSION:
            answers.append(ask(servers, word, security, seconds))
            found = _VERSION.search(answers[-1])
            if found:
                return tuple(map(int, found[1].split(".")))
        if all(_REFUSAL in answer for answer in answers):
            break
    raise VersionUnknownError(answers[0])
