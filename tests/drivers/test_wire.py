"""One connection, on a pair of sockets."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from tests.certificates import Authority, Pair
from tests.ports import free_port
from tests.tlsproxy import server_context
from tests.waiting import stretched
from zc.zk.drivers.dialling import dial
from zc.zk.drivers.tls import TLS, secured
from zc.zk.drivers.wire import SecureWire, Wire
from zc.zk.protocol.ensemble import Endpoint

SOON = 20.0
A_MOMENT = 0.05
MORE_THAN_FITS = bytes(16 * 1024 * 1024)


@pytest.fixture
def peer_and_wire() -> Iterator[tuple[socket.socket, Wire]]:
    peer, ours = socket.socketpair()
    peer.settimeout(stretched(SOON))
    wire = Wire(ours)
    yield peer, wire
    wire.close()
    peer.close()


@pytest.fixture
def peer(peer_and_wire: tuple[socket.socket, Wire]) -> socket.socket:
    return peer_and_wire[0]


@pytest.fixture
def wire(peer_and_wire: tuple[socket.socket, Wire]) -> Wire:
    return peer_and_wire[1]


def test_what_arrives_is_received(peer: socket.socket, wire: Wire) -> None:
    peer.sendall(b"data")

    assert wire.receive(stretched(SOON)) == b"data"


@pytest.mark.parametrize("seconds", [A_MOMENT, 0, -1])
def test_receiving_ends_when_its_time_is_over(wire: Wire, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        wire.receive(seconds)


@pytest.mark.slow
def test_each_receiving_has_its_own_time(peer: socket.socket, wire: Wire) -> None:
    for seconds in (A_MOMENT, 0, 2 * A_MOMENT):
        with pytest.raises(TimeoutError):
            wire.receive(seconds)
    peer.sendall(b"data")

    assert wire.receive(stretched(SOON)) == b"data"


def test_the_end_of_the_stream_is_received_as_nothing(peer: socket.socket, wire: Wire) -> None:
    peer.close()

    assert wire.receive(stretched(SOON)) == b""


def test_what_is_sent_arrives(peer: socket.socket, wire: Wire) -> None:
    assert wire.send(b"data") == 4

    assert peer.recv(10) == b"data"


def test_sending_takes_what_fits_and_never_waits(peer: socket.socket, wire: Wire) -> None:
    taken = wire.send(MORE_THAN_FITS)

    assert 0 < taken < len(MORE_THAN_FITS)
    while more := wire.send(MORE_THAN_FITS):
        taken += more
    assert wire.send(b"more") == 0


def test_sending_does_not_wait_while_another_thread_receives(
    peer: socket.socket, wire: Wire
) -> None:
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(wire.receive(stretched(SOON))))
    reader.start()

    while wire.send(MORE_THAN_FITS):
        pass
    peer.sendall(b"data")
    reader.join(stretched(SOON))

    assert received == [b"data"]


def test_sending_on_a_broken_connection_is_an_error(peer: socket.socket, wire: Wire) -> None:
    peer.close()

    with pytest.raises(OSError, match=r"[Bb]roken|reset"):
        wire.send(b"data")


def test_hanging_up_ends_both_directions_and_wakes_a_reader(
    peer: socket.socket, wire: Wire
) -> None:
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(wire.receive(stretched(SOON))))
    reader.start()

    wire.hang_up()
    wire.hang_up()
    reader.join(stretched(SOON))

    assert received == [b""]
    assert peer.recv(1) == b""


# --- over TLS


class Secured:
    """A wire over TLS, and the socket of its peer."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        context = server_context(authority.issue("server", ["localhost"]))
        security = secured(TLS(ca=authority.certificate))
        assert security is not None
        plain_peer, ours = socket.socketpair()
        plain_peer.settimeout(stretched(SOON))
        self.channel = security.begin("localhost")
        with ThreadPoolExecutor(1) as threads:
            accepting = threads.submit(context.wrap_socket, plain_peer, server_side=True)
            data = None
            while not self.channel.shake_hands(data):
                ours.sendall(self.channel.take())
                data = ours.recv(65536)
            ours.sendall(self.channel.take())
            self.peer = accepting.result(stretched(SOON))
        self.wire = SecureWire(ours, self.channel)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secured]:
    secure = Secured(tmp_path)
    yield secure
    secure.wire.close()
    secure.peer.close()


class Anyone:
    """A judge who always goes on."""

    def go_on(self) -> bool:
        return True

    def trying(self, server: Endpoint) -> None:
        pass

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        raise AssertionError(f"{server}: {reason}")


def read_exactly(peer: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        received += peer.recv(65536)
    return bytes(received)


def received_by(wire: Wire) -> bytes:
    """Give what arrives next, whatever of TLS alone comes before it."""
    while True:
        try:
            return wire.receive(stretched(SOON))
        except TimeoutError:
            continue


def test_over_tls_data_goes_both_ways(secure: Secured) -> None:
    secure.peer.sendall(b"from peer")

    assert received_by(secure.wire) == b"from peer"
    assert secure.wire.send(b"from us") == 7
    assert secure.peer.recv(10) == b"from us"


def test_what_belongs_to_tls_alone_is_nothing_received(secure: Secured) -> None:
    with pytest.raises(TimeoutError):  # the tickets of TLS 1.3
        secure.wire.receive(A_MOMENT)


def test_over_tls_what_was_not_sent_is_sent_again_and_arrives_once(secure: Secured) -> None:
    data = os.urandom(3_000_000)
    left = data[secure.wire.send(data) :]
    assert left
    assert secure.wire.send(left) == 0
    with ThreadPoolExecutor(1) as threads:
        received = threads.submit(read_exactly, secure.peer, len(data))
        while left:
            left = left[secure.wire.send(left) :]

        assert received.result(stretched(SOON)) == data


def test_over_tls_a_reader_and_a_writer_do_not_disturb_each_other(secure: Secured) -> None:
    data = os.urandom(2_000_000)

    def echo() -> None:
        left = len(data)
        while left:
            piece = secure.peer.recv(65536)
            secure.peer.sendall(piece)
            left -= len(piece)

    def write() -> None:
        left = memoryview(data)
        while left:
            left = left[secure.wire.send(bytes(left[:30_000])) :]

    with ThreadPoolExecutor(2) as threads:
        work = threads.submit(echo), threads.submit(write)
        received = b""
        while len(received) < len(data):
            received += received_by(secure.wire)
        for each in work:
            each.result(stretched(SOON))

    assert received == data


def test_over_tls_a_goodbye_is_the_end(secure: Secured) -> None:
    secure.peer.sendall(b"last")
    with contextlib.suppress(OSError):
        secure.peer.settimeout(0)
        secure.peer.unwrap()

    assert received_by(secure.wire) == b"last"
    assert secure.wire.receive(stretched(SOON)) == b""
    assert secure.wire.receive(stretched(SOON)) == b""


def test_over_tls_an_end_without_goodbye_is_an_error(secure: Secured) -> None:
    socket.socket.shutdown(secure.peer, socket.SHUT_RDWR)

    with pytest.raises(OSError, match="without ending the TLS stream"):
        received_by(secure.wire)


def test_over_tls_what_is_broken_behind_good_data_is_told_though_nothing_more_comes(
    secure: Secured,
) -> None:
    secure.peer.sendall(b"good")
    socket.socket.sendall(secure.peer, b"\x17\x03\x03\x00\x05junk!")

    assert received_by(secure.wire) == b"good"
    with pytest.raises(ConnectionAbortedError, match="TLS failed"):
        secure.wire.receive(0.1)


def test_over_tls_hanging_up_says_goodbye_and_wakes_a_reader(secure: Secured) -> None:
    with ThreadPoolExecutor(1) as threads:
        receiving = threads.submit(received_by, secure.wire)
        secure.wire.hang_up()
        secure.wire.hang_up()

        with pytest.raises(OSError, match="without ending"):
            receiving.result(stretched(SOON))
    assert secure.peer.recv(1) == b""


@contextlib.contextmanager
def openssl_server(port: int, pair: Pair) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Run a server that sends what is written to the first file, and writes what it receives to the second."""
    command = ["openssl", "s_server", "-accept", str(port)]
    with subprocess.Popen(
        [*command, "-cert", pair.certificate, "-key", pair.key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            skip_to(server.stdout, b"ACCEPT\n")
            yield server.stdin, server.stdout
        finally:
            server.kill()


def skip_to(output: IO[bytes], expected: bytes) -> None:
    while (line := output.readline()) != expected:
        assert line


@pytest.mark.slow
def test_a_peer_may_ask_for_new_keys_at_any_time(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()
    with openssl_server(port, authority.issue("server", ["localhost"])) as (speech, heard):
        security = secured(TLS(ca=authority.certificate))
        reached = dial([Endpoint("localhost", port)], SOON, security, Anyone())
        assert reached is not None
        with contextlib.closing(reached.wire()) as wire:
            speech.write(b"K\n")  # new keys for both directions
            speech.flush()
            wire.send(b"before\n")
            skip_to(heard, b"before\n")  # it looks at what it is told before what it receives
            speech.write(b"from peer\n")
            speech.flush()

            received = received_by(wire)
            wire.send(b"from us\n")
            skip_to(heard, b"from us\n")

    assert received == b"from peer\n"
