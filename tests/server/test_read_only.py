"""A server that takes no writes, as one that lost its ensemble (protocol.md, 14)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import zc.zk
from tests.promises.told import States
from tests.server.conversation import PASSWORD, Peer, World
from tests.server.wireclient import Reply, WireClient, connect_frame, raw_request, split_frames
from tests.waiting import wait_until
from zc.zk import Client, KeeperState, State
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, ErrorCode
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

READING = connect_frame(read_only=True)
SOON = 30.0


@pytest.fixture
def world() -> World:
    """A server that has a node with data, and takes no writes any more."""
    world = World()
    world.connect().ask(ops.Create("/n", b"data"))
    world.core.switch(True, world.now)
    return world


@pytest.fixture
def reader(world: World) -> Peer:
    return attach(world, READING)


def attach(world: World, frame: bytes) -> Peer:
    peer = world.arrive()
    peer.connect(frame)
    return peer


def reading(peer: Peer) -> bytes:
    """Give the frame that takes a session up again."""
    return connect_frame(peer.session_id, PASSWORD, read_only=True)


# Connecting


def test_who_accepts_it_is_told_what_it_is(reader: Peer, world: World) -> None:
    assert reader.response is not None
    assert reader.response.read_only is True
    assert reader.response.timeout == 10_000


@pytest.mark.parametrize("read_only", [False, None])
def test_who_does_not_ask_for_it_is_hung_up_on(read_only: bool | None, world: World) -> None:
    peer = world.arrive()

    assert peer.write(connect_frame(read_only=read_only)) == b""
    assert peer.link.is_closing


def test_a_session_of_its_own_takes_no_zxid(world: World) -> None:
    before = world.zxid
    peer = attach(world, READING)
    peer.call(ops.CloseSession())

    assert world.zxid == before
    assert peer.link.is_closing


def test_a_session_of_its_own_can_be_taken_up_again(reader: Peer, world: World) -> None:
    again = attach(world, reading(reader))

    assert again.session_id == reader.session_id
    assert reader.link.is_closing


def test_a_session_of_before_is_hung_up_on_and_lives() -> None:
    world = World()
    before = world.connect()
    world.core.switch(True, world.now)
    peer = world.arrive()

    assert peer.write(reading(before)) == b""
    assert peer.link.is_closing
    world.advance(1000.0)
    world.core.switch(False, world.now)
    assert world.connect(session_id=before.session_id).session_id == before.session_id


def test_an_unknown_session_is_refused(world: World) -> None:
    peer = attach(world, connect_frame(4711, PASSWORD, read_only=True))

    assert peer.response is not None
    assert peer.response.timeout == 0
    assert peer.response.read_only is True
    assert peer.link.is_closing


def test_without_local_sessions_nobody_gets_one() -> None:
    world = World(Settings(first_zxid=7, local_sessions=False))
    world.core.switch(True, world.now)
    peer = world.arrive()

    (answer,) = split_frames(peer.write(READING))

    assert Reply.parse(answer) == (0, 7, ErrorCode.NOT_READ_ONLY, b"")
    assert len(answer) == 16
    assert peer.link.is_closing


# Asking


@pytest.mark.parametrize("opcode", [1, 2, 5, 7, 9, 13, 14, 15, 16, 19, 21])
def test_what_writes_is_refused_without_being_read(opcode: int, reader: Peer, world: World) -> None:
    before = world.zxid

    assert reader.send(raw_request(7, opcode)) == (7, before, ErrorCode.NOT_READ_ONLY, b"")
    assert not reader.link.is_closing
    assert world.zxid == before


def test_what_reads_is_answered(reader: Peer) -> None:
    watch = ops.Watch()
    reads = (
        ops.GetData("/n", watch),
        ops.Exists("/n", watch),
        ops.GetChildren("/", watch),
        ops.MultiRead((ops.GetData("/n"),)),
        ops.Ping(),
        ops.WhoAmI(),
        ops.AddWatch("/n", watch),
        ops.Auth("digest", b"bob:pw"),
        ops.GetEphemerals("/"),
    )

    assert [reader.call(each).error for each in reads] == [0] * len(reads)


def test_an_unknown_operation_still_ends_the_connection(reader: Peer) -> None:
    assert reader.send(raw_request(7, 99)).error == ErrorCode.UNIMPLEMENTED
    assert reader.link.is_closing


def test_a_silent_session_ends_in_time(reader: Peer, world: World) -> None:
    world.advance(9.0)
    assert not reader.link.is_closing
    world.advance(3.0)

    assert reader.link.is_closing
    assert list(world.core.sessions) == [next(iter(world.core.store.sessions))]


def test_a_session_of_its_own_can_be_ended_by_an_administrator(reader: Peer, world: World) -> None:
    before = world.zxid

    assert world.core.expire(reader.session_id, world.now)

    assert reader.link.is_closing
    assert world.zxid == before


# Changing over


@pytest.mark.parametrize("is_read_only", [True, False])
def test_a_change_ends_every_connection(is_read_only: bool) -> None:
    world = World()
    world.core.switch(not is_read_only, world.now)
    peers = [attach(world, READING), world.arrive()]

    world.core.switch(is_read_only, world.now)

    assert all(peer.link.is_closing for peer in peers)


def test_staying_what_it_is_ends_none(reader: Peer, world: World) -> None:
    world.core.switch(True, world.now)

    assert not reader.link.is_closing


def test_ephemerals_of_before_wait_and_then_have_the_whole_time_again() -> None:
    world = World()
    owner = world.connect()
    owner.ask(ops.Create("/e", flags=CreateFlag.EPHEMERAL))

    world.core.switch(True, world.now)
    world.advance(1000.0)
    reader = attach(world, READING)
    assert reader.call(ops.Exists("/e")).error == 0
    world.core.switch(False, world.now)
    world.advance(9.0)
    peer = world.connect()
    assert peer.call(ops.Exists("/e")).error == 0
    world.advance(3.0)

    assert world.connect().call(ops.Exists("/e")).error == ErrorCode.NO_NODE


def test_its_own_sessions_are_unknown_once_writes_are_taken(reader: Peer, world: World) -> None:
    world.core.switch(False, world.now)

    peer = attach(world, reading(reader))

    assert peer.response is not None
    assert peer.response.timeout == 0


def test_nothing_is_swept_meanwhile() -> None:
    world = World(Settings(first_zxid=0, sweep_interval=1.0))
    world.connect().ask(ops.CreateTTL("/t", ttl=1))
    world.core.switch(True, world.now)

    assert world.core.deadline() is None
    world.advance(100.0)

    assert attach(world, READING).call(ops.Exists("/t")).error == 0


# Over sockets


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    """One that takes no writes, and one that does, with the same data."""
    with Server() as lonely, Server() as other:
        for server in (other, lonely):
            with Client(server.address) as client:
                client.create("/a", b"data")
        lonely.go_read_only()
        yield lonely, other


def test_our_client_reads_and_is_refused_writes(servers: tuple[Server, Server]) -> None:
    lonely, _ = servers
    with Client(lonely.address, timeout=4.0, read_only=True) as reader:
        data, stat = reader.get("/a")

        assert data == b"data"
        assert reader.client_state is KeeperState.CONNECTED_RO
        writes: list[Callable[[], object]] = [
            lambda: reader.create("/b"),
            lambda: reader.set("/a", b"new"),
            lambda: reader.delete("/a", stat.version),
            lambda: reader.sync("/a"),
        ]
        for write in writes:
            with pytest.raises(zc.zk.NotReadOnlyCallError, match=r"^the server is read-only: /"):
                write()


def test_our_client_is_told_when_nobody_takes_writes(servers: tuple[Server, Server]) -> None:
    client = Client(servers[0].address, timeout=4.0)

    with pytest.raises(zc.zk.FailedConnect):
        client.start(timeout=1.0)


def test_our_client_finds_the_server_that_takes_writes(servers: tuple[Server, Server]) -> None:
    lonely, other = servers
    with Client(lonely.address, timeout=4.0, read_only=True) as reader:
        states = States(reader)
        before = reader.client_state

        reader.set_hosts(f"{lonely.address},{other.address}")
        wait_until(lambda: reader.client_state is KeeperState.CONNECTED, SOON)
        reader.set("/a", b"new")

        assert before is KeeperState.CONNECTED_RO
        assert states.values[-1] == State.CONNECTED


def test_when_writes_are_taken_again_our_client_writes(servers: tuple[Server, Server]) -> None:
    lonely, _ = servers
    with Client(lonely.address, timeout=4.0, read_only=True) as reader:
        before = reader.client_state

        lonely.go_read_write()
        wait_until(lambda: reader.client_state is KeeperState.CONNECTED, SOON)
        reader.create("/b")

        assert before is KeeperState.CONNECTED_RO
        assert reader.get("/b")[0] == b""


def test_our_client_keeps_its_session_while_writes_are_refused_for_a_moment() -> None:
    with Server() as server, Client(server.address) as client:
        client.create("/e", ephemeral=True)
        before = client.client_id

        server.go_read_only()
        server.go_read_write()

        assert client.exists("/e") is not None
        assert client.client_id == before


def test_it_stays_read_only_over_a_restart(tmp_path: Path) -> None:
    for data_dir in (None, tmp_path):
        with Server(data_dir=data_dir) as server:
            server.go_read_only()
            server.restart()

            assert server.is_read_only
            with WireClient(server.port, READING) as reader:
                assert reader.response.read_only is True
                assert reader.call(ops.Create("/n")).error == ErrorCode.NOT_READ_ONLY
