import socket
from collections.abc import Iterator

import pytest

from tests.leaks import is_alive
from tests.peernetwork import PeerNetwork
from tests.ports import LOOPBACK, free_port
from tests.waiting import stretched, wait_until

A_MOMENT = 0.05
GRANTED, REFUSED = 0, 5


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """What listens at the port of member 2."""
    with socket.create_server((LOOPBACK, free_port())) as listener:
        listener.settimeout(stretched(5))
        yield listener


@pytest.fixture
def network(peer: socket.socket) -> Iterator[PeerNetwork]:
    network = PeerNetwork({free_port(): 1, peer.getsockname()[1]: 2, free_port(): 3})
    yield network
    network.close()


def ask(network: PeerNetwork, member: int, port: int) -> socket.socket:
    """Connect as Java does; the answer is not awaited."""
    connection = socket.create_connection((LOOPBACK, network.proxy_port(member)), stretched(5))
    connection.sendall(b"\5\2\0\2")
    assert connection.recv(2) == b"\5\0"
    connection.sendall(b"\5\1\0\1" + socket.inet_aton(LOOPBACK) + port.to_bytes(2))
    return connection


def answer(connection: socket.socket) -> int:
    return connection.recv(10, socket.MSG_WAITALL)[1]


def connected(network: PeerNetwork, peer: socket.socket) -> tuple[socket.socket, socket.socket]:
    near = ask(network, 1, peer.getsockname()[1])
    assert answer(near) == GRANTED
    far, _ = peer.accept()
    return near, far


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(A_MOMENT)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(stretched(5))
    return False


def test_members_reach_each_other(network: PeerNetwork, peer: socket.socket) -> None:
    near, far = connected(network, peer)
    with near, far:
        near.sendall(b"there")
        assert far.recv(5, socket.MSG_WAITALL) == b"there"

        far.sendall(b"back")
        far.shutdown(socket.SHUT_WR)

        assert near.recv(100, socket.MSG_WAITALL) == b"back"


def test_what_is_sent_while_they_are_parted_arrives_afterwards(
    network: PeerNetwork, peer: socket.socket
) -> None:
    near, far = connected(network, peer)
    with near, far:
        network.part([1], [2, 3])
        near.sendall(b"late")
        assert is_silent(far)

        network.heal()

        assert far.recv(4, socket.MSG_WAITALL) == b"late"


def test_parted_members_do_not_meet(network: PeerNetwork, peer: socket.socket) -> None:
    network.part([1], [2])
    with ask(network, 1, peer.getsockname()[1]) as near:
        assert is_silent(near)

        network.heal()

        assert answer(near) == GRANTED
        peer.accept()[0].close()


def test_others_are_not_parted(network: PeerNetwork, peer: socket.socket) -> None:
    network.part([3], [1, 2])

    near, far = connected(network, peer)

    near.close()
    far.close()


def test_a_member_that_is_not_there_refuses(network: PeerNetwork, peer: socket.socket) -> None:
    port = peer.getsockname()[1]
    peer.close()

    with ask(network, 1, port) as near:
        assert answer(near) == REFUSED


def test_closing_ends_the_process(network: PeerNetwork) -> None:
    (process,) = network.processes

    network.close()

    assert network.processes == frozenset()
    wait_until(lambda: not is_alive(process), 5)
