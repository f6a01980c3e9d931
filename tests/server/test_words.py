"""The answers to four-letter words; those that list things see test_dumps (protocol.md, 16)."""

import pytest

from tests.server.conversation import World
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag
from zc.zk.server.settings import Settings
from zc.zk.server.words import WORDS, answer, is_allowed

WATCH = ops.Watch()
EVERYBODYS = Settings().words


@pytest.fixture
def world() -> World:
    """A server with three watches, one of them on children, an ephemeral node and 5 bytes of data."""
    world = World()
    peer, other = world.connect(), world.connect(host="::1")
    peer.ask(ops.Create("/e", b"12345", flags=CreateFlag.EPHEMERAL))
    peer.ask(ops.GetData("/e", WATCH))
    peer.ask(ops.GetChildren("/", WATCH))
    other.ask(ops.GetData("/e", WATCH))
    world.core.told(peer.link, world.now + 0.0025)
    return world


def told(world: World, word: bytes) -> str:
    return answer(word, world.core.status()).decode()


NUMBERS = """\
Latency min/avg/max: 2/2.5/2
Received: 6
Sent: 6
Connections: 2
Outstanding: 0
Zxid: 0x3
Mode: standalone
Node count: 6
"""


def test_ruok_is_answered_without_a_line_end(world: World) -> None:
    assert told(world, b"ruok") == "imok"


def test_isro_says_that_writes_are_taken(world: World) -> None:
    assert told(world, b"isro") == "rw"


def test_srvr_gives_version_and_numbers(world: World) -> None:
    assert told(world, b"srvr") == f"Zookeeper version: 3.9.3-zc.zk, built on Python\n{NUMBERS}"


def test_a_server_that_takes_no_writes_says_so(world: World) -> None:
    world.core.switch(True, world.now)

    assert told(world, b"isro") == "ro"
    lines = told(world, b"srvr").splitlines()
    assert lines[1] == "READ-ONLY mode; serving only read-only clients"
    assert "Mode: read-only" in lines
    assert "zk_server_state\tread-only\n" in told(world, b"mntr")


def test_stat_lists_the_clients_between(world: World) -> None:
    clients = (
        " /127.0.0.1:4711[1](queued=0,recved=4,sent=4)\n /[::1]:4711[1](queued=0,recved=2,sent=2)\n"
    )
    version = "Zookeeper version: 3.9.3-zc.zk, built on Python\n"

    assert told(world, b"stat") == f"{version}Clients:\n{clients}\n{NUMBERS}"


def test_mntr_gives_a_name_and_a_value_a_line(world: World) -> None:
    measures = dict(line.split("\t") for line in told(world, b"mntr").splitlines())

    assert measures["zk_server_state"] == "standalone"
    assert measures["zk_znode_count"] == "6"
    assert measures["zk_watch_count"] == "3"
    assert measures["zk_ephemerals_count"] == "1"
    assert measures["zk_approximate_data_size"] == "5"
    assert measures["zk_num_alive_connections"] == "2"
    assert measures["zk_outstanding_requests"] == "0"
    assert measures["zk_global_sessions"] == "2"
    assert measures["zk_max_latency"] == "2"
    assert all(name.startswith("zk_") for name in measures)


def test_an_empty_server_has_five_nodes_as_apache_counts() -> None:
    assert "Node count: 5\n" in told(World(), b"srvr")


def test_wchs_counts_the_watches_on_nodes_as_apache_does() -> None:
    world = World()
    peer, other = world.connect(), world.connect()
    peer.ask(ops.AddWatch("/", WATCH, AddWatchMode.PERSISTENT))
    peer.ask(ops.AddWatch("/n", WATCH, AddWatchMode.PERSISTENT_RECURSIVE))
    other.ask(ops.GetData("/", WATCH))
    other.ask(ops.GetChildren("/", WATCH))

    assert told(world, b"wchs") == "2 connections watching 2 paths\nTotal watches:3\n"
    assert "zk_watch_count\t5\n" in told(world, b"mntr")


def test_envi_tells_the_version_and_nothing_of_the_machine(world: World) -> None:
    assert told(world, b"envi").splitlines() == [
        "Environment:",
        "zookeeper.version=3.9.3-zc.zk, built on Python",
    ]


@pytest.mark.parametrize("word", sorted(WORDS - {each.encode() for each in EVERYBODYS}))
def test_words_that_tell_of_clients_and_data_are_refused_as_apache_does(
    word: bytes, world: World
) -> None:
    expected = f"{word.decode()} is not executed because it is not in the whitelist.\n"

    assert answer(word, world.core.status(), EVERYBODYS).decode() == expected


@pytest.mark.parametrize("word", sorted(WORDS - {b"stmk"}))
def test_every_word_can_be_allowed(word: bytes, world: World) -> None:
    for allowed in (("*",), ("ruok", word.decode())):
        assert is_allowed(word, allowed)
        assert b"whitelist" not in answer(word, world.core.status(), allowed)


def test_traces_that_are_not_there_cannot_be_asked_for(world: World) -> None:
    assert "whitelist" in told(world, b"stmk")
