import os
import socket

import pytest

from tests.aio.looping import in_child
from zc.zk import ForkedClientError
from zc.zk.drivers.forking import ForkedLock, deafen


def test_the_lock_in_a_child_lets_nobody_in() -> None:
    with pytest.raises(ForkedClientError, match=f"the parent of process {os.getpid()}"):
        ForkedLock().__enter__()


def test_what_a_child_does_with_a_deafened_connection_does_not_reach_the_peer() -> None:
    near, peer = socket.socketpair()
    with near, peer:
        near.setblocking(False)
        peer.send(b"for the parent")

        def use() -> str:
            deafen(near.fileno())
            with pytest.raises(BlockingIOError):
                near.recv(100)
            with pytest.raises(OSError, match=r"address required|not connected"):
                near.send(b"from the child")
            return "used"

        assert in_child(use) == "used"
        assert near.recv(100) == b"for the parent"
        near.send(b"from the parent")
        assert peer.recv(100) == b"from the parent"


def test_a_connection_that_is_closed_already_stays_so() -> None:
    with socket.socket() as connection:
        number = connection.fileno()

    deafen(-1)
    deafen(connection.fileno())

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
