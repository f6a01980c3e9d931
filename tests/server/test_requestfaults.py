"""What faults do to single requests, without sockets."""

from typing import Any

import pytest

from tests.server.conversation import Peer
from tests.server.faultyworld import FaultyWorld
from tests.server.wireclient import connect_frame, raw_request, request_frame
from zc.zk import operations as ops
from zc.zk.codes import ErrorCode
from zc.zk.errors import ArgumentError
from zc.zk.server.requestfaults import (
    Delay,
    DropAfter,
    DropBefore,
    Error,
    Garbage,
    Mute,
    Oversize,
    Stall,
    Truncate,
    WrongXid,
)


@pytest.fixture
def world() -> FaultyWorld:
    return FaultyWorld()


@pytest.fixture
def peer(world: FaultyWorld) -> Peer:
    return world.connect()


def is_there(world: FaultyWorld, path: str) -> bool:
    return path in world.core.store.tree.nodes


def test_dropped_before_is_not_done(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(DropBefore())

    assert peer.write(request_frame(1, ops.Create("/n"))) == b""

    assert peer.link.is_closing
    assert not is_there(world, "/n")
    assert (fault.count, fault.is_over) == (1, True)


def test_dropped_after_is_done(world: FaultyWorld, peer: Peer) -> None:
    world.befall(DropAfter())

    assert peer.write(request_frame(1, ops.Create("/n"))) == b""

    assert peer.link.is_closing
    assert is_there(world, "/n")


def test_what_came_before_a_drop_is_answered_and_what_comes_after_is_not(
    world: FaultyWorld, peer: Peer
) -> None:
    world.befall(DropAfter())
    paths = (ops.Exists("/"), ops.Create("/n"), ops.Create("/m"))

    peer.link.receive(b"".join(request_frame(1, each) for each in paths), world.now)

    assert [reply.xid for reply in peer.read()] == [1]
    assert is_there(world, "/n")
    assert not is_there(world, "/m")


def test_a_dropped_write_is_told_to_watchers(world: FaultyWorld, peer: Peer) -> None:
    other = world.connect()
    other.call(ops.Exists("/n", ops.Watch()))
    peer.call(ops.Exists("/n", ops.Watch()))
    world.befall(DropAfter())

    peer.link.receive(request_frame(1, ops.Create("/n")), world.now)

    assert other.take_events() == [(1, "/n")]
    assert peer.take_events() == [(1, "/n")]


def test_what_is_mute_is_done_and_the_connection_goes_on(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Mute())

    assert peer.write(request_frame(1, ops.Create("/n"))) == b""

    assert is_there(world, "/n")
    assert peer.call(ops.Exists("/n")).error == 0


def test_a_delay_is_for_each_request_and_keeps_their_order(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Delay(2.0), operation="create")

    assert peer.write(request_frame(1, ops.Create("/n"))) == b""
    world.advance(1.0)
    assert peer.write(request_frame(2, ops.Create("/m")) + request_frame(3, ops.Exists("/"))) == b""
    assert world.core.deadline() == world.now + 1.0
    world.advance(1.0)

    assert [reply.xid for reply in peer.read()] == [1]
    world.advance(1.0)
    assert [reply.xid for reply in peer.read()] == [2, 3]
    assert fault.count == 2


def test_a_delay_delays_the_handshake_too(world: FaultyWorld) -> None:
    world.befall(Delay(2.0))
    peer = world.arrive()

    assert peer.write(connect_frame() + request_frame(1, ops.Create("/n"))) == b""
    world.advance(2.0)

    assert world.core.store.sessions.find(next(iter(world.core.sessions)).id)
    assert is_there(world, "/n")


def test_lifting_a_delay_lets_go(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Delay(2.0))
    peer.write(request_frame(1, ops.Create("/n")))

    world.lift(fault)

    assert [reply.xid for reply in peer.read()] == [1]


def test_a_stall_holds_everything_until_it_is_lifted(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Stall())

    peer.write(request_frame(1, ops.Create("/n")) + request_frame(-2, ops.Ping()))
    world.advance(5.0)
    assert not is_there(world, "/n")
    world.lift(fault)

    assert [reply.xid for reply in peer.read()] == [1, -2]


def test_a_stall_holds_back_events(world: FaultyWorld, peer: Peer) -> None:
    peer.call(ops.Exists("/n", ops.Watch()))
    other = world.connect()
    world.core.take_ready()
    fault = world.befall(Stall(), session=peer.session_id)

    other.call(ops.Create("/n"))

    assert world.hear(peer) == []
    world.lift(fault)
    assert len(world.hear(peer)) == 1


def test_a_session_may_run_out_in_a_stall(world: FaultyWorld) -> None:
    peer = world.connect(timeout=4000)
    fault = world.befall(Stall())

    peer.write(request_frame(1, ops.Create("/n")))
    world.advance(10.0)
    world.lift(fault)

    assert peer.link.is_closing
    assert not is_there(world, "/n")


def test_a_stall_can_be_for_some_requests(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Stall(), path="/n", times=1)

    assert peer.call(ops.Exists("/")).error == 0
    assert peer.write(request_frame(5, ops.Exists("/n"))) == b""
    assert not fault.is_over
    world.lift(fault)

    assert [reply.xid for reply in peer.read()] == [5]


def test_a_wrong_xid_is_the_only_thing_wrong(world: FaultyWorld, peer: Peer) -> None:
    world.befall(WrongXid())

    reply = peer.send(request_frame(1, ops.Exists("/")))

    assert (reply.xid, reply.error, len(reply.body)) == (1001, 0, 68)


def test_an_xid_that_is_too_large_begins_anew(world: FaultyWorld, peer: Peer) -> None:
    world.befall(WrongXid(1))

    assert peer.send(request_frame(0x7FFF_FFFF, ops.Exists("/"))).xid == -0x8000_0000


def test_a_truncated_reply_is_the_last(world: FaultyWorld, peer: Peer) -> None:
    whole = peer.write(request_frame(1, ops.Exists("/")))
    world.befall(Truncate())

    assert peer.write(request_frame(1, ops.Exists("/"))) == whole[: len(whole) // 2]

    assert peer.link.is_closing


def test_garbage_is_sent_as_it_is(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Garbage(b"rubbish"))

    assert peer.write(request_frame(1, ops.Create("/n"))) == b"rubbish"

    assert is_there(world, "/n")
    assert not peer.link.is_closing


def test_an_oversized_reply_has_another_length(world: FaultyWorld, peer: Peer) -> None:
    world.befall(Oversize())

    data = peer.write(request_frame(1, ops.Exists("/")))

    assert data[:4] == b"\x7f\xff\xff\xff"
    assert len(data) == 4 + 16 + 68


@pytest.mark.parametrize("code", [ErrorCode.QUOTA_EXCEEDED, -12345])
def test_an_error_is_instead_of_the_work(code: int, world: FaultyWorld, peer: Peer) -> None:
    world.befall(Error(code))

    assert peer.call(ops.Create("/n")).error == code

    assert not is_there(world, "/n")


def test_the_paths_of_a_multi_count(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Error(), path="/b")

    peer.call(ops.Multi((ops.Create("/a"), ops.Create("/b"))))

    assert fault.count == 1


def test_what_cannot_be_read_meets_no_fault_with_a_path(world: FaultyWorld, peer: Peer) -> None:
    fault = world.befall(Error(), path="/*", operation="any")

    assert peer.send(raw_request(1, 3, b"\xff")).error == ErrorCode.MARSHALLING_ERROR
    assert peer.send(raw_request(1, 99)).error == ErrorCode.UNIMPLEMENTED

    assert fault.count == 0


@pytest.mark.parametrize(
    ("kind", "argument", "text"),
    [
        (Delay, 0.0, "a delay must be a time in seconds, not 0.0"),
        (WrongXid, 1 << 31, "by must fit in 32 bits, not 2147483648"),
        (Oversize, 1 << 40, "length must fit in 32 bits, not 1099511627776"),
        (Error, -(1 << 32), "code must fit in 32 bits, not -4294967296"),
    ],
)
def test_what_cannot_be_is_told(kind: Any, argument: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{text}$"):
        kind(argument)
