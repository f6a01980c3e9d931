"""Four-letter words, to servers and to peers that are none."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.ports import LOOPBACK, free_port
from tests.scripted import Peer, ScriptedServer
from tests.servers import AnyServer
from tests.waiting import stretched
from zc.zk import (
    ArgumentError,
    ArgumentTypeError,
    Client,
    FailedConnect,
    ResponseTooLargeError,
    VersionUnknownError,
)
from zc.zk.drivers import words
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.testing import Server

SOON = 20.0
REFUSED = "srvr is not executed because it is not in the whitelist.\n"


def endpoint(port: int) -> Endpoint:
    return Endpoint(LOOPBACK, port)


def ask(port: int, word: bytes = b"srvr", seconds: float = SOON) -> str:
    return words.ask([endpoint(port)], word, None, seconds)


@contextlib.contextmanager
def saying(*pieces: bytes) -> Iterator[int]:
    """Run a peer that says something and hangs up; give its port."""

    def speak(peer: Peer) -> None:
        peer.receive_word()
        peer.send(*pieces)
        peer.end()

    with ScriptedServer(speak) as server:
        yield server.port


def test_a_server_answers(server: AnyServer) -> None:
    assert ask(server.port, b"ruok") == "imok"
    assert "Zookeeper version: " in ask(server.port)


def test_a_long_answer_arrives_whole() -> None:
    with saying(*[b"x" * 100_000] * 20) as port:
        assert len(ask(port)) == 2_000_000


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "LONGEST_ANSWER", 1000)

    with saying(b"x" * 1001) as port, pytest.raises(ResponseTooLargeError, match="than 1000 bytes"):
        ask(port)


def test_what_is_no_text_is_shown_as_far_as_it_is() -> None:
    with saying(b"a\xffb") as port:
        assert ask(port) == "a\N{REPLACEMENT CHARACTER}b"


def test_a_word_that_is_not_allowed_is_answered_in_the_servers_words(embedded: Server) -> None:
    assert ask(embedded.port, b"wchp") == REFUSED.replace("srvr", "wchp")


@pytest.mark.parametrize("word", ["ruok", None, 5])
def test_a_word_that_is_no_bytes_is_refused(word: bytes) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a four-letter word must be bytes, not"):
        ask(free_port(), word)


@pytest.mark.parametrize("word", [b"", b"ruo", b"RUOK", b"\0\0\0\x2d", b"stmk" + bytes(9)])
def test_what_is_no_word_is_refused(word: bytes) -> None:
    with pytest.raises(ArgumentError, match=r"^not a four-letter word: b"):
        ask(free_port(), word)


def test_a_server_that_hangs_up_without_a_word_is_named() -> None:
    with (
        saying() as port,
        pytest.raises(FailedConnect, match=f"{port}: the server hung up without"),
    ):
        ask(port)


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    began = time.monotonic()

    with (
        ScriptedServer(lambda peer: peer.stay_silent()) as silent,
        pytest.raises(FailedConnect, match="no answer in time"),
    ):
        ask(silent.port, seconds=0.2)

    assert time.monotonic() - began < stretched(1)


@pytest.mark.slow
def test_the_first_server_that_answers_is_asked(server: AnyServer) -> None:
    with ScriptedServer(lambda peer: peer.stay_silent()) as silent:
        servers = [endpoint(free_port()), endpoint(silent.port), endpoint(server.port)]

        assert words.ask(servers, b"ruok", None, 3.0) == "imok"


# --- versions


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (
            b"Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on\n",
            (3, 8, 0),
        ),
        (b"Environment:\nzookeeper.version=3.4.14-4c25d48, built on\nhost.name=x\n", (3, 4, 14)),
        (b"ClickHouse Keeper version: v23\nZookeeper version: 3.6\n", (3, 6)),
    ],
)
def test_a_version_is_read(answer: bytes, version: tuple[int, ...]) -> None:
    with saying(answer) as port:
        assert words.server_version([endpoint(port)], None, SOON, 0) == version


def answering(said: dict[bytes, bytes], heard: list[bytes]) -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        word = peer.receive_word()
        heard.append(word)
        peer.send(said.get(word, REFUSED.encode()))
        peer.end()

    return answer


def test_another_word_tells_the_version_where_the_first_is_not_allowed() -> None:
    heard: list[bytes] = []
    with ScriptedServer(answering({b"envi": b"zookeeper.version=3.4.6-1\n"}, heard)) as server:
        version = words.server_version([endpoint(server.port)], None, SOON, 3)

    assert version == (3, 4, 6)
    assert heard == [b"srvr", b"stat", b"envi"]


def test_a_server_that_allows_none_is_asked_once_and_told() -> None:
    heard: list[bytes] = []
    with (
        ScriptedServer(answering({}, heard)) as server,
        pytest.raises(VersionUnknownError, match="not in the whitelist"),
    ):
        words.server_version([endpoint(server.port)], None, SOON, 3)

    assert heard == [b"srvr", b"stat", b"envi"]


def test_a_server_that_does_not_serve_yet_is_asked_again() -> None:
    heard: list[bytes] = []
    not_yet = dict.fromkeys(
        words.WORDS_WITH_VERSION, b"This ZooKeeper instance is not currently serving requests\n"
    )
    with (
        ScriptedServer(answering(not_yet, heard)) as server,
        pytest.raises(VersionUnknownError, match="not currently serving"),
    ):
        words.server_version([endpoint(server.port)], None, SOON, 2)

    assert len(heard) == 9


# --- the client's


def test_a_client_asks_the_server_that_it_is_connected_to(server: AnyServer) -> None:
    nobody = f"{LOOPBACK}:{free_port()}"
    with Client(f"{nobody},{server.address}") as client:
        assert client.command() == "imok"
        assert client.server_version() >= (3, 4)


def test_a_client_without_a_session_asks_the_first_that_answers(server: AnyServer) -> None:
    client = Client(f"{LOOPBACK}:{free_port()},{server.address}")

    assert client.command(b"ruok") == "imok"
    client.stop()
