"""The operations of ZooKeeper 3.4 to 3.9: the embedded server says what a real one says."""

import re
import socket
from typing import Any

import pytest

from tests.server.stories import Pair, Step, Story, arming_all, asking, compare, dropping, sending
from tests.server.wireclient import framed, raw_request, request_frame
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag, OpCode, WatcherType
from zc.zk.security import ACL, CREATOR_ALL_ACL, READ_ACL_UNSAFE, Id

pytestmark = pytest.mark.real

EPHEMERAL, SEQUENTIAL = CreateFlag.EPHEMERAL, CreateFlag.SEQUENTIAL
WATCH = ops.Watch()
LOCKED = (ACL(0, Id("world", "anyone")),)
CREATIONS = (ops.Create, ops.Create2, ops.CreateContainer, ops.CreateTTL)
FLAGS = range(-1, 9)
TTLS = (0, 5, 2**40 - 1, 2**40)


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, signed=True)


def text(value: str) -> bytes:
    return number(len(value)) + value.encode()


def creation(path: str, flags: int, ttl: int | None) -> bytes:
    """Give the body of a create request with any flags at all."""
    acl = number(1) + number(31) + text("world") + text("anyone")
    body = text(path) + number(0) + acl + number(flags)
    return body if ttl is None else body + number(ttl, 8)


def batch(*parts: tuple[int, bytes]) -> bytes:
    """Give the body of a multi of any parts at all."""
    heads = [number(kind) + b"\0" + number(-1) + body for kind, body in parts]
    return b"".join(heads) + number(-1) + b"\1" + number(-1)


def multi(client: int, *parts: ops.Operation[Any]) -> Step:
    return asking(client, ops.Multi(parts))


# Creations: alone, and as part of a multi


def combinations() -> list[tuple[int, int, int | None]]:
    found: list[tuple[int, int, int | None]] = []
    for operation in CREATIONS:
        for flags in FLAGS:
            ttls = TTLS if operation is ops.CreateTTL else (None,)
            found += [(operation.opcode, flags, ttl) for ttl in ttls]
    return [*found, (OpCode.CREATE_TTL, 5, -1), (OpCode.CREATE_TTL, 6, -1)]


def test_each_way_to_create_is_judged_by_both_alike(pair: Pair) -> None:
    top = "/ways"
    steps = [asking(0, ops.Create(top))]
    for at, (opcode, flags, ttl) in enumerate(combinations()):
        steps.append(sending(0, raw_request(at, opcode, creation(f"{top}/alone{at}-", flags, ttl))))
        part = (opcode, creation(f"{top}/part{at}-", flags, ttl))
        steps.append(sending(0, raw_request(at, OpCode.MULTI, batch(part))))
    steps += [asking(0, ops.GetChildren2(top)), asking(0, ops.GetEphemerals(top))]

    compare(steps, pair)


def test_what_is_no_multi_is_judged_by_both_alike(pair: Pair) -> None:
    bodies: list[tuple[int, bytes]] = [
        (OpCode.MULTI, batch()),
        (OpCode.MULTI_READ, batch()),
        (OpCode.MULTI, batch((4, text("/") + b"\0"))),
        (OpCode.MULTI_READ, batch((2, text("/x") + number(0)))),
        (OpCode.MULTI_READ, batch((12, text("/") + b"\0"))),
        (OpCode.MULTI, batch((7, text("/")))),
        (OpCode.MULTI, batch((99, b""))),
        (OpCode.MULTI, batch((14, batch()))),
        (OpCode.MULTI, batch((-11, b""))),
        (OpCode.MULTI, b""),
        (OpCode.MULTI_READ, b""),
        (OpCode.MULTI, batch()[:-1]),
        (OpCode.MULTI, batch((2, text("/none") + number(0)))[:-1]),
        (OpCode.MULTI, batch((13, text("/") + number(0))) + b"more"),
    ]
    steps = [sending(0, raw_request(at, *each)) for at, each in enumerate(bodies)]

    compare([*steps, asking(0, ops.Create("/no-multi"))], pair)


# Multis


def test_a_multi_is_all_or_nothing_for_both(pair: Pair) -> None:
    top = "/multi"
    steps = [
        asking(0, ops.Create(top)),
        asking(1, ops.GetChildren(top, WATCH)),
        asking(1, ops.Exists(f"{top}/a", WATCH)),
        asking(2, ops.GetData(top, WATCH)),
        # What fails leaves nothing behind and tells nobody.
        multi(0, ops.Create(f"{top}/a"), ops.SetData(top, b"x"), ops.Check(top, 0)),
        multi(0, ops.Create(f"{top}/a"), ops.Create(f"{top}/a/b"), ops.Delete(f"{top}/a")),
        multi(
            0,
            ops.Create(f"{top}/s-", flags=SEQUENTIAL),
            ops.Create(f"{top}/e", flags=EPHEMERAL),
            ops.Create(f"{top}/e/x"),
            ops.Delete(f"{top}/none"),
        ),
        asking(0, ops.GetChildren2(top)),
        asking(0, ops.GetEphemerals("/")),
        # What succeeds sees its own steps, counts on, and tells in order.
        multi(
            0,
            ops.Create(f"{top}/a", b"1"),
            ops.Create2(f"{top}/a/b", b"2"),
            ops.SetData(f"{top}/a", b"3", 0),
            ops.Check(f"{top}/a", 1),
            ops.Create(f"{top}/s-", flags=SEQUENTIAL),
            ops.Create2(f"{top}/s-", flags=SEQUENTIAL),
            ops.CreateContainer(f"{top}/c"),
            ops.CreateTTL(f"{top}/t", ttl=10**9),
            ops.Delete(f"{top}/a/b"),
            ops.Delete(f"{top}/a"),
            ops.SetData(top, b"4"),
            ops.SetData(top, b"5"),
            ops.Create(f"{top}/e", flags=EPHEMERAL),
        ),
        asking(0, ops.GetChildren2(top)),
        *(asking(0, ops.GetData(f"{top}/{name}")) for name in ("a", "c", "t", "e")),
        multi(0),
        multi(0, ops.Check(top)),
        multi(0, ops.Check(top, 7)),
        multi(0, ops.Check(f"{top}/none")),
        multi(0, ops.Check(f"{top}/", 7)),
        multi(0, ops.Check("", 7)),
        multi(0, ops.Create("x"), ops.Create("y")),
        multi(0, ops.Delete("/"), ops.Create("y")),
        asking(0, ops.Create(f"{top}/last-", flags=SEQUENTIAL)),
    ]

    compare(steps, pair)


def test_permissions_hold_inside_a_multi_for_both(pair: Pair) -> None:
    top = "/multi-acl"
    steps = [
        asking(1, ops.Auth("digest", b"bob:pw")),
        asking(1, ops.Create(top, b"", tuple(CREATOR_ALL_ACL))),
        asking(1, ops.Create(f"{top}/n", b"", tuple(READ_ACL_UNSAFE))),
        *(
            multi(client, *parts)
            for client in (0, 1)
            for parts in (
                (ops.Check(top),),
                (ops.Check(f"{top}/n"),),
                (ops.Create(f"{top}/x"), ops.Delete(f"{top}/x")),
                (ops.SetData(f"{top}/n", b"x"),),
                (ops.Create("/multi-acl-x", b"", ()),),
                (ops.Create("/multi-acl-y", acl=LOCKED), ops.SetData("/multi-acl-y", b"x")),
            )
        ),
        asking(0, ops.MultiRead((ops.GetData(top), ops.GetChildren(f"{top}/n")))),
        asking(1, ops.MultiRead((ops.GetData(top), ops.GetChildren(f"{top}/n")))),
    ]

    compare(steps, pair)


def test_a_multi_read_gives_each_answer_on_its_own_for_both(pair: Pair) -> None:
    top = "/reads"
    reads = ops.MultiRead(
        (
            ops.GetData(top, WATCH),
            ops.GetChildren(top, WATCH),
            ops.GetData(f"{top}/none", WATCH),
            ops.GetChildren("", WATCH),
            ops.GetData("x"),
        )
    )
    steps = [
        asking(0, ops.Create(top, None)),
        asking(0, reads),
        asking(1, ops.SetData(top, b"x")),
        asking(1, ops.Create(f"{top}/none")),
        asking(0, reads),
    ]

    compare(steps, pair)


def test_watchers_are_told_before_the_answer_to_a_multi_by_both(pair: Pair) -> None:
    top = "/order"
    parts = (ops.SetData(top, b"x"), ops.Create(f"{top}/n"), ops.Delete(f"{top}/n"))
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.GetData(top, WATCH)),
        asking(0, ops.GetChildren(top, WATCH)),
        asking(0, ops.Exists(f"{top}/n", WATCH)),
        sending(0, request_frame(9, ops.Multi(parts)) + framed(b"\0\0\0\7\0\0\0\x0b")),
    ]

    compare(steps, pair)


# Containers and TTL nodes


def test_containers_and_ttl_nodes_have_children_and_no_owner_for_both(pair: Pair) -> None:
    top = "/kinds"
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.CreateContainer(f"{top}/c", b"data")),
        asking(0, ops.CreateTTL(f"{top}/t", b"data", ttl=10**9)),
        asking(0, ops.CreateTTL(f"{top}/t-", flags=CreateFlag.SEQUENTIAL_TTL, ttl=10**9)),
        *(asking(0, ops.Create(f"{top}/{name}/x", flags=EPHEMERAL)) for name in "ct"),
        *(asking(0, ops.GetData(f"{top}/{name}", WATCH)) for name in "ct"),
        *(asking(0, ops.GetChildren2(f"{top}/{name}", WATCH)) for name in "ct"),
        asking(0, ops.GetEphemerals("/")),
        asking(0, ops.CloseSession()),
        *(asking(1, ops.SetData(f"{top}/{name}", b"x")) for name in "ct"),
        *(asking(1, ops.Exists(f"{top}/{name}")) for name in "ct"),
        *(asking(1, ops.Delete(f"{top}/{name}")) for name in "ct"),
    ]

    compare(steps, pair)


# Watches that stay


def changes(path: str) -> list[Step]:
    """Give everything that can be told of a node, of its child and of its grandchild."""
    below = (path, f"{path}/n", f"{path}/n/m")
    return [
        *(asking(0, ops.Create(each)) for each in below),
        *(asking(0, ops.SetData(each, b"x")) for each in below),
        asking(0, ops.SetACL(path, tuple(READ_ACL_UNSAFE))),
        *(asking(0, ops.Delete(each)) for each in reversed(below)),
    ]


@pytest.mark.parametrize("path", ["/lasting", "/lasting/n", "/lasting/n/m", "/", "/lasting/n/m/x"])
@pytest.mark.parametrize("modes", [(0,), (1,), (0, 1), (1, 0), (0, 0), (1, 1)])
def test_watches_that_stay_are_told_the_same_by_both(
    modes: tuple[int, ...], path: str, pair: Pair
) -> None:
    story = changes("/lasting")
    steps = [
        *(asking(1, ops.AddWatch(path, WATCH, AddWatchMode(mode))) for mode in modes),
        *story,
        *story,
        asking(1, ops.RemoveWatches(path, WatcherType.ANY)),
        *story,
    ]

    compare(steps, pair)


ARMINGS: dict[str, ops.Operation[Any]] = {
    "data": ops.GetData("/mixed/n", WATCH),
    "exist": ops.Exists("/mixed/n", WATCH),
    "child": ops.GetChildren("/mixed/n", WATCH),
    "persistent": ops.AddWatch("/mixed/n", WATCH, AddWatchMode.PERSISTENT),
    "recursive": ops.AddWatch("/mixed/n", WATCH, AddWatchMode.PERSISTENT_RECURSIVE),
    "above": ops.AddWatch("/mixed", WATCH, AddWatchMode.PERSISTENT_RECURSIVE),
}
KINDS = range(7)


def watcher_request(opcode: int, path: str, kind: int) -> bytes:
    return raw_request(17, opcode, text(path) + number(kind))


@pytest.mark.parametrize("first", ARMINGS)
@pytest.mark.parametrize("second", ARMINGS)
def test_ways_to_watch_one_path_meet_alike_on_both(first: str, second: str, pair: Pair) -> None:
    path = "/mixed/n"
    arm = [asking(1, ARMINGS[first]), asking(1, ARMINGS[second])]
    fire = [
        asking(0, ops.SetData(path, b"x")),
        asking(0, ops.Create(f"{path}/m")),
        asking(0, ops.SetData(f"{path}/m", b"x")),
        asking(0, ops.Delete(f"{path}/m")),
    ]
    steps = [asking(0, ops.Create("/mixed")), asking(0, ops.Create(path)), *arm, *fire]
    steps += [asking(0, ops.Delete(path)), asking(0, ops.Create(path))]
    for kind in KINDS:
        steps += [
            *arm,
            *(
                sending(client, watcher_request(OpCode.CHECK_WATCHES, path, each))
                for each in KINDS
                for client in (1, 2)
            ),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, path, kind)),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, path, kind)),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, f"{path}/m", kind)),
            *fire,
            asking(1, ops.AddWatch("/", WATCH, AddWatchMode.PERSISTENT)),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, "/", 3)),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, path, 3)),
            sending(1, watcher_request(OpCode.REMOVE_WATCHES, "/mixed", 3)),
        ]
    steps += [asking(0, ops.Delete(path)), asking(0, ops.Delete("/mixed"))]

    compare(steps, pair)


def test_who_may_not_read_is_told_nothing_by_either(pair: Pair) -> None:
    top = "/secret"
    steps = [
        asking(1, ops.AddWatch("/", WATCH, AddWatchMode.PERSISTENT_RECURSIVE)),
        asking(2, ops.AddWatch(top, WATCH, AddWatchMode.PERSISTENT)),
        asking(0, ops.Auth("digest", b"bob:pw")),
        asking(0, ops.Create(top, b"", tuple(CREATOR_ALL_ACL))),
        asking(0, ops.Create(f"{top}/open")),
        asking(0, ops.SetData(f"{top}/open", b"x")),
        asking(0, ops.SetData(top, b"x")),
        asking(1, ops.Auth("digest", b"bob:pw")),
        asking(0, ops.SetData(top, b"x")),
        asking(0, ops.Delete(f"{top}/open")),
        asking(0, ops.Delete(top)),
    ]

    compare(steps, pair)


def test_set_watches2_arms_what_stays_without_a_word_for_both(pair: Pair) -> None:
    top = "/armed2"
    paths = tuple(f"{top}/{name}" for name in ("old", "gone"))
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.Create(paths[0])),
        asking(0, ops.SetData(paths[0], b"x")),
        arming_all(1, 0, paths, paths, paths, paths, ()),
        arming_all(2, 100, paths, paths, paths, (), paths),
        *(asking(0, ops.SetData(paths[0], b"x")) for _ in range(2)),
        *(asking(0, ops.Create(path)) for path in (paths[1], f"{paths[0]}/x", f"{paths[1]}/x")),
        *(sending(1, raw_request(-8, 105, bytes(8) + number(0) * n)) for n in range(7)),
        sending(1, raw_request(-8, 105, bytes(8) + number(0) * 3 + number(-1) * 2)),
        *(asking(client, ops.RemoveWatches(paths[0])) for client in (1, 2)),
        asking(0, ops.SetData(paths[0], b"x")),
    ]

    compare(steps, pair)


def test_watches_end_with_their_connection_for_both(pair: Pair) -> None:
    steps = [
        asking(1, ops.AddWatch("/", WATCH, AddWatchMode.PERSISTENT_RECURSIVE)),
        dropping(1),
        asking(0, ops.Create("/unseen")),
        asking(1, ops.RemoveWatches("/")),
    ]

    compare(steps, pair)


def words(port: int, word: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), 10.0) as connection:
        connection.sendall(word)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def watch_counts(port: int) -> tuple[str, str]:
    (count,) = re.findall("zk_watch_count\t(.*)\n", words(port, b"mntr"))
    return words(port, b"wchs"), count


def test_watches_are_counted_alike_by_both(pair: Pair) -> None:
    def counts(story: Story) -> None:
        story.remarks.append(watch_counts(story.port))

    count = Step(0, 0, counts, "count the watches")
    steps = [count]
    for client, path, mode in ((0, "/", 1), (0, "/", 0), (0, "/x", 1), (1, "/x", 0), (1, "/", 1)):
        steps += [asking(client, ops.AddWatch(path, WATCH, AddWatchMode(mode))), count]
    steps += [asking(1, ops.Exists("/x", WATCH)), asking(1, ops.GetChildren("/", WATCH)), count]

    compare(steps, pair)


# The small reads


def test_the_small_reads_are_answered_alike_by_both(pair: Pair) -> None:
    top = "/small"
    steps = [
        asking(0, ops.WhoAmI()),
        asking(0, ops.Auth("digest", b"bob:pw")),
        asking(0, ops.Auth("digest", b"eve")),
        asking(0, ops.Auth("ip", b"")),
        asking(0, ops.WhoAmI()),
        asking(0, ops.GetEphemerals("/")),
        asking(0, ops.Create(top)),
        *(asking(0, ops.Create(f"{top}/e{n}", flags=EPHEMERAL)) for n in range(3)),
        asking(1, ops.Create(f"{top}/e", flags=EPHEMERAL)),
        asking(0, ops.Create(f"{top}/n", acl=LOCKED)),
        asking(0, ops.Create("/smaller")),
        *(
            asking(0, ops.GetEphemerals(prefix))
            for prefix in ("/", "", " ", "/s", f"{top}/e", f"{top}/e1", f"{top}/", "e", "/e", " /s")
        ),
        sending(0, raw_request(7, OpCode.GET_EPHEMERALS, number(-1))),
        *(
            asking(1, ops.GetAllChildrenNumber(path))
            for path in ("/", "/zookeeper", top, f"{top}/n", f"{top}/e", "/none", f"{top}/", "x")
        ),
        asking(0, ops.Reconfig()),
        asking(0, ops.Reconfig("server.1=x:1:2;3", None, None, 5)),
        asking(0, ops.Sync(top)),
        asking(0, ops.Sasl(b"")),
        asking(0, ops.Sasl(b"token")),
        asking(0, ops.GetEphemerals("/")),
        sending(0, raw_request(7, OpCode.SASL)),
    ]

    compare(steps, pair)
