import socket
from pathlib import Path

import pytest

from tests import ports
from tests.ports import LOOPBACK, free_port, port_of_nobody


def test_a_free_port_can_be_listened_on() -> None:
    socket.create_server((LOOPBACK, free_port())).close()


def test_a_free_port_is_never_given_to_an_outgoing_connection() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(10_000 <= free_port() < first for _ in range(50))


def test_a_port_that_was_given_is_not_given_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    given, other = free_port(), free_port()
    ports._given.remove(other)  # noqa: SLF001 (as if it were long ago)
    draws = iter([given, given, other])
    monkeypatch.setattr("random.randint", lambda *_: next(draws))

    assert free_port() == other


def test_nobody_takes_a_connection_or_refuses_it() -> None:
    with port_of_nobody() as port, pytest.raises(TimeoutError):
        socket.create_connection((LOOPBACK, port), 0.1)
