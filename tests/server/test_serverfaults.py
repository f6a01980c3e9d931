"""What faults do to a server as a whole, without sockets."""

import pytest

from tests.server.conversation import PASSWORD
from tests.server.faultyworld import FaultyWorld
from tests.server.wireclient import connect_frame, request_frame
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, ErrorCode
from zc.zk.errors import ArgumentError
from zc.zk.server.serverfaults import (
    DropConnections,
    Expire,
    GoBack,
    HalfOpen,
    ReadOnly,
    Refuse,
    Restart,
)
from zc.zk.server.store import Store


@pytest.fixture
def world() -> FaultyWorld:
    return FaultyWorld()


def test_a_half_open_connection_hears_nothing_more(world: FaultyWorld) -> None:
    peer, other = world.connect(), world.connect()
    peer.call(ops.Exists("/n", ops.Watch()))
    world.core.take_ready()

    fault = world.befall(HalfOpen(), session=peer.session_id)

    other.call(ops.Create("/n"))
    assert peer.write(request_frame(1, ops.Exists("/"))) == b""
    assert world.hear(peer) == []
    assert (fault.count, fault.is_over) == (1, False)
    world.lift(fault)
    assert peer.link in world.core.take_ready()


def test_half_open_connections_leave_their_sessions_and_new_ones_alone(world: FaultyWorld) -> None:
    peer = world.connect()
    world.befall(HalfOpen())

    again = world.connect(session_id=peer.session_id)

    assert again.session_id == peer.session_id
    assert again.call(ops.Exists("/")).error == 0
    world.core.disconnect(peer.link)


def test_dropped_connections_leave_their_sessions(world: FaultyWorld) -> None:
    peer, other = world.connect(), world.connect()

    fault = world.befall(DropConnections(), session=peer.session_id)

    assert peer.link.is_closing
    assert not other.link.is_closing
    assert len(list(world.core.sessions)) == 2
    assert (fault.count, fault.is_over) == (1, True)


def test_sessions_expire_all_or_one(world: FaultyWorld) -> None:
    peer, other = world.connect(), world.connect()

    assert world.befall(Expire(), session=peer.session_id).count == 1
    assert [session.id for session in world.core.sessions] == [other.session_id]
    assert world.befall(Expire()).count == 1
    assert world.befall(Expire()).count == 0


def test_refusing_is_told_to_the_network(world: FaultyWorld) -> None:
    told: list[bool] = []
    world.patient.on_refusing = told.append

    fault = world.befall(Refuse())
    world.lift(fault)

    assert told == [True, False]


def test_a_restart_keeps_data_and_sessions(world: FaultyWorld) -> None:
    peer = world.connect(timeout=4000)
    peer.call(ops.Create("/e", flags=CreateFlag.EPHEMERAL))
    world.advance(3.0)

    world.befall(Restart())

    assert peer.link.is_closing
    world.advance(3.0)
    assert world.connect(session_id=peer.session_id).call(ops.Exists("/e")).error == 0


def test_a_wipe_forgets_all(world: FaultyWorld) -> None:
    peer = world.connect()
    peer.call(ops.Create("/n"))

    world.befall(Restart(wipe=True))

    refused = world.arrive().connect(connect_frame(peer.session_id, PASSWORD))
    assert refused.timeout == 0
    assert world.connect().ask(ops.GetChildren("/")) == ["zookeeper"]


def test_a_wipe_is_told_with_the_store_that_follows(world: FaultyWorld) -> None:
    stores: list[Store] = []
    world.patient.on_wipe = stores.append

    world.befall(Restart(wipe=True))

    assert stores == [world.core.store]


def test_zxids_never_go_back_by_a_wipe(world: FaultyWorld) -> None:
    world.core.store.zxid += 1 << 40  # as after many quick restarts

    before = world.zxid
    world.befall(Restart(wipe=True))

    assert world.connect().call(ops.Create("/n")).zxid > before


def test_going_back_turns_those_away_who_saw_more(world: FaultyWorld) -> None:
    peer = world.connect()
    before = peer.call(ops.Create("/n")).zxid

    world.befall(GoBack(1))

    assert world.zxid == before - 1
    assert peer.link.is_closing
    late = world.arrive()
    assert late.write(connect_frame(last_zxid_seen=before)) == b""
    assert late.link.is_closing


def test_no_server_goes_below_zero(world: FaultyWorld) -> None:
    world.befall(GoBack(1000))

    assert world.zxid == 0


def test_going_nowhere_is_told() -> None:
    with pytest.raises(ArgumentError, match="goes back by 1 zxid or more, not 0"):
        GoBack(0)


def test_a_read_only_server_takes_writes_again_when_the_fault_is_lifted(world: FaultyWorld) -> None:
    peer = world.connect()

    fault = world.befall(ReadOnly())

    assert peer.link.is_closing
    reader = world.arrive()
    reader.connect(connect_frame(read_only=True))
    assert reader.call(ops.Create("/n")).error == ErrorCode.NOT_READ_ONLY
    world.befall(Restart(wipe=True))
    assert world.core.store.is_read_only
    world.lift(fault)
    assert world.connect().call(ops.Create("/n")).error == 0
