"""Servers that do not answer, beside one that does."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.ports import LOOPBACK, free_port, port_of_nobody
from tests.realserver import RealServer
from tests.waiting import stretched
from zc.zk import Client, FailedConnect
from zc.zk.protocol.race import STAGGER
from zc.zk.testing import Server

pytestmark = pytest.mark.slow

CONNECT_TIMEOUT = 0.4


@pytest.fixture
def embedded() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def dead() -> Iterator[str]:
    """The address of a host that takes no connection: its backlog is full."""
    with port_of_nobody() as port:
        yield f"{LOOPBACK}:{port}"


def test_a_dead_host_holds_up_the_session_for_a_moment_only(embedded: Server, dead: str) -> None:
    for _ in range(4):  # the order is shuffled
        began = time.monotonic()

        with Client(f"{dead},{embedded.address}", connect_timeout=20.0):
            assert time.monotonic() - began < stretched(STAGGER + 0.25)


def test_a_dead_host_costs_no_session_when_another_server_goes(embedded: Server, dead: str) -> None:
    with Client(f"{dead},{embedded.address}", 2.0, connect_timeout=20.0) as client:
        before = client.client_id

        embedded.restart()

        assert client.exists("/") is not None
        assert client.client_id == before


def test_a_paused_server_costs_its_own_time_out_and_the_next_is_another(
    own_real_server: RealServer, embedded: Server
) -> None:
    own_real_server.pause()
    for _ in range(3):
        began = time.monotonic()

        with Client(
            f"{own_real_server.address},{embedded.address}", connect_timeout=CONNECT_TIMEOUT
        ):
            # The first pause of an outage is 0.3 s at most.
            assert time.monotonic() - began < stretched(CONNECT_TIMEOUT + 0.3 + 0.2)


def test_a_failure_names_each_server_that_was_tried(dead: str) -> None:
    nobody = f"{LOOPBACK}:{free_port()}"
    client = Client(f"{dead},{nobody}", connect_timeout=20.0)

    with pytest.raises(FailedConnect) as failed:
        client.start(timeout=1.0)

    assert dict(failed.value.attempts) == {
        dead: "no answer so far",
        nobody: "connection refused",
    }


def test_a_failure_names_each_address_of_a_name() -> None:
    port = free_port()
    families = {family for family, *_ in socket.getaddrinfo("localhost", port)}
    client = Client(f"localhost:{port}")

    with pytest.raises(FailedConnect, match="connection refused") as failed:
        client.start(timeout=0.5)

    ((_, reason),) = failed.value.attempts
    assert reason.count("connection refused") == len(families)
