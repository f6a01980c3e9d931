"""A server that has faults is like any other while there are none."""

import pytest

from tests.server.faultyworld import FaultyWorld
from tests.server.wireclient import connect_frame, request_frame
from zc.zk import operations as ops
from zc.zk.server.faulty import FaultyLink
from zc.zk.server.requestfaults import Delay, Error, Stall
from zc.zk.server.serverfaults import HalfOpen
from zc.zk.server.settings import Settings


@pytest.fixture
def world() -> FaultyWorld:
    return FaultyWorld()


def test_without_faults_requests_are_carried_out_at_once(world: FaultyWorld) -> None:
    peer = world.connect()

    assert peer.call(ops.Create("/n")).error == 0

    link = peer.link
    assert isinstance(link, FaultyLink)
    assert link.session_id == peer.session_id
    assert link.held_until is None


def test_bytes_one_at_a_time_meet_faults_too(world: FaultyWorld) -> None:
    peer = world.connect()
    frame = request_frame(1, ops.Exists("/"))
    peer.write(frame[:7])  # the fault comes in the middle
    world.befall(Error())

    for byte in frame[7:]:
        peer.link.receive(bytes([byte]), world.now)

    assert [reply.error for reply in peer.read()] == [-12345]


def test_a_handshake_that_makes_no_sense_ends_the_connection_as_ever(world: FaultyWorld) -> None:
    world.befall(Error(), operation="any")
    peer = world.arrive()

    peer.write(b"\0\0\0\2xx")

    assert peer.link.is_closing


def test_an_error_for_a_handshake_does_what_an_unknown_reply_does(world: FaultyWorld) -> None:
    fault = world.befall(Error(), operation="connect")

    assert world.arrive().write(connect_frame())

    assert fault.count == 1


def test_connections_that_go_are_forgotten_with_what_was_held(world: FaultyWorld) -> None:
    peer, other = world.connect(), world.connect()
    world.core.take_ready()
    world.befall(Stall(), session=peer.session_id)
    world.befall(HalfOpen(), session=other.session_id)
    peer.write(request_frame(1, ops.Create("/n")))
    peer.link.send(b"\0\0\0\1x")
    assert world.core.take_ready() == []

    for each in (peer, other):
        world.core.disconnect(each.link)

    assert not world.patient.holding
    assert not world.patient.abandoned
    world.patient.release(world.now)
    assert list(world.core.take_ready()) == []


def test_a_stalled_connection_gives_the_clock_nothing_to_do(world: FaultyWorld) -> None:
    peer = world.connect()
    before = world.core.deadline()
    world.befall(Stall())

    peer.write(request_frame(1, ops.Create("/n")))

    assert world.core.deadline() == before


def test_frames_of_a_connection_that_closed_meanwhile_are_dropped(world: FaultyWorld) -> None:
    peer = world.connect()
    world.befall(Delay(1.0))
    peer.write(request_frame(1, ops.Create("/n")))

    peer.link.close()
    world.advance(1.0)

    assert "/n" not in world.core.store.tree.nodes


def test_who_sends_more_than_can_be_held_is_hung_up_on() -> None:
    world = FaultyWorld(Settings(first_zxid=0, unsent_bytes_to_drop=10_000))
    peer, other = world.connect(), world.connect()
    world.befall(Stall(), session=peer.session_id)

    for _ in range(20):
        peer.write(request_frame(1, ops.Create("/n", bytes(1000))))

    assert peer.link.is_closing
    assert other.call(ops.Exists("/")).error == 0
