"""One connection in memory: frames, handshake, dispatch (protocol.md, 1 to 4)."""

import random
from typing import Any

import pytest

from tests.server.conversation import PASSWORD, Peer, World
from tests.server.wireclient import (
    Reply,
    connect_frame,
    framed,
    raw_request,
    request_frame,
    split_frames,
)
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, OpCode
from zc.zk.jute import Reader
from zc.zk.records import ConnectResponse
from zc.zk.server.settings import Settings

WATCH = ops.Watch()
MOST = 0xFFFFF


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


# The frames of protocol.md, section 22

GOLDEN_WALL = 0x1A1F7B5B27F / 1000
OWNER = "010000039aca0010"

CONVERSATION = [
    (  # ping
        "00000008 fffffffe 0000000b",
        "00000010 fffffffe 0000000000002f0c 00000000",
    ),
    (  # addauth digest "bob:pw"
        ("00000020 fffffffc 00000064 00000000 00000006 646967657374 00000006 626f623a7077"),
        "00000010 fffffffc 0000000000000000 00000000",
    ),
    (  # create "/demo"
        (
            "00000036 00000002 00000001 00000005 2f64656d6f 00000002 6869 00000001 "
            "0000001f00000005 776f726c64 00000006 616e796f6e65 00000000"
        ),
        "00000019 00000002 0000000000002f0d 00000000 00000005 2f64656d6f",
    ),
    (  # create2 "/demo/lock-", ephemeral and sequential
        (
            "0000003a 00000003 0000000f 0000000b 2f64656d6f2f6c6f636b2d 00000000 00000001 "
            "0000001f00000005 776f726c64 00000006 616e796f6e65 00000003"
        ),
        (
            "0000006d 00000003 0000000000002f0e 0000000000000015 "
            "2f64656d6f2f6c6f636b2d303030303030303030300000000000002f0e 0000000000002f0e "
            f"000001a1f7b5b27f 000001a1f7b5b27f00000000 00000000 00000000 {OWNER} 00000000 "
            "00000000 0000000000002f0e"
        ),
    ),
    (  # getData "/demo" with a watch
        "00000012 00000004 00000004 00000005 2f64656d6f 01",
        (
            "0000005a 00000004 0000000000002f0e 00000000 00000002 68690000000000002f0d "
            "0000000000002f0d 000001a1f7b5b27f 000001a1f7b5b27f00000000 00000001 00000000 "
            "0000000000000000 00000002 00000001 0000000000002f0e"
        ),
    ),
    (  # setData: the event precedes the reply
        "0000001b 00000005 00000005 00000005 2f64656d6f 00000002 796f 00000000",
        (
            "00000021 ffffffff ffffffffffffffff 00000000 00000003 00000003 00000005 "
            "2f64656d6f00000054 00000005 0000000000002f0f 000000000000000000002f0d "
            "0000000000002f0f 000001a1f7b5b27f 000001a1f7b5b28000000001 00000001 00000000 "
            "0000000000000000 00000002 00000001 0000000000002f0e"
        ),
    ),
    (  # delete "/demo", which has a child
        "00000015 00000006 00000002 00000005 2f64656d6f ffffffff",
        "00000010 00000006 0000000000002f10 ffffff91",
    ),
    (  # getChildren
        "00000012 00000007 00000008 00000005 2f64656d6f 00",
        (
            "00000027 00000007 0000000000002f10 00000000 00000001 "
            "0000000f6c6f636b2d30303030303030303030"
        ),
    ),
    (  # exists on a missing node, with a watch
        "00000017 00000008 00000003 0000000a 2f64656d6f2f6e6f7065 01",
        "00000010 00000008 0000000000002f10 ffffff9b",
    ),
    (  # setWatches: the event first
        (
            "00000025 fffffff8 00000065 0000000000000000 00000001 00000005 "
            "2f64656d6f00000000 00000000"
        ),
        (
            "00000021 ffffffff ffffffffffffffff 00000000 00000003 00000003 00000005 "
            "2f64656d6f00000010 fffffff8 0000000000002f10 00000000"
        ),
    ),
    (  # closeSession
        "00000008 00000011 fffffff5",
        "00000010 00000011 0000000000002f11 00000000",
    ),
]


def test_a_conversation_reads_as_the_real_one_did() -> None:
    settings = Settings(version=(3, 8), first_zxid=0x2F0A)
    world = World(settings, wall=GOLDEN_WALL + 0.0001 - 100.0)
    world.connect()  # so that the next session's id does not look like a time
    peer = world.arrive()
    peer.connect(connect_frame(timeout=6000))

    for request, answer in CONVERSATION:
        if request.startswith("0000001b"):
            world.now += 0.001
        written = peer.write(bytes.fromhex(request)).hex()
        written = written.replace(f"{peer.session_id:016x}", OWNER)
        assert written == bytes.fromhex(answer).hex()

    assert peer.link.is_closing


def test_the_handshake_reads_as_the_real_one_did(world: World) -> None:
    peer = world.arrive()

    written = peer.write(
        bytes.fromhex(
            "0000002d 00000000 0000000000000000 00001770 0000000000000000 00000010"
            "00000000000000000000000000000000 00"
        )
    )

    (session,) = world.core.sessions
    assert written.hex() == (f"000000250000000000001770{session.id:016x}00000010{PASSWORD.hex()}00")


# Frames


def test_bytes_fed_one_at_a_time_give_the_same(world: World) -> None:
    frames = connect_frame() + b"".join(
        bytes.fromhex(request) for request, _ in CONVERSATION if request[:8] != "0000001b"
    )
    whole, dribbled = World().arrive(), World().arrive()

    at_once = whole.write(frames)
    piece_by_piece = b"".join(dribbled.write(frames[at : at + 1]) for at in range(len(frames)))

    assert piece_by_piece == at_once
    assert len(split_frames(at_once)) == 12


@pytest.mark.parametrize("size", [2, 3, 5, 7, 64, 1000])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    gets: list[ops.Operation[Any]] = [ops.GetData("/n")] * 20
    requests = [ops.Create("/n", bytes(100)), *gets, ops.Delete("/n")]
    frames = connect_frame() + b"".join(
        request_frame(xid, request) for xid, request in enumerate(requests)
    )
    whole, cut = World().arrive(), World().arrive()

    at_once = whole.write(frames)
    in_pieces = b"".join(cut.write(frames[at : at + size]) for at in range(0, len(frames), size))

    assert in_pieces == at_once


@pytest.mark.parametrize("length", [0, -1, -(2**31), MOST + 1, 2**31 - 1])
def test_a_length_that_cannot_be_ends_the_connection(length: int, peer: Peer) -> None:
    assert peer.write(length.to_bytes(4, signed=True)) == b""

    assert peer.link.is_closing


@pytest.mark.parametrize("length", [0, -1, MOST + 1])
def test_a_first_length_that_cannot_be_ends_the_connection(length: int, world: World) -> None:
    peer = world.arrive()

    assert peer.write(length.to_bytes(4, signed=True)) == b""

    assert peer.link.is_closing


def test_the_longest_frame_is_accepted(peer: Peer) -> None:
    path = "/n"
    data = bytes(MOST - 47 - len(path))
    frame = request_frame(1, ops.Create(path, data))
    assert len(frame) == 4 + MOST

    assert peer.send(frame).error == 0


def test_a_long_frame_in_small_pieces_is_looked_at_once(world: World, peer: Peer) -> None:
    frame = request_frame(1, ops.Create("/n", bytes(500_000)))

    for at in range(0, len(frame), 100):
        peer.link.receive(frame[at : at + 100], world.now)

    assert [reply.error for reply in peer.read()] == [0]


def test_replies_come_in_the_order_of_requests(peer: Peer) -> None:
    requests: tuple[ops.Operation[Any], ...] = (
        ops.Create("/n"),
        ops.GetData("/n"),
        ops.SetData("/n", b""),
        ops.Ping(),
    )

    data = peer.write(b"".join(request_frame(xid, each) for xid, each in enumerate(requests)))

    assert [Reply.parse(frame).xid for frame in split_frames(data)] == [0, 1, 2, -2]


def test_xids_are_echoed_whatever_they_are(peer: Peer) -> None:
    for xid in (0, -1, -4, -8, -77, 2**31 - 1, -(2**31)):
        (reply,) = split_frames(peer.write(request_frame(xid, ops.Sync("/"))))
        assert Reply.parse(reply).xid == xid


def test_a_ping_is_answered_under_its_own_xid(peer: Peer) -> None:
    assert peer.send(request_frame(77, ops.Ping())).xid == -2


def test_a_frame_too_short_for_its_header_ends_the_connection(peer: Peer) -> None:
    assert peer.write(framed(b"abcdefg")) == b""

    assert peer.link.is_closing


def test_an_unknown_operation_is_answered_and_the_connection_ends(world: World, peer: Peer) -> None:
    before = world.zxid

    reply = peer.send(raw_request(7, 99))

    assert reply == (7, -1, -6, b"")
    assert peer.link.is_closing
    assert world.zxid == before


@pytest.mark.parametrize("opcode", [0, 10, 13, 20, 23, 108, -1])
def test_operations_that_clients_may_not_ask_for_are_unknown(opcode: int, peer: Peer) -> None:
    assert peer.send(raw_request(7, opcode)).error == -6


def test_a_read_with_a_body_cut_short_is_refused_and_the_connection_stays(
    world: World, peer: Peer
) -> None:
    before = world.zxid

    reply = peer.send(raw_request(7, 4, b"\0\0\0\5/n"))

    assert reply == (7, before, -5, b"")
    assert peer.call(ops.Sync("/")).error == 0


@pytest.mark.parametrize(
    ("version", "opcode", "zxids"),
    [
        ((3, 8), OpCode.CREATE, 1),
        ((3, 8), OpCode.MULTI, 1),
        ((3, 8), OpCode.RECONFIG, 0),
        ((3, 9), OpCode.CREATE, 0),
        ((3, 9), OpCode.MULTI, 1),
        ((3, 9), OpCode.RECONFIG, 0),
    ],
)
def test_a_write_with_a_body_cut_short_takes_a_zxid_where_apaches_does(
    version: tuple[int, int], opcode: OpCode, zxids: int
) -> None:
    world = World(Settings(first_zxid=0, version=version))
    peer = world.connect()
    before = world.zxid

    reply = peer.send(raw_request(7, opcode, b"\0\0\0\5/n"))

    assert reply == (7, before + zxids, -5, b"")
    assert world.zxid == before + zxids


def test_a_null_path_cannot_be_read(peer: Peer) -> None:
    assert peer.send(raw_request(7, 4, b"\xff\xff\xff\xff\0")).error == -5


def test_null_watch_lists_cannot_be_read(peer: Peer) -> None:
    assert peer.send(raw_request(-8, 101, bytes(8) + b"\xff" * 12)).error == -5


def test_bytes_after_the_record_are_ignored(peer: Peer) -> None:
    assert peer.send(raw_request(7, 4, b"\0\0\0\1/\0rest")).error == 0


def test_an_auth_packet_that_cannot_be_read_ends_the_connection(peer: Peer) -> None:
    assert peer.write(raw_request(-4, 100, b"\0\0")) == b""

    assert peer.link.is_closing


def test_nothing_is_answered_after_the_end_of_a_session(peer: Peer) -> None:
    frames = request_frame(1, ops.CloseSession()) + request_frame(2, ops.Ping())

    assert [Reply.parse(frame).xid for frame in split_frames(peer.write(frames))] == [1]

    assert peer.write(request_frame(3, ops.Ping())) == b""


# The handshake


def test_a_client_before_3_4_gets_no_read_only_byte(world: World) -> None:
    (answer,) = split_frames(world.arrive().write(connect_frame(read_only=None)))

    assert len(answer) == 0x24
    assert ConnectResponse.read(Reader(answer)).read_only is None


def test_a_client_that_accepts_read_only_servers_is_told_that_this_is_none(world: World) -> None:
    assert world.arrive().connect(connect_frame(read_only=True)).read_only is False


@pytest.mark.parametrize("password", [b"", b"x", bytes(100)])
def test_a_new_session_needs_no_password(password: bytes, world: World) -> None:
    assert world.arrive().connect(connect_frame(password=password)).timeout > 0


def test_a_null_password_is_as_good_as_none(world: World) -> None:
    frame = framed(bytes(24) + b"\xff\xff\xff\xff\0")

    assert world.arrive().connect(frame).timeout > 0


@pytest.mark.parametrize(
    ("wanted", "negotiated"),
    [(10_000, 10_000), (0, 2000), (-5, 2000), (2**31 - 1, 60_000), (1999, 2000)],
)
def test_the_time_out_is_clamped(wanted: int, negotiated: int, world: World) -> None:
    assert world.arrive().connect(connect_frame(timeout=wanted)).timeout == negotiated


def test_a_new_session_takes_one_zxid(world: World) -> None:
    before = world.zxid

    world.connect()

    assert world.zxid == before + 1


@pytest.mark.parametrize(("ahead", "is_served"), [(1, False), (0, True), (-1, True)])
def test_a_client_that_has_seen_more_is_sent_away(
    ahead: int, is_served: bool, world: World
) -> None:
    world.connect()
    peer = world.arrive()

    data = peer.write(connect_frame(last_zxid_seen=world.zxid + ahead))

    assert bool(data) is is_served
    assert peer.link.is_closing is not is_served


def test_a_negative_zxid_is_fine(world: World) -> None:
    assert world.arrive().connect(connect_frame(last_zxid_seen=-1)).timeout > 0


def test_a_session_is_taken_over_and_the_older_connection_ends(world: World, peer: Peer) -> None:
    before = world.zxid

    newer = world.connect(timeout=20_000, session_id=peer.session_id)

    assert newer.response == ConnectResponse(20_000, peer.session_id, PASSWORD, read_only=False)
    assert peer.link.is_closing
    assert not newer.link.is_closing
    assert world.zxid == before


def test_a_wrong_password_is_refused_and_ends_the_older_connection_all_the_same(
    world: World, peer: Peer
) -> None:
    intruder = world.arrive()

    response = intruder.connect(connect_frame(peer.session_id, bytes(16)))

    assert response == ConnectResponse(0, 0, bytes(16), read_only=False)
    assert intruder.link.is_closing
    assert peer.link.is_closing
    assert world.connect(session_id=peer.session_id).session_id == peer.session_id


@pytest.mark.parametrize("session_id", [1, -1, 0x7FFF_FFFF_FFFF_FFFF])
def test_an_unknown_session_is_refused(session_id: int, world: World) -> None:
    frame = connect_frame(session_id, PASSWORD)

    written = world.arrive().write(frame)

    assert written.hex() == f"00000025{0:08x}{0:08x}{0:016x}00000010{0:032x}00"


def test_a_closed_session_is_refused(world: World, peer: Peer) -> None:
    peer.call(ops.CloseSession())

    assert world.connect(session_id=peer.session_id).response == ConnectResponse(
        0, 0, bytes(16), read_only=False
    )


def test_requests_sent_with_the_handshake_are_answered(world: World) -> None:
    data = world.arrive().write(connect_frame() + request_frame(1, ops.Sync("/")))

    assert len(split_frames(data)) == 2


def test_a_handshake_that_cannot_be_read_ends_the_connection(world: World) -> None:
    peer = world.arrive()

    assert peer.write(framed(b"no handshake")) == b""

    assert peer.link.is_closing


def test_ephemerals_survive_a_take_over_but_watches_and_identities_do_not(world: World) -> None:
    peer, other = world.connect(), world.connect()
    peer.ask(ops.Auth("digest", b"bob:pw"))
    peer.ask(ops.Create("/e", flags=CreateFlag.EPHEMERAL))
    peer.ask(ops.GetData("/e", WATCH))

    newer = world.connect(session_id=peer.session_id)
    other.ask(ops.SetData("/e", b"x"))

    assert newer.take_events() == []
    assert [identity.scheme for identity in newer.link.identities] == ["ip"]


# Slow and hostile peers


def test_a_peer_that_does_not_read_has_to_wait_with_its_requests() -> None:
    world = World(Settings(first_zxid=0, unsent_bytes_to_pause=10_000))
    peer = world.connect()
    peer.ask(ops.Create("/big", bytes(5000)))
    requests = b"".join(request_frame(xid, ops.GetData("/big")) for xid in range(10))

    peer.link.receive(requests, world.now)

    assert peer.link.unsent_bytes < 20_000
    assert peer.link.has_waiting_requests


def test_requests_that_waited_are_answered_in_order_once_there_is_room() -> None:
    world = World(Settings(first_zxid=0, unsent_bytes_to_pause=10_000))
    peer = world.connect()
    peer.ask(ops.Create("/big", bytes(5000)))
    requests = b"".join(request_frame(xid, ops.GetData("/big")) for xid in range(10))

    replies = [Reply.parse(frame).xid for frame in split_frames(peer.write(requests))]
    while peer.link.has_waiting_requests:
        replies += [Reply.parse(frame).xid for frame in split_frames(peer.write(b""))]

    assert replies == list(range(10))


def test_a_peer_that_never_reads_its_events_is_dropped() -> None:
    world = World(Settings(first_zxid=0, unsent_bytes_to_drop=1000))
    sleeper, writer = world.connect(), world.connect()
    writer.ask(ops.Create("/n"))

    for xid in range(100):
        sleeper.link.receive(request_frame(xid, ops.GetData("/n", WATCH)), world.now)

    assert sleeper.link.is_closing
    assert sleeper.link.unsent_bytes == 0
    assert world.core.store.sessions.find(sleeper.session_id) is not None


def test_unread_bytes_of_an_unfinished_frame_do_not_count_as_waiting(
    world: World, peer: Peer
) -> None:
    peer.link.receive(request_frame(1, ops.Ping())[:7], world.now)

    assert not peer.link.has_waiting_requests


def test_whatever_comes_is_answered_or_ends_the_connection_and_harms_nobody(world: World) -> None:
    dice = random.Random(20)
    witness = world.connect()
    opcodes = [*range(-12, 24), *range(99, 109)]

    for _ in range(3000):
        peer = world.connect() if dice.random() < 0.9 else world.arrive()
        body = dice.randbytes(dice.randrange(60)).replace(b"\xf0", b"\0")
        frame = raw_request(dice.randrange(9), dice.choice(opcodes), body)
        split_frames(peer.write(frame if dice.random() < 0.9 else dice.randbytes(50)))
        world.core.disconnect(peer.link)

    assert witness.call(ops.GetData("/")).error == 0


def test_a_connection_without_a_session_has_none_to_give(world: World) -> None:
    with pytest.raises(RuntimeError, match="before it had one"):
        _ = world.arrive().link.session
