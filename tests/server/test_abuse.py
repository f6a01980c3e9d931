"""What no client of ours sends: answered as Apache does, or hung up on, while somebody else is served all the time."""

import contextlib
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leaks import LeakGuard
from tests.ports import LOOPBACK
from tests.realserver import RealServer
from tests.server.stories import CLASSPATHS
from tests.server.wireclient import (
    ClosedError,
    WireClient,
    connect_frame,
    framed,
    raw_request,
    request_frame,
)
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, ErrorCode, OpCode
from zc.zk.jute import INT, Reader
from zc.zk.security import ACL, Id
from zc.zk.server.settings import MEBIBYTE, Settings
from zc.zk.testing import Server

PATIENCE = 10.0
MOST = 0xFFFFF  # bytes of a frame
LARGE = 100_000
SERVER = (sys.executable, "-m", "zc.zk.cli.main", "server", "--port", "0")


class Other:
    """Somebody else, who asks again and again while a test lasts, and must always be answered."""

    def __init__(self, port: int) -> None:
        self._client = WireClient(port)
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.count = 0
        self.errors: list[object] = []
        self._thread.start()

    def _ask(self) -> None:
        try:
            while not self._has_ended.wait(0.002):
                reply = self._client.call(ops.GetData("/"))
                self.errors += [reply.error] * (reply.error != 0)
                self.count += 1
        except (ClosedError, TimeoutError) as error:
            self.errors.append(error)

    def is_served(self) -> bool:
        """Wait for some answers more; say whether they came, and all before were good."""
        before = self.count
        wait_until(lambda: self.count > before + 2 or self.errors, PATIENCE)
        return not self.errors

    def end(self) -> None:
        self._has_ended.set()
        self._thread.join()
        self._client.socket.close()


@contextlib.contextmanager
def another(port: int) -> Iterator[Other]:
    it = Other(port)
    try:
        yield it
        assert it.is_served()
    finally:
        it.end()


@pytest.fixture
def other(every_server: AnyServer) -> Iterator[Other]:
    with another(every_server.port) as it:
        yield it


def said_to(port: int, data: bytes) -> bytes:
    """Send bytes on a new connection, and give all that comes before the server hangs up."""
    answer = b""
    # By a reset too, even before we know that we are connected.
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection((LOOPBACK, port), stretched(PATIENCE)) as stranger,
    ):
        with contextlib.suppress(ConnectionError):
            stranger.sendall(data)
        while piece := stranger.recv(65_536):
            answer += piece
    return answer


# Garbage

TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506)
GARBAGE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "TLS": TLS_HELLO,
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "random": random.Random(7).randbytes(1000),
    "an unknown word": b"abcd",
    "a greeting of one byte": framed(b"\0"),
    "a greeting of rubbish": framed(bytes(24) + b"\x7f\xff\xff\xff" + bytes(17)),
    "a request before the greeting": request_frame(1, ops.Create("/abuse-too-early")),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_hung_up_on_without_a_word(
    name: str, every_server: AnyServer, other: Other
) -> None:
    assert said_to(every_server.port, GARBAGE[name]) == b""

    assert other.is_served()


@pytest.mark.parametrize("name", ["HTTP", "TLS", "ones", "random"])
def test_garbage_in_a_session_ends_its_connection_and_not_the_session(
    name: str, every_server: AnyServer, other: Other
) -> None:
    with WireClient(every_server.port) as client:
        client.socket.sendall(GARBAGE[name])
        assert client.is_hung_up()
        response = client.response

    again = connect_frame(response.session_id, response.password)
    with WireClient(every_server.port, again) as client:
        assert client.response.session_id == response.session_id


# Lengths


@pytest.mark.parametrize("length", [2**31 - 1, MOST + 1, -1, -(2**31)])
def test_a_length_that_cannot_be_is_hung_up_on(
    length: int, every_server: AnyServer, other: Other
) -> None:
    data = INT.pack(length) + bytes(1000)

    assert said_to(every_server.port, data) == b""
    with WireClient(every_server.port) as client:
        client.socket.sendall(data)
        assert client.is_hung_up()


def test_the_longest_frame_is_answered_and_one_byte_more_is_not(
    every_server: AnyServer, other: Other, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    path = fresh_chroot(every_server)
    head = len(request_frame(1, ops.SetData(path, b""))) - INT.size
    with WireClient(every_server.port) as client:
        assert client.call(ops.SetData(path, bytes(MOST - head))).error == 0
        client.socket.sendall(request_frame(2, ops.SetData(path, bytes(MOST - head + 1)))[:100])
        assert client.is_hung_up()
        assert other.is_served()


# Half frames


def test_half_a_frame_waits_for_its_other_half_and_holds_up_nobody(
    every_server: AnyServer, other: Other
) -> None:
    frame = request_frame(1, ops.GetData("/"))
    with WireClient(every_server.port) as client:
        client.socket.sendall(frame[:9])
        assert other.is_served()

        client.socket.sendall(frame[9:])

        assert client.read_reply().error == 0


def test_a_greeting_may_come_byte_by_byte(every_server: AnyServer, other: Other) -> None:
    with socket.create_connection((LOOPBACK, every_server.port), PATIENCE) as slow:
        for byte in connect_frame():
            slow.sendall(bytes([byte]))

        assert len(slow.recv(100)) == INT.size + 37


def test_half_a_frame_that_is_all_there_is_does_nothing(
    every_server: AnyServer, other: Other, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    path = fresh_chroot(every_server)
    with WireClient(every_server.port) as client:
        client.socket.sendall(request_frame(1, ops.Create(f"{path}/n"))[:-1])

    with WireClient(every_server.port) as client:
        assert client.call(ops.Exists(f"{path}/n")).error == ErrorCode.NO_NODE


def test_who_drips_bytes_loses_the_session_in_time(every_server: AnyServer, other: Other) -> None:
    with WireClient(every_server.port, connect_frame(timeout=400)) as client:
        assert client.response.timeout == 400
        client.socket.settimeout(0.05)

        def is_over() -> bool:
            try:
                client.socket.sendall(b"\0")
                return client.socket.recv(100) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        client.socket.sendall(b"\0\1\0")
        wait_until(is_over, PATIENCE)


# Slow readers


def test_a_slow_reader_holds_up_nobody_and_gets_all_in_order(
    every_server: AnyServer, other: Other, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    path, count = fresh_chroot(every_server), 200
    with WireClient(every_server.port) as slow:
        slow.call(ops.SetData(path, bytes(LARGE)))
        gets = b"".join(request_frame(xid, ops.GetData(path)) for xid in range(count))
        slow.socket.sendall(gets)
        assert other.is_served()

        replies = [slow.read_reply() for _ in range(count)]

    assert [reply.xid for reply in replies] == list(range(count))
    assert all(len(reply.body) > LARGE for reply in replies)


def test_who_goes_without_reading_is_missed_by_nobody(
    every_server: AnyServer, other: Other, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    path = fresh_chroot(every_server)
    for _ in range(5):
        with WireClient(every_server.port) as deaf:
            deaf.call(ops.SetData(path, bytes(LARGE)))
            for xid in range(100):
                deaf.socket.sendall(request_frame(xid, ops.GetData(path)))
        assert other.is_served()


# Operations


@pytest.mark.parametrize("opcode", [0, 10, 23, 99, 108, -1, 2**31 - 1, -(2**31)])
def test_an_unknown_operation_is_answered_and_then_hung_up_on(
    opcode: int, every_server: AnyServer, other: Other
) -> None:
    with WireClient(every_server.port) as client:
        assert client.send(raw_request(7, opcode, bytes(50)))[:3] == (7, -1, -6)
        assert client.is_hung_up()


def test_a_request_that_cannot_be_read_is_answered_and_the_connection_goes_on(
    every_server: AnyServer, other: Other
) -> None:
    with WireClient(every_server.port) as client:
        for opcode in (OpCode.CREATE, OpCode.DELETE, OpCode.SET_DATA, OpCode.GET_CHILDREN):
            body = b"\x7f\xff\xff\xff" + bytes(10)
            assert client.send(raw_request(7, opcode, body)).error == ErrorCode.MARSHALLING_ERROR
        assert client.call(ops.GetData("/")).error == 0


# Too many connections


@pytest.fixture(
    params=["embedded", *(pytest.param(each, marks=pytest.mark.real) for each in CLASSPATHS)]
)
def crowded(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[int]:
    """The port of a server of which each host can have 3 connections."""
    if request.param == "embedded":
        with Server(settings=Settings(most_connections_per_host=3)) as server:
            yield server.port
    else:
        limits = {"maxClientCnxns": "3"}
        with RealServer(settings=limits, classpath=CLASSPATHS[request.param]) as real:
            yield real.port


def test_a_host_with_too_many_connections_is_hung_up_on_until_one_goes(crowded: int) -> None:
    with another(crowded) as other, WireClient(crowded) as second:
        with WireClient(crowded):
            for _ in range(20):
                assert said_to(crowded, connect_frame()) == b""
            assert other.is_served()
            assert second.call(ops.Exists("/")).error == 0

        assert wait_until(lambda: said_to(crowded, b"ruok") or None, PATIENCE)


def test_a_full_server_hangs_up_on_everybody_until_one_goes() -> None:
    with (
        Server(settings=Settings(most_connections=3)) as server,
        another(server.port) as other,
        WireClient(server.port) as second,
    ):
        with WireClient(server.port):
            for _ in range(100):
                assert said_to(server.port, connect_frame()) == b""
            assert other.is_served()
            assert second.call(ops.Exists("/")).error == 0

        assert wait_until(lambda: said_to(server.port, b"ruok") or None, PATIENCE)


# ACLs

ACLS: dict[str, tuple[tuple[ACL, ...], int]] = {
    "none": ((), ErrorCode.INVALID_ACL),
    "an unknown scheme": ((ACL(31, Id("x" * 1000, "y")),), ErrorCode.INVALID_ACL),
    "no name and hash": ((ACL(31, Id("digest", "z" * LARGE)),), ErrorCode.INVALID_ACL),
    "no address": ((ACL(31, Id("ip", "1." * 10_000)),), ErrorCode.INVALID_ACL),
    "for nobody who has proved anything": ((ACL(31, Id("auth", "")),), ErrorCode.INVALID_ACL),
    "of thousands": (
        (
            *(ACL(1, Id("digest", f"{each}:x")) for each in range(3000)),
            ACL(31, Id("world", "anyone")),
        ),
        0,
    ),
    "a thousand times the same": ((ACL(31, Id("world", "anyone")),) * 1000, 0),
    "of odd permissions": ((ACL(-1, Id("world", "anyone")),), 0),
}


@pytest.mark.parametrize("name", ACLS)
def test_an_acl_that_is_an_abuse_is_answered_as_apache_does(
    name: str,
    every_server: AnyServer,
    other: Other,
    fresh_chroot: Callable[[AnyServer], str],
) -> None:
    acl, error = ACLS[name]
    path = fresh_chroot(every_server)
    with WireClient(every_server.port) as client:
        assert client.call(ops.SetACL(path, acl)).error == error
        assert client.call(ops.Create(f"{path}/n", b"", acl)).error == error

        reply = client.call(ops.GetACL(path))

    stored = ops.GetACL(path).read(Reader(reply.body))[0]
    assert set(stored) == set(acl if not error else [ACL(31, Id("world", "anyone"))])


def test_a_node_that_nobody_may_touch_is_touched_by_nobody(
    every_server: AnyServer, other: Other, fresh_chroot: Callable[[AnyServer], str]
) -> None:
    path = fresh_chroot(every_server)
    with WireClient(every_server.port) as client:
        assert client.call(ops.SetACL(path, (ACL(31, Id("digest", "nobody:x")),))).error == 0

        asked: list[ops.Operation[Any]] = [
            ops.GetData(path),
            ops.GetChildren(path),
            ops.GetACL(path),
            ops.SetData(path, b""),
            ops.SetACL(path, (ACL(31, Id("world", "anyone")),)),
            ops.Create(f"{path}/n"),
        ]
        assert {client.call(each).error for each in asked} == {ErrorCode.NO_AUTH}

        together = ops.Multi((ops.Create(f"{path}/n"), ops.Delete(path)))
        first, _ = together.read(Reader(client.call(together).body))
        assert first.code == ErrorCode.NO_AUTH


# Paths

PATHS: dict[str, tuple[str, int]] = {
    "none": ("", ErrorCode.BAD_ARGUMENTS),
    "relative": ("a", ErrorCode.BAD_ARGUMENTS),
    "empty parts": ("/" * 1000, ErrorCode.NO_NODE),
    "up and out": ("{}/../../../etc/passwd", ErrorCode.NO_NODE),
    "two dots": ("{}/..", ErrorCode.BAD_ARGUMENTS),
    "a null": ("{}/\0", ErrorCode.BAD_ARGUMENTS),
    "a line": ("{}/a\nb", ErrorCode.BAD_ARGUMENTS),
    "a private character": ("{}/\ue000", ErrorCode.BAD_ARGUMENTS),
    "ten thousand parts": ("{}" + "/a" * 10_000, ErrorCode.NO_NODE),
    "a long name": ("{}/" + "n" * 200_000, 0),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_is_an_abuse_is_answered_as_apache_does(
    name: str,
    every_server: AnyServer,
    other: Other,
    fresh_chroot: Callable[[AnyServer], str],
) -> None:
    text, error = PATHS[name]
    top = fresh_chroot(every_server)
    path = text.replace("{}", top)
    with WireClient(every_server.port) as client:
        assert client.call(ops.Create(path)).error == error
        names = ops.GetChildren(top).read(Reader(client.call(ops.GetChildren(top)).body))
        assert names == ([] if error else [path.rpartition("/")[2]])


# Memory


class Process:
    """A `zk server` of its own, whose memory is nobody else's."""

    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            SERVER, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._popen.stdout is not None
        self.port = int(self._popen.stdout.readline().rpartition(":")[2])
        with WireClient(self.port) as client:  # what is there from the first request on
            client.call(ops.Create("/large", bytes(LARGE)))
        self._before = self._most()

    def _most(self) -> int:
        """Give the most bytes that the process ever had in memory."""
        lines = Path(f"/proc/{self._popen.pid}/status").read_text().splitlines()
        (line,) = (each for each in lines if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    @property
    def grown(self) -> int:
        """How many bytes more than at first it had in memory at any time."""
        return self._most() - self._before

    def end(self) -> None:
        self._popen.kill()
        self._popen.communicate()


@pytest.fixture
def process() -> Iterator[Process]:
    it = Process()
    try:
        with another(it.port):
            yield it
    finally:
        it.end()


@contextlib.contextmanager
def connections(process: Process, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((LOOPBACK, process.port), PATIENCE))
            for _ in range(count)
        ]


def test_lengths_that_are_announced_reserve_nothing(process: Process) -> None:
    with connections(process, 200) as strangers:
        for each in strangers:
            each.sendall(INT.pack(MOST) + bytes(10))
        assert said_to(process.port, INT.pack(2**31 - 1) + bytes(100)) == b""

    assert process.grown < 8 * MEBIBYTE


def test_half_frames_take_what_was_sent_of_them_and_no_more(process: Process) -> None:
    with connections(process, 20) as strangers:
        for each in strangers:
            each.sendall(INT.pack(MOST) + bytes(MOST - 1))

    assert process.grown < 50 * MEBIBYTE


def test_a_reader_that_does_not_read_takes_little_more_than_where_it_is_paused(
    process: Process,
) -> None:
    with WireClient(process.port) as deaf:
        deaf.socket.settimeout(0.5)
        gets = b"".join(request_frame(xid, ops.GetData("/large")) for xid in range(5000))
        with contextlib.suppress(TimeoutError):
            for _ in range(100):
                deaf.socket.sendall(gets)

    assert process.grown < 10 * MEBIBYTE


def test_a_watcher_that_does_not_read_is_dropped_in_the_end(process: Process) -> None:
    path = "/" + "w" * 50_000
    with WireClient(process.port) as deaf, WireClient(process.port) as writer:
        deaf.call(ops.AddWatch("/", ops.Watch(), AddWatchMode.PERSISTENT_RECURSIVE))
        for _ in range(1000):
            writer.call(ops.Create(path))
            writer.call(ops.Delete(path))
        assert deaf.is_hung_up()

    assert process.grown < 200 * MEBIBYTE


def test_one_connection_after_the_other_leaves_nothing_behind(process: Process) -> None:
    for _ in range(1000):
        with socket.create_connection((LOOPBACK, process.port), PATIENCE) as stranger:
            stranger.sendall(bytes(3))

    assert process.grown < 4 * MEBIBYTE


# What Apache bounds by its memory alone


@pytest.fixture
def tight() -> Iterator[Server]:
    """A server that holds little."""
    settings = Settings(
        most_nodes=50,
        most_data_bytes=2 * MEBIBYTE,
        most_watched_bytes=MEBIBYTE,
        most_identity_bytes=10_000,
    )
    with Server(settings=settings) as server, another(server.port):
        yield server


FULL: dict[str, Callable[[int], ops.Operation[Any]]] = {
    "nodes": lambda number: ops.Create(f"/{number}"),
    "data": lambda number: ops.Create(f"/{number}", bytes(MEBIBYTE // 2)),
    "names": lambda number: ops.Create(f"/{number}" + "n" * (MEBIBYTE // 2)),
    "ACLs": lambda number: ops.Create(
        f"/{number}", b"", tuple(ACL(1, Id("digest", f"{each}:x")) for each in range(2000))
    ),
}


@pytest.mark.parametrize("what", FULL)
def test_a_full_server_refuses_more(what: str, tight: Server) -> None:
    with WireClient(tight.port) as client:
        errors = [client.call(FULL[what](number)).error for number in range(60)]

        count = errors.index(ErrorCode.QUOTA_EXCEEDED)
        assert count > 0
        assert set(errors[:count]) == {0}
        assert set(errors[count:]) == {ErrorCode.QUOTA_EXCEEDED}
        assert (
            client.call(ops.Delete("/0" if what != "names" else "/0" + "n" * (MEBIBYTE // 2))).error
            == 0
        )
        assert client.call(FULL[what](0)).error == 0


def test_a_connection_cannot_watch_without_end(tight: Server) -> None:
    watches: list[ops.Operation[Any]] = [
        ops.Exists(f"/{number}" + "n" * 100_000, ops.Watch()) for number in range(20)
    ]
    with WireClient(tight.port) as client:
        errors = [client.call(each).error for each in watches]

    assert set(errors[:9]) == {ErrorCode.NO_NODE}
    assert set(errors[11:]) == {ErrorCode.QUOTA_EXCEEDED}


def test_a_connection_cannot_speak_for_everybody(tight: Server) -> None:
    with WireClient(tight.port) as client:
        error, count = 0, 0
        while not error:
            error = client.call(ops.Auth("digest", b"%d:pw" % count)).error
            count += 1

        assert error == ErrorCode.AUTH_FAILED
        assert 10 < count < 100
        assert client.is_hung_up()
