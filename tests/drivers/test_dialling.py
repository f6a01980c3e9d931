"""Reaching a server, on loopback."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.ports import LOOPBACK, free_port, port_of_nobody
from tests.waiting import stretched
from zc.zk.drivers.dialling import Reached, dial, is_writable, reason_of
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.race import STAGGER

SOON = 20.0


class Patient:
    """A judge who goes on for so many looks, and remembers what he is told."""

    def __init__(self, looks: int = 10_000, pause: float = 0.0) -> None:
        self.looks = looks
        self.pause = pause
        self.tried: list[Endpoint] = []
        self.reports: list[tuple[Endpoint, str]] = []
        self.attempts = 0

    def go_on(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def trying(self, server: Endpoint) -> None:
        self.tried.append(server)

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        self.reports.append((server, reason))
        self.attempts += attempts
        return self.pause


@pytest.fixture
def judge() -> Patient:
    return Patient()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.settimeout(stretched(SOON))
        yield listener


@pytest.fixture
def dead() -> Iterator[Endpoint]:
    """A server that does not answer: its backlog is full."""
    with port_of_nobody() as port:
        yield Endpoint(LOOPBACK, port)


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def resolve_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def reach(servers: Sequence[Endpoint], judge: Patient, timeout: float = SOON) -> Endpoint | None:
    """Dial and hang up; give who was reached."""
    reached = dial(servers, timeout, None, judge)
    if reached is None:
        return None
    reached.connection.close()
    return reached.server


@pytest.mark.parametrize("host", [LOOPBACK, "::ffff:127.0.0.1", "localhost"])
def test_an_address_and_a_name_are_connected_to(
    listener: socket.socket, host: str, judge: Patient
) -> None:
    server = Endpoint(host, port_of(listener))

    reached = dial([server], SOON, None, judge)

    assert isinstance(reached, Reached)
    accepted, address = listener.accept()
    accepted.close()
    wire = reached.wire()
    writer = wire.writer
    assert reached.server == server
    assert address[1] == writer.getsockname()[1]
    assert writer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    wire.close()


def test_a_refused_connection_is_reported(judge: Patient) -> None:
    nobody = Endpoint(LOOPBACK, free_port())

    assert reach([nobody], judge) is None
    assert judge.tried == [nobody]
    assert judge.reports == [(nobody, "connection refused")]


def test_each_address_of_a_name_is_tried(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", LOOPBACK)
    server = Endpoint("name.test", port_of(listener))

    assert reach([server], judge) == server


def test_each_address_of_a_name_is_reported(
    monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", LOOPBACK)
    server = Endpoint("name.test", free_port())

    assert reach([server], judge) is None
    assert judge.reports == [
        (server, "connection refused at 127.0.0.2, connection refused at 127.0.0.1")
    ]
    assert judge.attempts == 2


def test_a_name_is_resolved_each_time(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    server = Endpoint("name.test", port_of(listener))
    resolve_to(monkeypatch, "127.0.0.2")
    assert reach([server], judge) is None

    resolve_to(monkeypatch, LOOPBACK)

    assert reach([server], judge) == server


def test_a_name_may_have_an_address_of_this_link_only(
    monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    link_local = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 2181, 0, 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [link_local])
    connected: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connected.append(address))

    reach([Endpoint("name.test", 2181)], Patient(5), 0.1)

    assert connected == [("fe80::1%1", 2181)]


def test_after_giving_up_no_other_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, *[f"127.0.1.{n}" for n in range(200)])
    judge = Patient(3)

    assert reach([Endpoint("name.test", free_port())], judge) is None
    assert judge.reports == []


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), OSError("x")])
def test_a_name_that_is_not_known_is_reported(
    monkeypatch: pytest.MonkeyPatch, error: OSError, judge: Patient
) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert reach([Endpoint("name.test", 2181)], judge) is None
    assert [reason for _, reason in judge.reports] == [reason_of(error)]


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "\udc80"])
def test_a_name_that_cannot_be_is_reported(host: str, judge: Patient) -> None:
    assert reach([Endpoint(host, 2181)], judge) is None
    assert [server.host for server, _ in judge.reports] == [host]


@pytest.mark.slow
def test_a_resolver_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    answered = threading.Event()
    judge = Patient()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        answered.wait(stretched(SOON))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    silent, other = Endpoint("name.test", 2181), Endpoint(LOOPBACK, port_of(listener))

    assert reach([silent], Patient(2)) is None
    assert reach([silent], judge, 0.1) is None
    assert reach([silent, other], judge) == other
    assert judge.reports == [(silent, "the name name.test was not resolved within 0.1 s")]
    answered.set()


@pytest.mark.slow
def test_a_peer_that_does_not_answer_has_its_time(dead: Endpoint, judge: Patient) -> None:
    began = time.monotonic()

    assert reach([dead], judge, 0.3) is None
    assert 0.3 <= time.monotonic() - began < stretched(1)
    assert judge.reports == [(dead, "no answer within 0.3 s")]


@pytest.mark.slow
def test_a_peer_that_does_not_answer_is_given_up_when_the_judge_says_so(dead: Endpoint) -> None:
    judge = Patient(2)

    assert reach([dead], judge) is None
    assert judge.reports == []


@pytest.mark.slow
def test_a_dead_server_holds_up_the_next_for_a_moment_only(
    dead: Endpoint, listener: socket.socket, judge: Patient
) -> None:
    other = Endpoint(LOOPBACK, port_of(listener))
    began = time.monotonic()

    assert reach([dead, other], judge) == other
    assert STAGGER <= time.monotonic() - began < stretched(STAGGER + 0.25)
    assert judge.tried == [dead, other]


@pytest.mark.slow
def test_a_dead_address_holds_up_the_next_for_a_moment_only(
    dead: Endpoint, monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    resolve_to(monkeypatch, LOOPBACK, "127.0.0.2")
    server = Endpoint("name.test", dead.port)
    began = time.monotonic()

    with socket.create_server(("127.0.0.2", dead.port)):
        reached = reach([server], judge)

    assert reached == server
    assert time.monotonic() - began < stretched(STAGGER + 0.25)


@pytest.mark.slow
def test_a_server_that_comes_while_another_is_silent_is_found(
    dead: Endpoint, judge: Patient
) -> None:
    late = Endpoint(LOOPBACK, free_port())
    judge.pause = 0.05

    def appear() -> None:
        with socket.create_server((LOOPBACK, late.port)) as listener:
            listener.settimeout(stretched(SOON))
            listener.accept()[0].close()

    timer = threading.Timer(0.6, appear)
    timer.start()

    reached = reach([dead, late], judge)

    assert reached == late
    timer.join()


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


def test_where_there_is_no_poll_select_does(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, judge: Patient
) -> None:
    monkeypatch.delattr("select.poll")
    nobody, server = Endpoint("localhost", free_port()), Endpoint(LOOPBACK, port_of(listener))

    assert reach([nobody], judge) is None
    assert reach([server], judge) == server


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (ConnectionAbortedError("no TLS here"), "no TLS here"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_reason_is_one_lower_case_line(error: OSError, reason: str) -> None:
    assert reason_of(error) == reason
