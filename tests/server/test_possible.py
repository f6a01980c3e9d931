"""What a log may say: every change must fit what there is."""

import re

import pytest

from zc.zk.errors import ProtocolError
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import (
    BeginSession,
    Change,
    CreateNode,
    DeleteNode,
    EndSession,
    ReplaceACL,
    ReplaceData,
    Transaction,
)
from zc.zk.server.possible import require_node, require_session, require_zxid
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store


def store_with_a_life() -> Store:
    """Give a store with a node, and below it an ephemeral one."""
    store = Store(Settings(first_zxid=0), 0.0, 1000.0, lambda count: b"p" * count)
    session = store.begin(0.0).begin_session(5000)
    store.begin(0.0).make(CreateNode("/p", None, OPEN))
    store.begin(0.0).make(CreateNode("/p/e", b"", OPEN, session.id))
    return store


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ([CreateNode("/p", b"", OPEN)], "CreateNode '/p': it is there already"),
        ([CreateNode("/x/y", b"", OPEN)], "CreateNode '/x/y': its parent is not there"),
        ([CreateNode("/p/e/x", b"", OPEN)], "CreateNode '/p/e/x': its parent is ephemeral"),
        ([CreateNode("/x", b"", OPEN, 77)], "CreateNode '/x': its owner is not there"),
        ([CreateNode("x", b"", OPEN)], "CreateNode 'x': that is no path"),
        ([DeleteNode("/p")], "DeleteNode '/p': it has children"),
        ([DeleteNode("/x")], "DeleteNode '/x': it is not there"),
        ([DeleteNode("/zookeeper/config")], "no server deletes it"),
        ([ReplaceData("/x", b"")], "ReplaceData '/x': it is not there"),
        ([ReplaceACL("", OPEN)], "ReplaceACL '': it is not there"),
        ([BeginSession(7, 1, b""), BeginSession(7, 1, b"")], "it is there already"),
        ([BeginSession(2**63 - 1, 1, b"")], "no server gives such an id"),
        ([EndSession(7)], "EndSession '': it is not there"),
        (
            [BeginSession(7, 1, b""), CreateNode("/x", b"", OPEN, 7), EndSession(7)],
            "EndSession '': it has nodes",
        ),
    ],
)
def test_a_change_that_cannot_have_been_is_refused(changes: list[Change], fault: str) -> None:
    store = store_with_a_life()

    with pytest.raises(ProtocolError, match=re.escape(fault)):
        store.replay(Transaction(11, 5000, tuple(changes)), 0.0)


def test_what_is_long_is_not_shown_whole() -> None:
    with pytest.raises(ProtocolError) as caught:
        store_with_a_life().replay(Transaction(11, 0, (DeleteNode("/" + "x" * 10_000),)), 0.0)

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("path", ["", "x", "/", "/p", "/x/y", "/p/e/x", "/p/", "/p/.."])
def test_a_node_is_set_down_once_and_below_another(path: str) -> None:
    with pytest.raises(ProtocolError, match="a node "):
        require_node(store_with_a_life().tree, path)


def test_a_session_begins_once() -> None:
    sessions = store_with_a_life().sessions
    (session,) = sessions

    for session_id in (session.id, 0, -1, 2**63 - 1):
        with pytest.raises(ProtocolError, match="a session "):
            require_session(sessions, session_id)
    require_session(sessions, session.id + 1)


def test_zxids_leave_room_for_another_epoch() -> None:
    require_zxid(0)
    require_zxid(0x7FFFFFFE << 32)
    for zxid in (-1, 0x7FFFFFFF << 32):
        with pytest.raises(ProtocolError, match="no server gives"):
            require_zxid(zxid)
