"""S7: what can name a node is what ZooKeeper says; nothing is repaired in silence, and nobody leaves a chroot."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import wire
from tests.bareclient import BareClient
from tests.frames import Kind
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import wait_until
from tests.wire import Opcode
from zc.zk import ArgumentError, BadArgumentsError, Client, ZooKeeper, paths
from zc.zk.codes import ErrorCode

# Both ends of every range that ZooKeeper's PathUtils refuses, and their neighbours. Half of a surrogate pair cannot
# be put to the server: it has no UTF-8.
CHARACTERS = [
    *map(chr, range(0x30)),
    *"09:;<=>?@AZ[]\\^_`az{|}",
    *map(chr, range(0x7E, 0xA2)),
    *"\u00ff\u0100\u0378\u200b\u200e\u2028\u202e\u20ac\u3000\u4e2d\ud7ff",
    *"\ue000\uf8fe\uf8ff\uf900\ufdd0\ufeff\uffef\ufff0\ufffd\ufffe\uffff",
    "\U00010000",
    "\U0001f600",
    "\U0010ffff",
]
NAMES = [
    ".x",
    "..x",
    "...",
    "..",
    ".",
    "x.",
    "x..",
    "a.b",
    "-",
    " ",
    " x ",
    "x" * 1000,
    "%2e%2e",
    "..\\x",
]


@pytest.fixture
def bare(real_server: RealServer) -> Iterator[BareClient]:
    with BareClient.connect(real_server.port) as client:
        yield client
        client.end()


def server_takes(bare: BareClient, path: str) -> bool:
    """Ask a real server to create a node, and give whether the path was fit for it."""
    err = bare.call(Opcode.CREATE, wire.create_body(path)).err
    assert err in {ErrorCode.OK, ErrorCode.BAD_ARGUMENTS, ErrorCode.NO_NODE}, (path, err)
    return err == ErrorCode.OK


def we_take(path: str) -> bool:
    try:
        paths.validate(path)
    except ArgumentError:
        return False
    return True


def test_s7_a_character_is_taken_if_and_only_if_a_server_takes_it(
    bare: BareClient, home: str
) -> None:
    ours = {character: we_take(f"{home}/a{character}b") for character in CHARACTERS}
    theirs = {
        character: server_takes(bare, f"{home}/a{character}b")
        for character in CHARACTERS
        if character != "/"
    }

    del ours["/"]
    assert ours == theirs


def test_s7_a_name_is_taken_if_and_only_if_a_server_takes_it(bare: BareClient, home: str) -> None:
    for name in NAMES:
        assert we_take(f"{home}/{name}") is server_takes(bare, f"{home}/{name}"), name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/b",
        "//",
        "/a/",
        "/a//b",
        "//a",
        "/.",
        "/..",
        "/a/.",
        "/a/..",
        "/./a",
        "/../a",
        "/a/../b",
        "/a/b/..",
        "/a\0",
        "/a\nb",
        "/\x7f",
        "/\x9f",
        "/\ud800",
        "/" + chr(0xDFFF),  # the other half
        "/\ue000",
        "/\ufff0",
        "/\U0001f600",
    ],
)
def test_s7_what_cannot_be_is_refused_and_not_repaired(
    client: Client, network: FaultProxy, path: str
) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: client.create(path),
        lambda: client.ensure_path(path),
        lambda: client.delete(path),
        lambda: client.delete(path, recursive=True),
        lambda: client.exists(path),
        lambda: client.get(path),
        lambda: client.get_children(path),
        lambda: client.set(path, b""),
        lambda: client.get_acls(path),
        lambda: client.set_acls(path, []),
        lambda: client.sync(path),
        lambda: client.DataWatch(path),
        lambda: client.ChildrenWatch(path),
        lambda: ZooKeeper(client).children(path),
        lambda: ZooKeeper(client).properties(path),
        lambda: ZooKeeper(client).register(path, "h:1"),
        lambda: ZooKeeper(client).get_properties(path),
        lambda: ZooKeeper(client).print_tree(path),
    ]
    frames = len(network.frames)

    for call in calls:
        with pytest.raises(ArgumentError, match=r"^not a path, it"):
            call()

    sent = [frame for frame in network.frames[frames:] if frame.kind is Kind.REQUEST]
    assert [frame for frame in sent if frame.opcode != Opcode.PING] == []


@pytest.mark.parametrize(
    "text", ["h:1/zk//app", "h:1/app/", "h:1//", "h:1/..", "h:1/a/../b", "h:1/a\0", "h:1/\ud800"]
)
def test_s7_a_chroot_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^not a path, it"):
        Client(text)


@pytest.mark.parametrize("host", ["a/b", "a/../b", "..", ".", "a\0", "a\nb", "a\u202fb/", "/"])
def test_s7_a_registration_cannot_be_named_so_that_it_stands_elsewhere(
    client: Client, observer: Client, host: str
) -> None:
    registry = ZooKeeper(client)
    before = observer.get_children("/")

    for address in ((host, 1), f"{host}:1"):
        if host in {".", ".."}:
            registered = registry.register("/", address)
            assert registered.path == f"/{host}:1"
            registered.withdraw()
            continue
        with pytest.raises(ArgumentError):
            registry.register("/", address)

    assert observer.get_children("/") == before


def test_s7_an_empty_host_is_no_address(client: Client) -> None:
    with pytest.raises(ArgumentError):
        ZooKeeper(client).register("/", ("", 1))
    with pytest.raises(ArgumentError):
        ZooKeeper(client).register("/", ":1")


@pytest.fixture
def outside(real_server: RealServer, connect: Connect) -> Client:
    """A client that sees the whole tree."""
    return connect(real_server.address)


def tree(client: Client, path: str = "/") -> list[str]:
    """Give the paths of all nodes but ZooKeeper's own, and other tests'."""
    return sorted(name for name in client.get_children(path) if name not in {"zookeeper", "crowd"})


def test_s7_everything_done_in_a_chroot_is_done_below_it(
    client: Client, outside: Client, home: str
) -> None:
    before = tree(outside)

    client.create("/a")
    client.create("/a/b", makepath=True)
    client.ensure_path("/c/d")
    assert client.create("/a/s-", sequence=True) == "/a/s-0000000001"
    assert client.create("/", sequence=True).startswith("/0000000")
    assert client.create("/", b"", sequence=True, include_data=True)[0].startswith("/0000000")
    assert client.create("/x/", sequence=True, makepath=True) == "/x/0000000000"
    client.set("/", b"root")
    client.sync("/")

    assert tree(outside) == before
    assert set(outside.get_children(home)) >= {"a", "c", "x"}
    assert outside.get(home)[0] == b"root"


def test_s7_the_root_of_a_chroot_cannot_be_deleted_from_inside(
    client: Client, outside: Client, home: str
) -> None:
    client.create("/a")

    with pytest.raises(BadArgumentsError):
        client.delete("/")

    assert outside.exists(home + "/a")


def test_s7_deleting_all_from_inside_deletes_nothing_outside(
    client: Client, outside: Client, home: str
) -> None:
    before = tree(outside)
    client.ensure_path("/a/b/c")

    with pytest.raises(BadArgumentsError):
        client.delete("/", recursive=True)

    assert tree(outside) == before
    assert outside.get_children(home) == []


def test_s7_a_path_that_only_begins_like_the_chroot_is_not_below_it(
    client: Client, outside: Client, home: str
) -> None:
    seen: list[str | None] = []
    client.exists("/-beside", lambda event: seen.append(event.path))

    outside.create(f"{home}-beside")
    outside.create(f"{home}/-beside")

    assert client.exists("/-beside")
    wait_until(lambda: seen == ["/-beside"], 1.0)
    outside.delete(f"{home}-beside")
