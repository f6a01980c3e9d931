"""Making a connection, on loopback."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ports import LOOPBACK, free_port
from tests.waiting import stretched
from zc.zk.drivers.dialling import dial, is_writable
from zc.zk.protocol.ensemble import Endpoint

SOON = 20.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(stretched(SOON))
        yield listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def times(count: int) -> Any:
    """Give a `go_on` that is true so many times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


def resolve_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("host", [LOOPBACK, "::ffff:127.0.0.1", "localhost"])
def test_an_address_and_a_name_are_connected_to(listener: socket.socket, host: str) -> None:
    with dial(Endpoint(host, port_of(listener)), lambda: True) as connection:
        accepted, address = listener.accept()
        accepted.close()

        assert address[1] == connection.getsockname()[1]
        assert not connection.getblocking()
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_refused_connection_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError, match="refused"):
        dial(Endpoint(LOOPBACK, free_port()), lambda: True)


def test_each_address_of_a_name_is_tried(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", LOOPBACK)

    with dial(Endpoint("name.test", port_of(listener)), lambda: True) as connection:
        assert connection.getpeername() == (LOOPBACK, port_of(listener))


def test_a_name_is_resolved_each_time(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint("name.test", port_of(listener))
    resolve_to(monkeypatch, "127.0.0.2")
    with pytest.raises(ConnectionRefusedError):
        dial(endpoint, lambda: True)

    resolve_to(monkeypatch, LOOPBACK)

    dial(endpoint, lambda: True).close()


def test_after_giving_up_no_other_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, *["127.0.0.2"] * 1000)
    asked: list[bool] = []

    def go_on() -> bool:
        asked.append(True)
        return len(asked) < 3

    with pytest.raises(ConnectionRefusedError):
        dial(Endpoint("name.test", free_port()), go_on)

    assert len(asked) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), OSError("x")])
def test_a_name_that_is_not_known_is_an_error(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(type(error)):
        dial(Endpoint("name.test", 2181), lambda: True)


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "\udc80"])
def test_a_name_that_cannot_be_is_an_error(host: str) -> None:
    with pytest.raises(OSError, match=r"\w"):
        dial(Endpoint(host, 2181), lambda: True)


@pytest.mark.slow
def test_a_resolver_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        answered.wait(stretched(SOON))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(TimeoutError, match=r"name\.test"):
        dial(Endpoint("name.test", 2181), times(2))

    answered.set()


@pytest.mark.slow
def test_a_peer_that_does_not_answer_is_not_waited_for() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())

        with pytest.raises(TimeoutError, match="no connection in time"):
            dial(Endpoint(LOOPBACK, full.getsockname()[1]), times(2))


def test_a_socket_is_writable_until_the_kernel_takes_no_more() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        assert is_writable(one, 0)

        one.send(bytes(16 * 1024 * 1024))

        assert not is_writable(one, 0.01)


def test_a_socket_whose_peer_has_gone_is_writable() -> None:
    one, other = socket.socketpair()
    with one:
        other.close()

        assert is_writable(one, stretched(SOON))
