"""Several writes under one zxid or none, several reads each on its own (protocol.md, 12)."""

import random
from typing import Any

import pytest

from tests.server.conversation import Peer, World, stat_of
from tests.server.wireclient import Reply, raw_request, request_frame, split_frames
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, OpCode
from zc.zk.errors import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from zc.zk.security import ACL, Id
from zc.zk.server import batches
from zc.zk.server.changes import Transaction
from zc.zk.server.settings import Settings

WATCH = ops.Watch()
SEQUENTIAL, EPHEMERAL = CreateFlag.SEQUENTIAL, CreateFlag.EPHEMERAL
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
CLOSED = (ACL(0, Id("world", "anyone")),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def peer(world: World) -> Peer:
    return world.connect()


def multi(peer: Peer, *parts: ops.Operation[Any]) -> list[Any]:
    results = peer.ask(ops.Multi(parts))
    assert isinstance(results, list)
    return results


def kinds(results: list[Any]) -> list[type]:
    return [type(each) for each in results]


def state(world: World) -> object:
    tree = world.core.store.tree
    nodes = {path: (node.stat(), node.data, node.created) for path, node in tree.nodes.items()}
    return nodes, tree.ephemerals, tree.swept, tree.data_bytes, len(world.core.store.watches)


# What succeeds


def test_all_parts_share_one_zxid_and_are_answered_each_by_its_kind(
    world: World, peer: Peer
) -> None:
    before = world.zxid

    results = multi(
        peer,
        ops.Create("/a", b"1"),
        ops.Create2("/a/b", b"2"),
        ops.CreateContainer("/c"),
        ops.CreateTTL("/t", ttl=5000),
        ops.SetData("/a", b"3"),
        ops.Check("/a", 1),
        ops.Delete("/a/b"),
    )

    assert world.zxid == before + 1
    assert results[0] == "/a"
    assert [path for path, _ in results[1:4]] == ["/a/b", "/c", "/t"]
    assert {stat.czxid for _, stat in results[1:4]} == {before + 1}
    assert results[4] == stat_of(peer, "/a")._replace(cversion=1, numChildren=1, pzxid=before + 1)
    assert results[5:] == [True, True]


def test_later_parts_see_what_earlier_ones_did(peer: Peer) -> None:
    results = multi(
        peer,
        ops.Create("/p"),
        ops.Create("/p/n-", flags=SEQUENTIAL),
        ops.Create("/p/n-", flags=SEQUENTIAL),
        ops.Delete("/p/n-0000000000"),
        ops.Delete("/p/n-0000000001"),
        ops.Delete("/p"),
    )

    assert results[:3] == ["/p", "/p/n-0000000000", "/p/n-0000000001"]
    assert peer.call(ops.Exists("/p")).error == NoNodeError.code


def test_the_journal_keeps_it_as_one_transaction(world: World, peer: Peer) -> None:
    told: list[Transaction] = []
    world.core.store.journal = told.append

    multi(peer, ops.Create("/a"), ops.Check("/a"), ops.Create("/a/b"))

    (transaction,) = told
    assert len(transaction.changes) == 2


def test_nothing_at_all_succeeds_and_takes_a_zxid(world: World, peer: Peer) -> None:
    before = world.zxid

    assert multi(peer) == []

    assert world.zxid == before + 1


def test_watchers_are_told_in_order_and_before_the_answer(peer: Peer) -> None:
    peer.ask(ops.GetChildren("/", WATCH))
    peer.call(ops.Exists("/a", WATCH))
    peer.ask(ops.GetData("/", WATCH))
    parts = (ops.SetData("/", b"x"), ops.Create("/a"), ops.Delete("/a"))

    frames = split_frames(peer.write(request_frame(7, ops.Multi(parts))))

    replies = [Reply.parse(frame) for frame in frames]
    assert [reply.xid for reply in replies] == [-1, -1, -1, 7]
    assert [reply.event for reply in replies[:-1]] == [
        (CHANGED, "/"),
        (CREATED, "/a"),
        (CHILD, "/"),
    ]
    assert {reply.zxid for reply in replies} == {replies[-1].zxid}


# What fails


def test_a_failure_says_which_part_failed_and_the_header_says_nothing(
    world: World, peer: Peer
) -> None:
    before = world.zxid

    reply = peer.call(ops.Multi((ops.Create("/a"), ops.Check("/a", 7), ops.Delete("/a"))))

    assert (reply.error, reply.zxid) == (0, before + 1)
    assert reply.body.hex() == (
        "ffffffff00 00000000 00000000 ffffffff00 ffffff99 ffffff99"
        "ffffffff00 fffffffe fffffffe ffffffff01 ffffffff"
    ).replace(" ", "")


def test_a_failure_undoes_everything_and_tells_nobody(world: World, peer: Peer) -> None:
    other = world.connect()
    peer.ask(ops.Create("/p", b"old"))
    peer.ask(ops.Create("/p/gone"))
    other.ask(ops.AddWatch("/p", WATCH))
    before, told = state(world), list[Transaction]()
    world.core.store.journal = told.append

    results = multi(
        peer,
        ops.SetData("/p", b"new"),
        ops.Delete("/p/gone"),
        ops.Create("/p/s-", flags=SEQUENTIAL),
        ops.Create("/p/e", flags=EPHEMERAL),
        ops.CreateContainer("/p/c"),
        ops.Create("/p/c/n"),
        ops.Delete("/p"),
        ops.Create("/never"),
    )

    assert kinds(results) == [RolledBackError] * 6 + [NotEmptyError, RuntimeInconsistency]
    assert state(world) == before
    assert other.take_events() == []
    assert told == []


def test_a_number_that_was_rolled_back_is_given_out_again(peer: Peer) -> None:
    multi(peer, ops.Create("/n-", flags=SEQUENTIAL), ops.Check("/none"))

    assert peer.ask(ops.Create("/n-", flags=SEQUENTIAL)) == "/n-0000000000"


def test_every_rule_holds_for_a_part(peer: Peer) -> None:
    peer.ask(ops.Create("/closed", acl=CLOSED))

    assert kinds(multi(peer, ops.Create("/closed/n"))) == [NoAuthError]
    assert kinds(multi(peer, ops.Check("/closed"))) == [NoAuthError]
    assert kinds(multi(peer, ops.Check("/none", 7))) == [NoNodeError]
    assert kinds(multi(peer, ops.Check("/", 7))) == [BadVersionError]
    assert kinds(multi(peer, ops.Create("/a"), ops.Create("/a"))) == [
        RolledBackError,
        NodeExistsError,
    ]


def test_a_bug_of_ours_leaves_no_half_of_a_transaction_behind(
    world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(world)

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setitem(batches._WRITES, ops.Check, broken)  # noqa: SLF001 (no request does this)

    with pytest.raises(RuntimeError):
        peer.call(ops.Multi((ops.Create("/a"), ops.Check("/a"))))

    assert state(world) == before


# Creations as parts: the flags say more than the number of the operation


@pytest.mark.parametrize("version", [(3, 8), (3, 9)])
def test_a_part_that_creates_may_be_a_container_by_its_flags(version: tuple[int, int]) -> None:
    world = World(Settings(first_zxid=0, version=version))

    (result,) = multi(world.connect(), ops.Create2("/c", flags=CreateFlag.CONTAINER))

    assert result[0] == "/c"
    assert list(world.core.store.tree.swept) == ["/c"]


def test_before_3_9_a_create2_is_answered_without_a_status() -> None:
    peer = World(Settings(first_zxid=0, version=(3, 8))).connect()

    results = multi(peer, ops.Create2("/a"), ops.CreateContainer("/c"))

    assert results[0] == ("/a", None)
    assert results[1] == ("/c", stat_of(peer, "/c"))


@pytest.mark.parametrize("flags", [5, 6])
def test_flags_of_ttl_nodes_make_another_creation_unreadable(flags: int, peer: Peer) -> None:
    reply = peer.call(ops.Multi((ops.Create("/a"), ops.Create("/t", flags=CreateFlag(flags)))))

    assert (reply.error, reply.body) == (-5, b"")
    assert peer.call(ops.Exists("/a")).error == NoNodeError.code


@pytest.mark.parametrize(("version", "error"), [((3, 8), 0), ((3, 9), -5)])
def test_unknown_flags_fail_their_part_or_since_3_9_the_multi(
    version: tuple[int, int], error: int
) -> None:
    peer = World(Settings(first_zxid=0, version=version)).connect()

    reply = peer.call(ops.Multi((ops.Create("/a", flags=CreateFlag(8)),)))

    assert reply.error == error


def test_a_check_alone_is_refused_as_3_9_does(peer: Peer) -> None:
    reply = peer.call(ops.Check("/"))

    assert (reply.zxid, reply.error) == (-1, -6)
    assert peer.link.is_closing


# MultiRead


def test_each_read_succeeds_or_fails_on_its_own(world: World, peer: Peer) -> None:
    peer.ask(ops.Create("/p", b"data"))
    peer.ask(ops.Create("/p/closed", acl=CLOSED))
    before = world.zxid

    results = peer.ask(
        ops.MultiRead(
            (
                ops.GetData("/p"),
                ops.GetData("/none"),
                ops.GetChildren("/p"),
                ops.GetChildren("/p/closed"),
            )
        )
    )

    assert results[0] == (b"data", stat_of(peer, "/p"))
    assert kinds(results[1:]) == [NoNodeError, list, NoAuthError]
    assert world.zxid == before


def test_reads_in_a_batch_leave_no_watches(world: World, peer: Peer) -> None:
    peer.ask(ops.MultiRead((ops.GetData("/", WATCH), ops.GetChildren("/", WATCH))))

    assert len(world.core.store.watches) == 0


def test_an_answer_that_no_connection_could_hold_is_not_made() -> None:
    world = World(Settings(first_zxid=0, unsent_bytes_to_drop=100_000))
    peer = world.connect()
    peer.ask(ops.Create("/big", bytes(50_000)))

    assert peer.call(ops.MultiRead((ops.GetData("/big"),))).error == 0
    assert peer.call(ops.MultiRead((ops.GetData("/big"),) * 3)).error == -5


# Garbage


EVERY_PART = (
    ops.Create("/a", b"1"),
    ops.Create2("/a/b", flags=SEQUENTIAL),
    ops.CreateContainer("/c"),
    ops.CreateTTL("/t", ttl=5000),
    ops.SetData("/a", b"3"),
    ops.Check("/a"),
    ops.Delete("/t"),
)


def test_a_multi_cut_short_anywhere_changes_nothing(world: World, peer: Peer) -> None:
    frame = request_frame(7, ops.Multi(EVERY_PART))
    before = state(world)

    for length in range(12, len(frame)):
        reply = peer.send(raw_request(7, OpCode.MULTI, frame[12:length]))
        assert (reply.error, reply.body) == (-5, b"")

    assert state(world) == before


@pytest.mark.parametrize(
    "batch",
    [
        ops.Multi(EVERY_PART),
        ops.MultiRead((ops.GetData("/"), ops.GetChildren("/zookeeper"), ops.GetData("/x"))),
    ],
)
def test_garbage_in_a_batch_is_answered_and_harms_nobody(
    batch: ops.Operation[Any], world: World
) -> None:
    dice = random.Random(12)
    frame = request_frame(7, batch)
    witness = world.connect()

    for _ in range(3000):
        peer = world.connect()
        body = bytearray(frame[12:])
        for _ in range(dice.choice([1, 1, 2, 5])):
            body[dice.randrange(len(body))] = dice.choice(
                [0, 1, 2, 4, 13, 255, dice.randrange(256)]
            )
        replies = [
            Reply.parse(each)
            for each in split_frames(peer.write(raw_request(7, batch.opcode, bytes(body))))
        ]
        assert [reply.xid for reply in replies] == [7]
        world.core.disconnect(peer.link)

    assert witness.call(ops.GetData("/")).error == 0
