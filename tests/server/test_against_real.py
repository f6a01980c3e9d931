"""The embedded server and a real one are asked the same, and must say the same."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.leaks import LeakGuard
from tests.realserver import RealServer
from tests.server.wireclient import (
    ClosedError,
    Reply,
    WireClient,
    connect_frame,
    raw_request,
)
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, OpCode
from zc.zk.jute import Reader
from zc.zk.records import SMALLEST_ACL, SMALLEST_STRING, Stat, read_acl
from zc.zk.security import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Id
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

pytestmark = pytest.mark.real

CLIENTS = 3
Line = tuple[object, ...]


@pytest.fixture(scope="module")
def apache(leak_guard: LeakGuard) -> Iterator[RealServer]:
    """A real server for this module alone: the transactions of others would move its zxids."""
    server = RealServer()
    leak_guard.exempt(lambda: server.processes)
    with server:
        yield server


@pytest.fixture(scope="module")
def embedded() -> Iterator[Server]:
    """Our server; both begin empty, and what a test leaves behind it leaves in both."""
    with Server(settings=Settings(version=(3, 8), tick_time=0.2)) as server:
        yield server


class Step(NamedTuple):
    """One thing to do, by one of the clients."""

    client: int
    opcode: int
    do: Callable[["Story"], Reply | None]
    text: str


class Story:
    """Tells what one server says to a list of steps, in words that are the same for every server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients = [WireClient(port) for _ in range(CLIENTS)]
        self.session_names = {
            client.response.session_id: f"session {number}"
            for number, client in enumerate(self.clients)
        }
        # What happens from here on is told relative to this zxid.
        self.base = self.clients[0].call(ops.Sync("/")).zxid
        self.current = 0

    @property
    def client(self) -> WireClient:
        return self.clients[self.current]

    def tell(self, step: Step) -> list[Line]:
        """Do a step, and tell its reply and the events of everybody."""
        self.current = step.client
        lines: list[Line] = []
        try:
            reply = step.do(self)
            lines.append(self._reply(step.opcode, reply) if reply else ("no reply",))
        except ClosedError:
            lines.append(("closed",))
        for number, client in enumerate(self.clients):
            events: list[Line] = []
            try:
                events = [self._event(event) for event in client.take_events()]
            except ClosedError:
                events = [self._event(event) for event in client.events]
                lines.append((number, "was closed"))
                self.reconnect(number)
            lines += [(number, *event) for event in sorted(events, key=repr)]
        return lines

    def reconnect(self, number: int) -> None:
        """Attach to the session again, or begin another where that one is over."""
        old = self.clients[number]
        old.socket.close()
        response = old.response
        attach = connect_frame(response.session_id, response.password)
        client = self.clients[number] = WireClient(self.port, attach)
        if not client.response.timeout:
            client.socket.close()
            client = self.clients[number] = WireClient(self.port)
            name = f"session {len(self.session_names)}"
            self.session_names[client.response.session_id] = name

    def close(self) -> None:
        for client in self.clients:
            client.call(ops.CloseSession())
            client.socket.close()

    def _event(self, event: Reply) -> Line:
        return ("event", event.zxid, *event.event)

    def _zxid(self, zxid: int) -> int:
        return zxid - self.base if zxid >= self.base else min(zxid, 0)

    def _reply(self, opcode: int, reply: Reply) -> Line:
        source = Reader(reply.body)
        body = self._body(opcode, source) if source.remaining else None
        source.finish()
        return (reply.xid, self._zxid(reply.zxid), reply.error, body)

    def _body(self, opcode: int, source: Reader) -> Line:
        match opcode:
            case OpCode.CREATE | OpCode.SYNC:
                return ("path", source.text())
            case OpCode.CREATE2 | OpCode.GET_DATA:
                return ("data", source.buffer(), self._stat(source))
            case OpCode.GET_CHILDREN:
                return ("names", self._names(source))
            case OpCode.GET_CHILDREN2:
                return ("names", self._names(source), self._stat(source))
            case OpCode.GET_ACL:
                acl = source.vector(lambda: read_acl(source), SMALLEST_ACL)
                return ("acl", sorted(acl), self._stat(source))
        return self._stat(source)

    def _names(self, source: Reader) -> list[str]:
        return sorted(source.vector(source.text, SMALLEST_STRING))

    def _stat(self, source: Reader) -> Line:
        stat = Stat.read(source)
        owner = stat.ephemeralOwner
        return (
            "stat",
            self._zxid(stat.czxid),
            self._zxid(stat.mzxid),
            self._zxid(stat.pzxid),
            stat.ctime == stat.mtime or stat.version > 0,
            *stat[4:7],
            self.session_names[owner] if owner else 0,
            *stat[8:10],
        )


def compare(steps: list[Step], apache: RealServer, embedded: Server) -> None:
    """Let both servers live through the steps, and fail at the first difference."""
    stories = [Story(apache.port), Story(embedded.port)]
    try:
        for number, step in enumerate(steps):
            real, ours = (story.tell(step) for story in stories)
            assert ours == real, f"step {number}, client {step.client}: {step.text}"
    finally:
        for story in stories:
            story.close()


# Steps


def asking(client: int, operation: ops.Operation[Any]) -> Step:
    opcode = operation.opcode
    return Step(client, opcode, lambda story: story.client.call(operation), f"{operation!r}")


def sending(client: int, frame: bytes) -> Step:
    opcode = int.from_bytes(frame[8:12], signed=True)
    return Step(client, opcode, lambda story: story.client.send(frame), f"raw {frame.hex()}")


def arming(
    client: int,
    since: int,
    data: tuple[str, ...] = (),
    exist: tuple[str, ...] = (),
    child: tuple[str, ...] = (),
) -> Step:
    """Send a SetWatches whose zxid lies `since` behind the first of the story."""

    def arm(story: Story) -> Reply:
        return story.client.call(ops.SetWatches(story.base + since, data, exist, child))

    return Step(client, OpCode.SET_WATCHES, arm, f"SetWatches {since} {data} {exist} {child}")


def dropping(client: int) -> Step:
    def drop(story: Story) -> None:
        story.client.socket.close()
        story.reconnect(story.current)

    return Step(client, 0, drop, "connect anew")


BOB_ID = Id("digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=")


def test_each_rule_of_the_tree_holds_for_both(apache: RealServer, embedded: Server) -> None:
    watch = ops.Watch()
    steps = [
        *(asking(0, ops.GetData(path)) for path in ("/", "", "/zookeeper/quota", "/zookeeper/x")),
        asking(0, ops.GetACL("/zookeeper/config")),
        asking(0, ops.SetData("/zookeeper/config", b"x")),
        asking(0, ops.GetChildren2("/zookeeper")),
        asking(0, ops.Create("/t", None)),
        asking(0, ops.GetData("/t")),
        asking(0, ops.Create("/t/n/x")),
        asking(0, ops.Create("/t/e", b"", flags=CreateFlag.EPHEMERAL)),
        asking(0, ops.Create("/t/e/x")),
        asking(0, ops.GetChildren("/t/e")),
        asking(0, ops.Create2("/t/s-", b"1", flags=CreateFlag.SEQUENTIAL)),
        asking(0, ops.Create2("/t/", b"1", flags=CreateFlag(3))),
        asking(1, ops.GetChildren2("/t", watch)),
        asking(1, ops.Exists("/t/e", watch)),
        asking(1, ops.GetChildren("/t/e", watch)),
        asking(2, ops.Exists("/t/new", watch)),
        asking(0, ops.GetData("/t/e", watch)),
        asking(0, ops.CloseSession()),
        asking(1, ops.Create("/t/new")),
        asking(2, ops.GetData("/t/new", watch)),
        asking(1, ops.SetData("/t/new", b"", 0)),
        asking(1, ops.SetData("/t/new", None, 0)),
        asking(1, ops.SetData("/t/new", None, -2)),
        asking(1, ops.SetACL("/t/new", (), 0)),
        asking(1, ops.SetACL("/t/new", tuple(READ_ACL_UNSAFE), 1)),
        asking(1, ops.SetACL("/t/new", tuple(READ_ACL_UNSAFE), 0)),
        asking(1, ops.SetACL("/t/new", tuple(READ_ACL_UNSAFE))),
        asking(1, ops.Delete("/t")),
        asking(1, ops.Delete("/t/new", 9)),
        asking(1, ops.Delete("/t/new", 2)),
        *(asking(1, ops.Delete(path)) for path in ("/", "", "/zookeeper", "x", "/t/\0", "/t/zz/")),
        asking(1, ops.Sync("no/path")),
    ]

    compare(steps, apache, embedded)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "x",
        "/p/",
        "/p//x",
        "//",
        "//x",
        "/p/.",
        "/p/./x",
        "/p/../x",
        "/p/..x",
        "/p/\x01",
        "/p/\0",
        "/p/\x7f",
        "/p/\u00a0",
        "/p/\ue000",
        "/p/\uf900",
        "/p/\ufff0",
        "/p/\U0001f600",
        "/p/é",
        "/missing/x",
        "/zookeeper/quota",
        "/zookeeper/config/x",
    ],
)
def test_each_odd_path_is_judged_by_both_alike(
    path: str, apache: RealServer, embedded: Server
) -> None:
    top = "/odd" + "".join(f"{ord(each):x}" for each in path)
    path = path.replace("/p/", f"{top}/")
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.Create(path)),
        asking(0, ops.Create(path, flags=CreateFlag.SEQUENTIAL)),
        asking(0, ops.SetData(path, b"x", 7)),
        asking(0, ops.SetACL(path, tuple(OPEN_ACL_UNSAFE), 7)),
        asking(0, ops.Exists(path)),
        asking(0, ops.GetData(path)),
        asking(0, ops.GetChildren(path)),
        asking(0, ops.GetACL(path)),
        asking(0, ops.Delete(path, 7)),
        asking(0, ops.Delete(path)),
    ]

    compare(steps, apache, embedded)


ACLS: list[tuple[ACL, ...]] = [
    (),
    (ACL(31, Id("world", "anyone")), ACL(31, Id("world", "anyone"))),
    (ACL(31, Id("world", "someone")),),
    (ACL(255, Id("world", "anyone")), ACL(0, Id("world", "anyone"))),
    (ACL(31, Id("auth", "whatever")),),
    (ACL(1, BOB_ID), ACL(6, Id("digest", "carl:x"))),
    *(
        (ACL(31, Id("digest", name)),)
        for name in ("", ":", "a", "a:", ":a", "a:b", "a:b:", "a:b:c", "::a")
    ),
    *(
        (ACL(31, Id("ip", address)),)
        for address in (
            "127.0.0.1",
            "127.0.0.0/8",
            "127.0.0.1/33",
            "127.0.0.1/-1",
            "127.0.0.1/+8",
            "127.0.0.1/",
            "10.0.0.0/0",
            "127.0.0",
            "127.0.0.256",
            "127.0.0.01",
            "::1",
            "x",
            "",
        )
    ),
    (ACL(31, Id("super", "")),),
    (ACL(31, Id("sasl", "x")),),
    (ACL(31, Id("", "")),),
    (ACL(31, Id("none", "x")), ACL(31, Id("world", "anyone"))),
]


@pytest.mark.parametrize("acl", ACLS, ids=repr)
def test_each_acl_is_judged_by_both_alike(
    acl: tuple[ACL, ...], apache: RealServer, embedded: Server
) -> None:
    top = f"/acl{ACLS.index(acl)}"
    steps = [
        asking(1, ops.Auth("digest", b"bob:pw")),
        asking(0, ops.Create(top)),
        asking(0, ops.Create(f"{top}/n", b"", acl)),
        asking(1, ops.Create(f"{top}/n", b"", acl)),
        *(asking(client, ops.GetACL(f"{top}/n")) for client in (0, 1)),
        *(asking(client, ops.GetData(f"{top}/n")) for client in (0, 1)),
        *(asking(client, ops.Exists(f"{top}/n", ops.Watch())) for client in (0, 1)),
        *(asking(client, ops.SetData(f"{top}/n", b"x")) for client in (0, 1)),
        *(asking(client, ops.Create(f"{top}/n/x")) for client in (0, 1)),
        asking(1, ops.SetACL(f"{top}/n", tuple(CREATOR_ALL_ACL))),
        *(asking(client, ops.GetACL(f"{top}/n")) for client in (0, 1)),
        *(asking(client, ops.Delete(f"{top}/n/x")) for client in (0, 1)),
    ]

    compare(steps, apache, embedded)


@pytest.mark.parametrize(
    "frame",
    [
        *(raw_request(7, opcode) for opcode in (0, 10, 23, 99, 108, -1)),
        *(raw_request(7, opcode) for opcode in sorted(set(OpCode) - {OpCode.AUTH})),
        # A null path: the real server writes it back for sync, and says -8 to setData.
        *(raw_request(7, opcode, b"\xff\xff\xff\xff" * 8) for opcode in (2, 3, 4, 6, 8, 12)),
        raw_request(7, 1, b"\xff\xff\xff\xff" * 2 + b"\0\0\0\0" * 2),
        *(raw_request(7, opcode, b"\xff\xff\xff\xfe" * 8) for opcode in (1, 2, 3, 4, 5, 9)),
        raw_request(-8, 101, bytes(8) + b"\xff\xff\xff\xff" * 3),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\6digest\xff\xff\xff\xff"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\6digest\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\2ip\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\5world\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\4sasl\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\4none\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\0\0\0\4auth\0\0\0\0"),
        raw_request(-4, 100, b"\0\0\0\0\xff\xff\xff\xff\0\0\0\0"),
        raw_request(3, 11) + raw_request(-9, 11),
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\x10\0\0",
        b"ruok",
        b"\0\0\0\4abcd",
        raw_request(5, 3, b"\0\0\0\1/\2"),
        raw_request(5, 3, b"\0\0\0\1/\0rest"),
    ],
    ids=bytes.hex,
)
def test_each_odd_frame_gets_the_same_from_both(
    frame: bytes, apache: RealServer, embedded: Server
) -> None:
    steps = [sending(0, frame), asking(1, ops.Exists("/")), asking(1, ops.Create("/odd-frame"))]

    compare([*steps, asking(0, ops.Delete("/odd-frame"))], apache, embedded)


@pytest.mark.parametrize("flags", [4, 5, 6, 7, 8, -1, 2**31 - 1])
def test_unknown_flags_are_refused_by_both_alike(
    flags: int, apache: RealServer, embedded: Server
) -> None:
    body = b"\0\0\0\2/f\0\0\0\0\0\0\0\1\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone"
    frames = [raw_request(1, opcode, body + flags.to_bytes(4, signed=True)) for opcode in (1, 15)]
    steps = [*(sending(0, frame) for frame in frames), asking(0, ops.GetACL("/f"))]

    compare([*steps, asking(0, ops.Delete("/f"))], apache, embedded)


def test_set_watches_fires_or_arms_for_both_alike(apache: RealServer, embedded: Server) -> None:
    top = "/armed"
    paths = tuple(f"{top}/{name}" for name in ("old", "new", "gone", "parent"))
    steps = [
        asking(0, ops.Create(top)),
        asking(0, ops.Create(paths[0])),
        asking(0, ops.Create(paths[2])),
        asking(0, ops.Create(paths[3])),
        asking(0, ops.Create(paths[1])),
        asking(0, ops.Delete(paths[2])),
        asking(0, ops.Create(f"{paths[3]}/x")),
        arming(1, 4, paths, paths, paths),
        arming(2, 8, paths, paths, paths),
        *(asking(0, ops.SetData(path, b"x")) for path in paths),
        asking(0, ops.Create(paths[2])),
        asking(0, ops.Create(f"{paths[0]}/x")),
        asking(0, ops.Delete(paths[1])),
    ]

    compare(steps, apache, embedded)


# Random stories


def random_steps(seed: int, count: int) -> list[Step]:
    dice = random.Random(seed)
    top = f"/random{seed}"
    names = [top, *(f"{top}/{name}" for name in "abc")]
    names += [f"{top}/{first}/{second}" for first in "ab" for second in "xy"]
    steps = [
        asking(1, ops.Auth("digest", b"bob:pw")),
        asking(2, ops.Auth("digest", b"bob:pw")),
        asking(2, ops.Auth("digest", b"eve:pw")),
        asking(0, ops.Create(top)),
    ]
    while len(steps) < count:
        steps.append(_random_step(dice, dice.choice(names), names))
    return steps


def _random_step(dice: random.Random, path: str, names: list[str]) -> Step:
    client = dice.randrange(CLIENTS)
    watch = ops.Watch() if dice.random() < 0.5 else None
    version = dice.choice([-1, -1, -1, 0, 1, 2])
    data = dice.choice([None, b"", b"x", b"xyz"])
    acl = tuple(dice.choice([*[OPEN_ACL_UNSAFE] * 8, CREATOR_ALL_ACL, READ_ACL_UNSAFE]))
    flags = CreateFlag(dice.choice([0, 0, 1, 1, 2, 3]))
    if flags & CreateFlag.SEQUENTIAL and dice.random() < 0.3:
        path += "/"
    create: type[ops.Create | ops.Create2] = ops.Create if dice.random() < 0.5 else ops.Create2
    makers: list[tuple[int, Callable[[], Step]]] = [
        (20, lambda: asking(client, create(path, data, acl, flags))),
        (14, lambda: asking(client, ops.Delete(path, version))),
        (10, lambda: asking(client, ops.SetData(path, data, version))),
        (3, lambda: asking(client, ops.SetACL(path, acl, version))),
        (10, lambda: asking(client, ops.Exists(path, watch))),
        (10, lambda: asking(client, ops.GetData(path, watch))),
        (8, lambda: asking(client, ops.GetChildren(path, watch))),
        (8, lambda: asking(client, ops.GetChildren2(path, watch))),
        (3, lambda: asking(client, ops.GetACL(path))),
        (1, lambda: asking(client, ops.Sync(path))),
        (2, lambda: asking(client, ops.CloseSession())),
        (2, lambda: dropping(client)),
        (4, lambda: _random_arming(dice, client, names)),
    ]
    weights = [weight for weight, _ in makers]
    return dice.choices([make for _, make in makers], weights)[0]()


def _random_arming(dice: random.Random, client: int, names: list[str]) -> Step:
    data, exist, child = (tuple(dice.sample(names, 3)) for _ in range(3))
    return arming(client, dice.choice([0, 20, 60, 10_000]), data, exist, child)


@pytest.mark.parametrize("seed", range(8))
def test_random_stories_are_the_same_for_both(
    seed: int, apache: RealServer, embedded: Server
) -> None:
    compare(random_steps(seed, 300), apache, embedded)
