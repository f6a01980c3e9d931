"""The core: connections come and go, sessions end by the clock."""

import pytest

from tests.server.conversation import PASSWORD, Peer, World
from tests.server.wireclient import connect_frame
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.server.settings import Settings

WATCH = ops.Watch()


@pytest.fixture
def world() -> World:
    return World()


# Sessions and the clock


def test_a_silent_session_ends_within_a_tick_after_its_time_out(world: World) -> None:
    peer = world.connect(timeout=2000)

    world.advance(2.0)
    assert not peer.link.is_closing
    world.advance(1.0)

    assert peer.link.is_closing
    assert peer.read() == []
    assert list(world.core.sessions) == []


@pytest.mark.parametrize("operation", [ops.Ping(), ops.GetData("/"), ops.GetData("/none")])
def test_every_packet_keeps_the_session_alive(operation: ops.Ping, world: World) -> None:
    peer = world.connect(timeout=2000)

    for _ in range(10):
        world.advance(1.9)
        peer.call(operation)

    assert not peer.link.is_closing


def test_an_expiry_is_one_transaction(world: World) -> None:
    peer, other = world.connect(timeout=2000), world.connect()
    for name in ("/a", "/b"):
        peer.ask(ops.Create(name, flags=CreateFlag.EPHEMERAL))
    other.ask(ops.GetData("/a", WATCH))
    other.ask(ops.GetChildren("/", WATCH))
    before = world.zxid

    world.advance(3.0)

    assert world.zxid == before + 1
    assert other.take_events() == [(2, "/a"), (4, "/")]
    assert other.ask(ops.GetChildren("/")) == ["zookeeper"]


def test_the_loss_of_a_connection_does_not_end_the_session(world: World) -> None:
    peer = world.connect(timeout=10_000)
    peer.ask(ops.Create("/e", flags=CreateFlag.EPHEMERAL))

    world.core.disconnect(peer.link)
    world.advance(5.0)

    newer = world.connect(session_id=peer.session_id)
    assert newer.ask(ops.Exists("/e")) is not None


def test_attaching_again_begins_the_time_out_anew(world: World) -> None:
    peer = world.connect(timeout=2000)
    world.core.disconnect(peer.link)
    world.advance(1.9)

    world.connect(timeout=2000, session_id=peer.session_id)
    world.advance(1.9)

    assert len(list(world.core.sessions)) == 1


def test_an_expired_session_is_refused(world: World) -> None:
    peer = world.connect(timeout=2000)
    world.advance(5.0)

    response = world.arrive().connect(connect_frame(peer.session_id, PASSWORD))

    assert (response.timeout, response.session_id) == (0, 0)


def test_a_session_can_be_ended_now(world: World) -> None:
    peer = world.connect()

    assert world.core.expire(peer.session_id, world.now)

    assert peer.link.is_closing
    assert not world.core.expire(peer.session_id, world.now)


def test_a_jump_of_the_clock_ends_each_session_once(world: World) -> None:
    for _ in range(3):
        world.connect()
    before = world.zxid

    world.advance(10_000.0)

    assert world.zxid == before + 3


# Deadlines


def test_with_nobody_there_is_nothing_to_wait_for(world: World) -> None:
    assert world.core.deadline() is None


def test_the_deadline_is_that_of_whoever_is_first(world: World) -> None:
    world.arrive()
    assert world.core.deadline() == world.now + 10.0

    world.connect(timeout=3000)

    assert world.core.deadline() == world.now + 4.0


def test_a_deadline_that_is_kept_moves_on(world: World) -> None:
    world.connect(timeout=2000)
    world.arrive()

    for _ in range(10):
        deadline = world.core.deadline()
        if deadline is None:
            break
        world.advance(deadline - world.now)

    assert world.core.deadline() is None


# Connections


def test_one_connection_too_many_from_a_host_is_hung_up_on_without_a_word() -> None:
    world = World(Settings(first_zxid=0, most_connections_per_host=2))
    first, second = world.connect(host="10.0.0.1"), world.arrive("10.0.0.1")

    third = world.arrive("10.0.0.1")

    assert third.link.is_closing
    assert third.write(connect_frame()) == b""
    assert not first.link.is_closing
    assert not second.link.is_closing
    assert world.connect(host="10.0.0.2").session_id


def test_a_host_may_come_again_once_one_of_its_connections_went() -> None:
    world = World(Settings(first_zxid=0, most_connections_per_host=1))
    first, refused = world.arrive(), world.arrive()
    for peer in (refused, first, first):
        world.core.disconnect(peer.link)

    assert world.connect().session_id
    assert world.arrive().link.is_closing


def test_a_host_may_have_any_number_of_connections_unless_told_otherwise(world: World) -> None:
    peers = [world.arrive() for _ in range(100)]

    assert not any(peer.link.is_closing for peer in peers)


def test_a_connection_that_asks_for_no_session_is_closed_after_ten_seconds(world: World) -> None:
    silent, attached = world.arrive(), world.connect(timeout=60_000)

    world.advance(9.9)
    assert not silent.link.is_closing
    world.advance(0.1)

    assert silent.link.is_closing
    assert not attached.link.is_closing


def test_one_connection_too_many_is_closed_without_a_word() -> None:
    world = World(Settings(first_zxid=0, most_connections=2))
    first, second, third = (world.arrive() for _ in range(3))

    assert [peer.link.is_closing for peer in (first, second, third)] == [False, False, True]
    assert third.write(connect_frame()) == b""

    for peer in (first, third):
        world.core.disconnect(peer.link)
    assert not world.arrive().link.is_closing


def test_those_who_have_something_to_send_are_told_once(world: World) -> None:
    peer, other = world.connect(), world.connect()
    peer.call(ops.Exists("/n", WATCH))
    world.core.take_ready()

    other.call(ops.Create("/n"))

    assert set(world.core.take_ready()) == {peer.link, other.link}
    assert list(world.core.take_ready()) == []


def test_those_who_want_to_end_are_told(world: World) -> None:
    peer = world.connect(timeout=2000)
    world.core.take_ready()

    world.advance(5.0)

    assert list(world.core.take_ready()) == [peer.link]


def test_what_has_gone_is_forgotten(world: World) -> None:
    peer = world.connect()
    peer.ask(ops.GetData("/", WATCH))
    peer.ask(ops.GetChildren("/", WATCH))

    world.core.disconnect(peer.link)
    world.core.disconnect(peer.link)

    assert world.core.links == {}
    assert len(world.core.store.watches) == 0
    assert world.core.store.sessions[peer.session_id].link is None
    assert list(world.core.take_ready()) == []


def test_an_older_connection_that_goes_does_not_detach_the_newer(world: World) -> None:
    older = world.connect()
    newer = world.connect(session_id=older.session_id)

    world.core.disconnect(older.link)

    assert world.core.store.sessions[older.session_id].link is newer.link


# What it says of itself


@pytest.mark.parametrize("word", [b"ruok", b"srvr", b"stat", b"mntr", b"isro", b"envi", b"cons"])
def test_a_word_is_answered_and_the_connection_ends(word: bytes, world: World) -> None:
    peer = world.arrive()

    assert peer.write(word) != b""

    assert peer.link.is_closing


def test_the_other_words_are_refused_unless_they_are_allowed(world: World) -> None:
    refusal = b"cons is not executed because it is not in the whitelist.\n"
    open_world = World(Settings(words=("*",)))

    assert world.arrive().write(b"cons") == refusal
    assert open_world.arrive().write(b"cons").startswith(b" /127.0.0.1:4711[0](")


def test_figures_begin_anew_when_asked_to() -> None:
    world = World(Settings(words=("*",)))
    peer = world.connect()
    peer.call(ops.Ping())
    world.core.told(peer.link, world.now + 0.25)

    assert b"Received: 3\n" in world.arrive().write(b"srvr")
    assert b"min/avg/max: 250/250.0/250\n" in world.arrive().write(b"srvr")
    assert world.arrive().write(b"srst") == b"Server stats reset.\n"
    status = world.core.status()

    # The answer itself is the first to count again.
    assert (status.received, status.sent, status.latency.count) == (0, 1, 0)
    assert peer.link.figures.received == 2


def test_figures_of_connections_begin_anew_when_asked_to() -> None:
    world = World(Settings(words=("*",)))
    peer = world.connect()
    before = world.core.status()

    assert world.arrive().write(b"crst") == b"Connection stats reset.\n"

    assert peer.link.figures.received == peer.link.figures.sent == 0
    assert world.core.status().received == before.received + 1


def test_a_refused_word_changes_nothing(world: World) -> None:
    peer = world.connect()
    for word in (b"srst", b"crst"):
        world.arrive().write(word)

    assert peer.link.figures.received == 1
    assert world.core.status().received == 3


def test_a_word_may_come_one_letter_at_a_time(world: World) -> None:
    peer = world.arrive()

    assert b"".join(peer.write(letter) for letter in (b"r", b"u", b"o", b"k")) == b"imok"


@pytest.mark.parametrize("word", [b"RUOK", b"nope", b"GET ", b"\x16\x03\x01\x02"])
def test_what_is_no_word_is_a_length_that_cannot_be(word: bytes, world: World) -> None:
    peer = world.arrive()

    assert peer.write(word) == b""

    assert peer.link.is_closing


def test_after_the_handshake_there_are_no_words(world: World) -> None:
    peer = world.connect()

    assert peer.write(b"ruok") == b""

    assert peer.link.is_closing


def test_the_status_counts_what_there_is(world: World) -> None:
    peer = world.connect()
    peer.ask(ops.Create("/e", b"12345", flags=CreateFlag.EPHEMERAL))
    peer.ask(ops.GetData("/e", WATCH))
    gone = world.connect()
    world.core.disconnect(gone.link)

    status = world.core.status()

    assert status.store is world.core.store
    assert (status.connections_count, len(status.connections())) == (1, 1)
    assert (status.received, status.sent) == (4, 4)


# Whole stories


def test_a_lock_moves_on_when_its_holder_expires(world: World) -> None:
    holder, waiter = world.connect(timeout=2000), world.connect(timeout=60_000)
    flags = CreateFlag.EPHEMERAL | CreateFlag.SEQUENTIAL
    waiter.ask(ops.Create("/lock"))
    first = holder.ask(ops.Create("/lock/n-", flags=flags))
    waiter.ask(ops.Create("/lock/n-", flags=flags))
    waiter.ask(ops.Exists(first, WATCH))

    world.advance(5.0)

    assert waiter.take_events() == [(2, first)]
    assert waiter.ask(ops.GetChildren("/lock")) == ["n-0000000001"]


def test_a_watch_is_found_again_by_zxid_after_a_new_connection(world: World) -> None:
    peer, other = world.connect(), world.connect()
    other.ask(ops.Create("/n"))
    seen = peer.call(ops.GetData("/n", WATCH)).zxid
    world.core.disconnect(peer.link)
    other.ask(ops.SetData("/n", b"missed"))

    newer: Peer = world.connect(session_id=peer.session_id)
    newer.ask(ops.SetWatches(seen, data=("/n",)))

    assert newer.take_events() == [(3, "/n")]
