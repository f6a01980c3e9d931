"""Whether a server takes writes."""

import time

import pytest

from tests import wire
from tests.ports import LOOPBACK, free_port
from tests.realserver import RealServer
from tests.scripted import ScriptedServer, saying
from tests.servers import AnyServer
from tests.waiting import stretched
from zc.zk.drivers.probing import takes_writes
from zc.zk.protocol.ensemble import Endpoint

SOON = 20.0
FAR_AHEAD = 2**63 - 1


def asks(port: int, last_zxid: int = 0, seconds: float = SOON) -> bool:
    return takes_writes(Endpoint(LOOPBACK, port), None, last_zxid, seconds)


def test_a_server_that_serves_takes_writes(server: AnyServer) -> None:
    assert asks(server.port)


def test_a_server_that_is_behind_us_does_not_count(server: AnyServer) -> None:
    assert not asks(server.port, FAR_AHEAD)


def test_nobody_takes_no_writes() -> None:
    assert not asks(free_port())


def sessions(server: RealServer) -> int:
    return int(
        server.words(b"dump").partition("Session Sets (")[2].partition(")/(")[2].partition(")")[0]
    )


def test_the_session_is_ended(own_real_server: RealServer) -> None:
    before = sessions(own_real_server)

    assert asks(own_real_server.port)
    assert sessions(own_real_server) == before


@pytest.mark.slow
def test_a_paused_server_is_given_up_in_time(own_real_server: RealServer) -> None:
    own_real_server.pause()
    began = time.monotonic()

    assert not asks(own_real_server.port, seconds=0.3)
    assert time.monotonic() - began < stretched(1)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        wire.session_refused(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        wire.frame(b"too short"),
        wire.connect_response(5, read_only=True),
    ],
)
def test_another_answer_is_a_no(response: bytes) -> None:
    with ScriptedServer(saying(response)) as server:
        assert not asks(server.port)
