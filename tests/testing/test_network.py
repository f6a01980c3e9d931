"""A port that refuses, and is kept."""

import socket

import pytest

from tests.server.wireclient import WireClient
from zc.zk import operations as ops
from zc.zk.testing import Server


def test_who_is_connected_stays_while_others_are_refused() -> None:
    with Server() as server, WireClient(server.port) as client:
        with server.faults.refuse():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((server.host, server.port))
            with socket.socket() as thief, pytest.raises(OSError, match="in use"):
                thief.bind((server.host, server.port))

            assert client.call(ops.Exists("/")).error == 0

        WireClient(server.port).socket.close()


def test_refusing_can_begin_and_end_many_times() -> None:
    with Server() as server:
        for _ in range(5):
            with server.faults.refuse(), pytest.raises(ConnectionRefusedError):
                socket.create_connection((server.host, server.port))
            WireClient(server.port).socket.close()
