"""When faults begin and end."""

import pytest

from tests.server.conversation import Peer
from tests.server.faultyworld import FaultyWorld
from tests.server.wireclient import request_frame
from zc.zk import operations as ops
from zc.zk.errors import ArgumentError
from zc.zk.server.conditions import Conditions
from zc.zk.server.faults import Fault, Faults
from zc.zk.server.requestfaults import Delay, DropBefore, Error, Stall
from zc.zk.server.serverfaults import DropConnections, Expire, Refuse, Restart

REFUSED = -12345


@pytest.fixture
def world() -> FaultyWorld:
    return FaultyWorld()


@pytest.fixture
def peer(world: FaultyWorld) -> Peer:
    return world.connect()


def test_a_fault_for_requests_befalls_one_unless_told_otherwise(
    world: FaultyWorld, peer: Peer
) -> None:
    once, thrice = world.befall(Error(-1)), world.befall(Error(-2), times=3)

    errors = [peer.call(ops.Exists("/")).error for _ in range(6)]

    assert errors == [-1, -2, -2, -2, 0, 0]
    assert (once.count, thrice.count) == (1, 3)
    assert list(world.faults) == []


def test_a_fault_lets_pass_what_it_is_to_skip(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Error(), skip=2)

    errors = [peer.call(ops.Exists("/")).error for _ in range(4)]

    assert errors == [0, 0, REFUSED, 0]


def test_a_fault_can_be_for_one_session(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Error(), session=peer.session_id)

    assert world.connect().call(ops.Exists("/")).error == 0
    assert peer.call(ops.Exists("/")).error == REFUSED


def test_a_delay_and_another_fault_can_meet_one_request(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Error())
    world.befall(Delay(1.0))

    peer.link.receive(request_frame(1, ops.Exists("/")), world.now)
    world.advance(1.0)

    assert [reply.error for reply in peer.read()] == [REFUSED]


def test_a_fault_begins_and_ends_by_the_clock(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Error(), after=2.0, lasting=1.0, times=100)

    errors = []
    for _ in range(4):
        errors.append(peer.call(ops.Exists("/")).error)
        world.advance(1.0)

    assert errors == [0, 0, REFUSED, 0]
    assert fault.is_over


def test_the_clock_is_looked_at_when_a_fault_is_due(world: FaultyWorld) -> None:
    empty = world.core.deadline()
    world.befall(Refuse(), after=0.25, lasting=0.5)

    assert world.core.deadline() == world.now + 0.25
    world.advance(0.25)
    assert world.core.deadline() == world.now + 0.5
    world.advance(0.5)
    assert world.core.deadline() == empty


def test_a_fault_that_waits_for_a_zxid_wakes_nobody(world: FaultyWorld) -> None:
    empty = world.core.deadline()

    world.befall(Refuse(), after_writes=5)

    assert world.core.deadline() == empty


def test_a_fault_begins_after_so_many_writes(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(DropConnections(), after_writes=2)

    peer.call(ops.Create("/a"))
    assert fault.count == 0
    peer.call(ops.Create("/b"))

    assert (fault.count, peer.link.is_closing) == (1, True)


def test_a_fault_begins_at_a_zxid(world: FaultyWorld, peer: Peer) -> None:
    world.befall(DropBefore(), at_zxid=world.zxid + 2)

    for name in ("/a", "/b", "/c"):
        peer.link.receive(request_frame(1, ops.Create(name)), world.now)

    assert sorted(world.connect().ask(ops.GetChildren("/"))) == ["a", "b", "zookeeper"]


def test_a_zxid_given_by_an_expiry_counts(world: FaultyWorld) -> None:
    world.connect(timeout=2000)
    fault = world.befall(Restart(), after_writes=1)

    world.advance(5.0)

    assert fault.is_over


def test_a_fault_can_be_lifted_before_it_begins(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Expire(), after=1.0)

    world.lift(fault)
    world.advance(1.0)

    assert fault.count == 0
    assert not peer.link.is_closing


def test_lifting_twice_is_as_good_as_once(world: FaultyWorld) -> None:
    told: list[bool] = []
    world.patient.on_refusing = told.append
    fault = world.befall(Refuse())

    world.lift(fault)
    world.lift(fault)

    assert told == [True, False]


def test_each_time_is_told(world: FaultyWorld, peer: Peer) -> None:
    told: list[int] = []
    fault = Fault(Error(), Conditions(times=2), lambda: told.append(1))
    world.faults.add(fault, world.patient, world.zxid, world.now)

    peer.call(ops.Exists("/"))
    peer.call(ops.Exists("/"))

    assert told == [1, 1]


def test_faults_of_a_server_that_has_not_started_begin_with_it() -> None:
    faults, fault = Faults(), Fault(Expire(), Conditions())
    faults.add(fault, None, 0, 0.0)
    world = FaultyWorld()
    peer = world.connect()

    assert not fault.is_over
    faults.update(world.patient, world.zxid, world.now)

    assert fault.is_over
    assert peer.link.is_closing


def test_what_lasts_befalls_a_restarted_server_again(world: FaultyWorld) -> None:
    world.befall(Refuse())
    world.befall(Stall())
    told: list[bool] = []
    world.patient.on_refusing = told.append

    world.faults.resume(world.patient, world.now)

    assert told == [True]


@pytest.mark.parametrize("told", [{"path": "/a"}, {"operation": "get"}, {"times": 2}])
def test_faults_of_the_server_take_no_conditions_for_requests(told: dict[str, str]) -> None:
    with pytest.raises(ArgumentError, match="refuse is not for single requests: no "):
        Fault(Refuse(), Conditions(**told))  # type: ignore[arg-type]
