"""A plain socket of the server; in its loop see test_net."""

import socket
from collections.abc import Iterator

import pytest

from tests.server.conversation import World
from zc.zk.server.wire import Wire


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Wire(ours, World().arrive().link), theirs


def test_nothing_there_and_the_end_are_told_apart(ends: tuple[Wire, socket.socket]) -> None:
    wire, peer = ends

    with pytest.raises(BlockingIOError):
        wire.receive()
    peer.sendall(b"x")
    assert wire.receive() == b"x"
    peer.shutdown(socket.SHUT_WR)
    assert wire.receive() == b""


def test_what_the_kernel_does_not_take_is_kept(ends: tuple[Wire, socket.socket]) -> None:
    wire, peer = ends
    wire.link.send(bytes(10_000_000))

    received = 0
    with pytest.raises(BlockingIOError):
        wire.flush()
    assert wire.has_unsent
    while received < 10_000_000:
        received += len(peer.recv(1_000_000))
        try:
            wire.flush()
        except BlockingIOError:
            continue

    assert not wire.has_unsent


def test_a_goodbye_is_no_reset(ends: tuple[Wire, socket.socket]) -> None:
    wire, peer = ends
    peer.sendall(b"unread")

    wire.say_goodbye()

    assert peer.recv(10) == b""
