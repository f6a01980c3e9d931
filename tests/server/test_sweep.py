"""Containers and TTL nodes go by themselves, each by its rule (protocol.md, 6)."""

import pytest

from tests.server.conversation import Peer, World
from tests.server.wireclient import WireClient
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, ErrorCode
from zc.zk.jute import Reader
from zc.zk.server.settings import Settings

DELETED, CHILD = 2, 4


def world_with(**settings: float) -> World:
    return World(Settings(tick_time=1.0, first_zxid=0, sweep_interval=10.0, **settings))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return world_with()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect(timeout=60_000)


def is_there(peer: Peer, path: str) -> bool:
    return peer.call(ops.Exists(path)).error == 0


def test_a_container_goes_when_its_last_child_has_gone(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateContainer("/c"))
    peer.ask(ops.Create("/c/n"))
    world.advance(10.0)
    assert is_there(peer, "/c")

    peer.ask(ops.Delete("/c/n"))
    assert is_there(peer, "/c")
    world.advance(10.0)

    assert not is_there(peer, "/c")


def test_a_container_that_was_never_used_stays(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateContainer("/c"))

    world.advance(50.0)

    assert is_there(peer, "/c")


def test_a_container_that_was_never_used_goes_where_that_is_asked_for() -> None:
    world = world_with(never_used_interval=15.0)
    peer = world.connect(timeout=60_000)
    peer.ask(ops.CreateContainer("/c"))

    world.advance(10.0)
    assert is_there(peer, "/c")
    world.advance(10.0)

    assert not is_there(peer, "/c")


def test_a_ttl_node_goes_after_its_time(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateTTL("/t", ttl=15_000))

    world.advance(10.0)
    assert is_there(peer, "/t")
    world.advance(10.0)

    assert not is_there(peer, "/t")


def test_writing_to_a_ttl_node_begins_its_time_anew(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateTTL("/t", ttl=15_000))
    for _ in range(3):
        world.advance(10.0)
        peer.ask(ops.SetData("/t", b""))

    world.advance(10.0)

    assert is_there(peer, "/t")


def test_a_ttl_node_with_children_stays_and_goes_when_the_last_has_gone(
    world: World, peer: Peer
) -> None:
    peer.ask(ops.CreateTTL("/t", ttl=1000))
    peer.ask(ops.Create("/t/n"))
    world.advance(30.0)
    assert is_there(peer, "/t")

    peer.ask(ops.Delete("/t/n"))
    world.advance(10.0)

    assert not is_there(peer, "/t")


def test_a_sweep_is_an_ordinary_deletion_under_a_zxid_of_its_own(world: World, peer: Peer) -> None:
    for name in ("/a", "/b"):
        peer.ask(ops.CreateTTL(name, ttl=1000))
    peer.ask(ops.AddWatch("/a", ops.Watch(), AddWatchMode.PERSISTENT))
    peer.ask(ops.GetChildren("/", ops.Watch()))
    before = world.zxid

    world.advance(10.0)

    assert world.zxid == before + 2
    assert peer.take_events() == [(DELETED, "/a"), (CHILD, "/")]
    assert peer.ask(ops.Exists("/")).pzxid == before + 2


def test_a_container_in_a_container_goes_one_sweep_earlier(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateContainer("/c"))
    peer.ask(ops.CreateContainer("/c/d"))
    peer.ask(ops.Create("/c/d/n"))
    peer.ask(ops.Delete("/c/d/n"))

    world.advance(10.0)
    assert (is_there(peer, "/c"), is_there(peer, "/c/d")) == (True, False)
    world.advance(10.0)

    assert not is_there(peer, "/c")


def test_one_sweep_deletes_only_so_many() -> None:
    world = world_with(most_swept_at_once=3)
    peer = world.connect(timeout=60_000)
    for number in range(5):
        peer.ask(ops.CreateTTL(f"/{number}", ttl=1))

    world.advance(10.0)

    assert len(peer.ask(ops.GetChildren("/"))) == 1 + 2


def test_there_is_something_to_wait_for_only_while_there_are_such_nodes(world: World) -> None:
    peer = world.connect(timeout=60_000)
    without = world.core.deadline()
    peer.ask(ops.CreateContainer("/c"))

    assert world.core.deadline() == world.now + 10.0
    peer.ask(ops.Delete("/c"))
    assert world.core.deadline() == without


def test_before_its_time_nothing_is_swept(world: World, peer: Peer) -> None:
    peer.ask(ops.CreateTTL("/t", ttl=1))

    world.advance(9.9)

    assert is_there(peer, "/t")


def test_without_extended_types_there_are_no_ttl_nodes_but_containers() -> None:
    peer = World(Settings(first_zxid=0, extended_types=False)).connect()

    assert peer.call(ops.CreateTTL("/t", ttl=1)).error == ErrorCode.UNIMPLEMENTED
    assert peer.call(ops.CreateContainer("/c")).error == 0


def test_every_server_sweeps_by_the_same_rules(every_server: AnyServer) -> None:
    with WireClient(every_server.port) as client:
        top = f"/sweep-{client.response.session_id:x}"

        def names() -> list[str]:
            reply = client.call(ops.GetChildren(top))
            return sorted(ops.GetChildren(top).read(Reader(reply.body)))

        client.call(ops.Create(top))
        for name in ("used", "unused", "full"):
            client.call(ops.CreateContainer(f"{top}/{name}"))
        for name in ("used", "full"):
            client.call(ops.Create(f"{top}/{name}/n"))
        client.call(ops.CreateTTL(f"{top}/brief", ttl=1))
        parent = f"{top}/brief-parent"  # with its child from the start: it would go between
        client.call(ops.Multi((ops.CreateTTL(parent, ttl=1), ops.Create(f"{parent}/n"))))
        client.call(ops.CreateTTL(f"{top}/long", ttl=3_600_000))

        client.call(ops.Delete(f"{top}/used/n"))

        wait_until(lambda: names() == ["brief-parent", "full", "long", "unused"], 5.0)
        client.call(ops.Delete(f"{parent}/n"))
        wait_until(lambda: names() == ["full", "long", "unused"], 5.0)
        client.call(ops.CloseSession())
