"""One connection, on a pair of sockets."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.waiting import stretched
from zc.zk.drivers.wire import Wire

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
