"""The loop of sockets, on loopback."""

import contextlib
import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.server.wireclient import (
    ClosedError,
    WireClient,
    connect_frame,
    raw_request,
    request_frame,
)
from tests.waiting import wait_until
from zc.zk import operations as ops
from zc.zk.server import net
from zc.zk.server.core import Core
from zc.zk.server.net import Network, listen
from zc.zk.server.settings import Settings
from zc.zk.server.wire import RECEIVE_BYTES

SMALL = Settings(
    first_zxid=0,
    tick_time=0.05,
    unconnected_timeout=0.1,
    most_connections=5,
    unsent_bytes_to_pause=100_000,
    unsent_bytes_to_drop=20_000_000,
)


class Running:
    """A network whose loop runs in a thread."""

    def __init__(
        self,
        before_sending: Callable[[], bool | None] | None = None,
        settings: Settings = SMALL,
    ) -> None:
        self.core = Core(settings, time.monotonic(), 0.0, bytes)
        self.listener = listen("127.0.0.1", 0)
        self.port: int = self.listener.getsockname()[1]
        self.network = Network(self.core, self.listener, before_sending)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.network.run()
        except OSError as error:
            self.error = error

    def stop(self) -> None:
        self.network.stop()
        self.thread.join(10)
        self.network.close()


@contextlib.contextmanager
def running(
    before_sending: Callable[[], bool | None] | None = None, settings: Settings = SMALL
) -> Iterator[Running]:
    it = Running(before_sending, settings)
    try:
        yield it
    finally:
        it.stop()


def test_a_client_is_served() -> None:
    with running() as it, WireClient(it.port) as client:
        assert client.call(ops.Create("/n")).error == 0
        assert client.call(ops.GetData("/n")).error == 0


def test_what_has_more_to_do_before_sending_is_called_again_at_once() -> None:
    calls, is_done = [0], threading.Event()

    def work() -> bool:
        calls[0] += 1
        if calls[0] > 50:
            is_done.set()
        return calls[0] <= 50

    with running(work) as it, WireClient(it.port):
        assert is_done.wait(10)


def test_bytes_sent_one_at_a_time_are_understood() -> None:
    with running() as it, WireClient(it.port) as client:
        for byte in request_frame(1, ops.Create("/n")):
            client.socket.sendall(bytes([byte]))

        assert client.read_reply().error == 0


def test_many_requests_in_one_write_are_all_answered_in_order() -> None:
    with running() as it, WireClient(it.port) as client:
        frames = b"".join(request_frame(xid, ops.Exists("/")) for xid in range(2000))
        client.socket.sendall(frames)

        assert [client.read_reply().xid for _ in range(2000)] == list(range(2000))


def test_an_event_goes_out_without_being_asked_for() -> None:
    with running() as it, WireClient(it.port) as watcher, WireClient(it.port) as writer:
        watcher.call(ops.Exists("/n", ops.Watch()))

        writer.call(ops.Create("/n"))

        assert len(watcher.read_frame()) == 16 + 8 + 4 + 2


def test_an_unknown_operation_is_answered_before_the_connection_ends() -> None:
    with running() as it, WireClient(it.port) as client:
        assert client.send(raw_request(1, 99) + raw_request(2, 99) * 100).error == -6
        assert client.is_hung_up()


def test_rubbish_ends_its_own_connection_only() -> None:
    with running() as it, WireClient(it.port) as client:
        with socket.create_connection(("127.0.0.1", it.port), 10) as rubbish:
            rubbish.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert rubbish.recv(100) == b""

        assert client.call(ops.Ping()).error == 0


def test_who_never_asks_for_a_session_is_hung_up_on() -> None:
    with running() as it, socket.create_connection(("127.0.0.1", it.port), 10) as silent:
        assert silent.recv(100) == b""


def test_a_silent_session_is_hung_up_on_without_a_word() -> None:
    with running() as it, WireClient(it.port, connect_frame(timeout=100)) as client:
        assert client.socket.recv(100) == b""


def test_one_connection_too_many_is_hung_up_on() -> None:
    with running() as it:
        clients = [WireClient(it.port) for _ in range(5)]
        try:
            with pytest.raises(ClosedError):
                WireClient(it.port)
        finally:
            for client in clients:
                client.socket.close()
        wait_until(lambda: not it.core.links, 5)
        WireClient(it.port).socket.close()


def test_a_slow_reader_gets_everything_and_is_not_read_from_meanwhile() -> None:
    with running() as it, WireClient(it.port) as slow, WireClient(it.port) as other:
        other.call(ops.Create("/big", bytes(100_000)))
        link = next(iter(it.core.links))
        requests = b"".join(request_frame(xid, ops.GetData("/big")) for xid in range(200))

        slow.socket.sendall(requests)
        wait_until(lambda: other.call(ops.Ping()).error == 0, 5)
        assert link.unsent_bytes < 1_000_000
        replies = [slow.read_reply() for _ in range(200)]

        assert [reply.xid for reply in replies] == list(range(200))
        assert all(len(reply.body) == 100_072 for reply in replies)


def test_a_greedy_reader_has_no_more_read_than_it_can_be_answered() -> None:
    count, most = 30_000, [0]
    settings = replace(SMALL, unsent_bytes_to_pause=1000)
    with running(settings=settings) as it, WireClient(it.port) as greedy:
        greedy.call(ops.Create("/n", bytes(2000)))
        (link,) = it.core.links

        def look() -> None:
            most[0] = max(most[0], link.unread_bytes)

        requests = b"".join(request_frame(xid, ops.GetData("/n")) for xid in range(count))
        sending = threading.Thread(target=greedy.socket.sendall, args=(requests,))
        sending.start()
        for xid in range(count):
            assert greedy.read_reply().xid == xid
            if xid % 100 == 0:
                it.network.call(look)
        sending.join(10)

    assert 0 < most[0] <= 2 * RECEIVE_BYTES


def test_who_does_not_read_at_all_does_not_keep_the_server_from_others() -> None:
    with running() as it, WireClient(it.port) as deaf, WireClient(it.port) as other:
        other.call(ops.Create("/big", bytes(1_000_000)))
        for xid in range(50):
            deaf.socket.sendall(request_frame(xid, ops.GetData("/big")))

        assert all(other.call(ops.GetData("/")).error == 0 for _ in range(100))


def test_who_is_hung_up_on_but_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "_SECONDS_TO_LINGER", 0.1)
    with running() as it, WireClient(it.port) as deaf:
        deaf.call(ops.Create("/big", bytes(1_000_000)))
        gets = b"".join(request_frame(xid, ops.GetData("/big")) for xid in range(50))
        deaf.socket.sendall(gets)
        session_id = deaf.response.session_id
        it.network.call(lambda: it.core.expire(session_id, 0.0)).result(10)

        wait_until(lambda: not it.core.links, 5)


def test_a_client_that_goes_takes_its_link_along() -> None:
    with running() as it:
        with WireClient(it.port):
            assert len(it.core.links) == 1

        wait_until(lambda: not it.core.links, 5)


def test_a_reset_by_the_client_takes_its_link_along() -> None:
    with running() as it:
        client = WireClient(it.port)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()

        wait_until(lambda: not it.core.links, 5)


def test_nothing_is_told_before_it_is_safe() -> None:
    order: list[str] = []
    with running(lambda: order.append("safe")) as it, WireClient(it.port) as client:
        order.clear()
        client.call(ops.Create("/n"))
        order.append("told")

    assert order[:2] == ["safe", "told"]


def test_what_cannot_be_made_safe_is_told_to_nobody() -> None:
    broken = False

    def write() -> None:
        if broken:
            raise OSError(errno.ENOSPC, "no space left")

    with running(write) as it, WireClient(it.port) as client:
        broken = True
        with pytest.raises(ClosedError):
            client.call(ops.Create("/n"))
        it.thread.join(10)
        assert isinstance(it.error, OSError)


def test_a_bug_costs_the_connection_that_met_it_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running() as it, WireClient(it.port) as other, WireClient(it.port) as client:
        link = list(it.core.links)[1]

        def fail(data: bytes, now: float) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(link, "receive", fail)
        with pytest.raises(ClosedError):
            client.call(ops.Ping())
        assert other.call(ops.Ping()).error == 0

    assert "could not be carried out" in caplog.text


def test_calls_are_made_by_the_thread_of_the_loop() -> None:
    with running() as it:
        assert it.network.call(threading.current_thread).result(10) is it.thread


def test_what_a_call_raises_comes_back() -> None:
    with running() as it, pytest.raises(ZeroDivisionError):
        it.network.call(lambda: 1 // 0).result(10)


def test_calls_that_were_not_made_are_cancelled() -> None:
    it = Running()
    it.network.stop()
    it.thread.join(10)

    future = it.network.call(lambda: None)
    it.network.close()

    assert future.cancelled()


def test_many_calls_do_not_block_the_caller() -> None:
    it = Running()
    it.network.stop()
    it.thread.join(10)
    try:
        for _ in range(100_000):
            it.network.stop()
    finally:
        it.network.close()


def test_without_descriptors_the_server_waits_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running() as it:
        listener, failures = it.listener, [OSError(errno.EMFILE, "too many open files")]

        class Failing:
            def __init__(self) -> None:
                self.fileno = listener.fileno

            def accept(self) -> tuple[socket.socket, object]:
                if failures:
                    raise failures.pop()
                return listener.accept()

            def close(self) -> None:
                listener.close()

        it.network.call(lambda: setattr(it.network, "_listener", Failing())).result(10)
        with WireClient(it.port) as client:
            assert client.call(ops.Ping()).error == 0

    assert "cannot accept" in caplog.text


def test_the_time_that_answers_take_is_measured() -> None:
    with running() as it, WireClient(it.port) as client:
        for _ in range(3):
            client.call(ops.Ping())

        latency = it.core.latency
        wait_until(lambda: latency.count == 4, 5)
        assert 0 < latency.average < 5000
        assert latency.longest >= latency.shortest


# Listening


def test_port_0_is_any_that_is_free() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])


EVERYWHERE = "0.0.0.0"  # noqa: S104 (the point of the test)


@pytest.mark.parametrize(
    ("host", "warnings"), [("127.0.0.1", 0), ("localhost", 0), (EVERYWHERE, 1)]
)
def test_a_warning_is_given_when_others_can_reach_it(
    host: str, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "zc.zk.server"):
        listen(host, 0).close()

    assert len(caplog.records) == warnings


def test_an_ipv6_address_can_be_listened_on() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listener = listen("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert listener.family == socket.AF_INET6
