"""What a connect request is answered by; over a link see test_link (protocol.md, 2.2)."""

import pytest

from zc.zk.records import ConnectRequest
from zc.zk.server.handshake import greet
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store


@pytest.fixture
def store() -> Store:
    return Store(Settings(first_zxid=7), 0.0, 0.0, bytes)


def test_who_asks_for_a_session_gets_one_and_its_frame(store: Store) -> None:
    session, frame = greet(store, ConnectRequest(0, 5000, 0, b"", False), 0.0)

    assert session is not None
    assert session.timeout == 5000
    assert len(frame) == 41


def test_who_has_seen_more_gets_nothing(store: Store) -> None:
    assert greet(store, ConnectRequest(8, 5000, 0, b"", False), 0.0) == (None, b"")


def test_who_asks_for_a_session_that_is_none_gets_a_frame_alone(store: Store) -> None:
    session, frame = greet(store, ConnectRequest(0, 5000, 4711, bytes(16), None), 0.0)

    assert session is None
    assert frame == b"\0\0\0\x24" + bytes(16) + b"\0\0\0\x10" + bytes(16)
