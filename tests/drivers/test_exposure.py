import logging
import socket
from typing import Any, cast

import pytest

from zc.zk.drivers.exposure import Exposure, is_loopback
from zc.zk.protocol.repetition import Line


class Peer:
    """A connection as far as its other end goes."""

    def __init__(self, *address: Any) -> None:
        self._address = address

    def getpeername(self) -> tuple[Any, ...]:
        if not self._address:
            raise OSError("not connected any more")
        return self._address


def to(*address: Any) -> socket.socket:
    return cast("socket.socket", Peer(*address))


@pytest.fixture
def lines() -> list[Line]:
    """What was said."""
    return []


@pytest.fixture
def exposure(lines: list[Line]) -> Exposure:
    return Exposure(lines.append)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("127.0.0.1", 1), True),
        (("127.9.9.9", 1), True),
        (("::1", 1, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), True),
        (("10.0.0.1", 1), False),
        (("192.0.2.7", 1), False),
        (("2001:db8::7", 1, 0, 0), False),
        (("fe80::1%eth0", 1, 0, 2), False),
        (("::ffff:10.0.0.1", 1, 0, 0), False),
        ((), True),
    ],
)
def test_loopback_is_told_by_the_address_of_the_other_end(
    address: tuple[Any, ...], expected: bool
) -> None:
    assert is_loopback(to(*address)) is expected


def test_a_password_in_clear_is_warned_about_once(exposure: Exposure, lines: list[Line]) -> None:
    for _ in range(3):
        exposure.connected(to("192.0.2.7", 2181))
        exposure.warn(["digest", "digest"])

    assert [(line.level, line.text) for line in lines] == [
        (
            logging.WARNING,
            "the digest credential goes in clear to 192.0.2.7:2181: use TLS, or SASL",
        )
    ]
    assert not exposure.is_possible


def test_a_server_is_named_as_addresses_are_written(exposure: Exposure, lines: list[Line]) -> None:
    exposure.connected(to("2001:db8::7", 2181, 0, 0))

    exposure.warn(["digest"])

    assert "to [2001:db8::7]:2181:" in lines[0].text


@pytest.mark.parametrize("schemes", [[], ["ip"], ["x509"]])
def test_without_a_password_there_is_nothing_to_warn_about(
    exposure: Exposure, schemes: list[str], lines: list[Line]
) -> None:
    exposure.connected(to("192.0.2.7", 2181))

    exposure.warn(schemes)

    assert lines == []
    assert exposure.is_possible  # an identity may still be added


def test_on_loopback_or_encrypted_there_is_nothing_to_warn_about(
    exposure: Exposure, lines: list[Line]
) -> None:
    exposure.connected(to("127.0.0.1", 2181))
    on_loopback = exposure.is_possible
    exposure.connected(to("192.0.2.7", 2181), is_encrypted=True)
    encrypted = exposure.is_possible
    exposure.warn(["digest"])

    assert (on_loopback, encrypted) == (False, False)
    assert lines == []
