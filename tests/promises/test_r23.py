"""R23: arguments are checked and encoded in the caller: a bad one hurts the call that has it, and nobody else."""

import threading
from collections.abc import Callable
from typing import Any, Self

import pytest

from tests.frames import Kind
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.wire import Opcode
from zc.zk import ACL, Client, Id, State, UsageError, ZooKeeper

Call = Callable[[Any], object]  # Any: these calls are what type checkers would refuse

# The eleven that were tried on the peers, of which five killed kazoo's client.
ELEVEN: dict[str, Call] = {
    "create at half a surrogate pair": lambda client: client.create("/svc/\ud800"),
    "get of half a surrogate pair": lambda client: client.get("/svc/\ud800"),
    "set at version 2**31": lambda client: client.set("/node", b"", 2**31),
    "delete at version 2**40": lambda client: client.delete("/node", 2**40),
    "acl of tuples": lambda client: client.create("/a", b"", [(31, ("world", "anyone"))]),
    "path that is None": lambda client: client.get(None),
    "path of bytes": lambda client: client.get(b"/node"),
    "data that is a string": lambda client: client.set("/node", "text"),
    "data that is a number": lambda client: client.create("/a", 7),
    "version that is a string": lambda client: client.set("/node", b"", "1"),
    "watch that cannot be called": lambda client: client.get("/node", "watch"),
}
MORE: dict[str, Call] = {
    "version that is a float": lambda client: client.delete("/node", 1.0),
    "version that is a truth": lambda client: client.delete("/node", True),
    "version below 32 bits": lambda client: client.set_acls("/node", [], -(2**31) - 1),
    "acl that is a string": lambda client: client.create("/a", b"", "world"),
    "acl entry with wide permissions": lambda client: client.create(
        "/a", b"", [ACL(2**40, Id("world", "anyone"))]
    ),
    "acl entry of half a pair": lambda client: client.create(
        "/a", b"", [ACL(31, Id("digest", "\ud800"))]
    ),
    "acl entry without an id": lambda client: client.set_acls("/node", [ACL(31, None)]),  # type: ignore[arg-type]
    "path with a null": lambda client: client.exists("/a\0b"),
    "path with an empty part": lambda client: client.get_children("//a"),
    "path that goes up": lambda client: client.sync("/a/../b"),
    "relative path": lambda client: client.ensure_path("a"),
    "empty path": lambda client: client.get_acls(""),
    "scheme that is None": lambda client: client.add_auth(None, "me:secret"),
    "scheme of half a pair": lambda client: client.add_auth("\ud800", "me:secret"),
    "credential that is a number": lambda client: client.add_auth("digest", 7),
    "credential of half a pair": lambda client: client.add_auth("digest", "me:\ud800"),
    "credential without a password": lambda client: client.add_auth("digest", "me"),
    "credential of a megabyte": lambda client: client.add_auth("digest", "me:" + "x" * 2**20),
    "data watch that cannot be called": lambda client: client.DataWatch("/node", 7),
    "async create": lambda client: client.create_async("/\ud800"),
    "async set": lambda client: client.set_async("/node", 7),
}
REGISTRY: dict[str, Call] = {
    "address without a port": lambda registry: registry.register("/", "host"),
    "address with a wide port": lambda registry: registry.register("/", ("host", 2**20)),
    "address with a slash": lambda registry: registry.register("/", "a/b:1"),
    "address that is a number": lambda registry: registry.register("/", 7),
    "acl that is a string": lambda registry: registry.register("/", "h:1", "world"),
    "data that is not JSON": lambda registry: registry.register("/", "h:1", x=object()),
    "data that is not a number": lambda registry: registry.register("/", "h:1", x=float("nan")),
    "data of half a pair": lambda registry: registry.properties("/node").set(
        string_value="\ud800", **{"\ud800": object()}
    ),
    "data of a megabyte": lambda registry: registry.register("/", "h:1", x="x" * 2**20),
    "negative wait": lambda registry: registry.register("/", "h:1", wait_for_name=-1),
    "path of children": lambda registry: registry.children("no-slash"),
    "path of properties": lambda registry: registry.properties(7),
    "callback": lambda registry: registry.children("/")(7),
}


class Bystander:
    """Reads and writes in a thread of its own all the time."""

    def __init__(self, client: Client) -> None:
        self.rounds = 0
        self.errors: list[Exception] = []
        self._client = client
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self._client.set("/bystander", b"%d" % self.rounds)
                assert self._client.get("/bystander")[0] == b"%d" % self.rounds
            except Exception as error:  # noqa: BLE001 (the test looks)
                self.errors.append(error)
            self.rounds += 1


def run_beside_others(client: Client, network: FaultProxy, call: Callable[[], object]) -> None:
    """Make a bad call, again and again, while others work, and expect that only it fails."""
    client.create("/bystander")
    states: list[State] = []
    client.add_listener(states.append)
    session = client.client_id
    with Bystander(client) as bystander:
        for _ in range(20):
            with pytest.raises((UsageError, TypeError, ValueError)) as caught:
                call()
            assert isinstance(caught.value, UsageError), repr(caught.value)
    client.sync("/")

    assert bystander.errors == []
    assert bystander.rounds > 0
    assert (states, client.client_id, len(network.attempts)) == ([], session, 1)
    allowed = {Opcode.CREATE, Opcode.GET_DATA, Opcode.SET_DATA, Opcode.SYNC, Opcode.PING}
    asked = {frame.opcode for frame in network.frames if frame.kind is Kind.REQUEST}
    # EXISTS: a write returns when live objects on its node, such as the registry's here, show it.
    assert asked <= allowed | {Opcode.EXISTS, Opcode.GET_CHILDREN, Opcode.CLOSE_SESSION}


@pytest.mark.parametrize("name", ELEVEN | MORE)
def test_r23_a_bad_argument_hurts_nobody_else(
    client: Client, network: FaultProxy, name: str
) -> None:
    call = (ELEVEN | MORE)[name]
    client.create("/node")

    run_beside_others(client, network, lambda: call(client))


@pytest.mark.parametrize("name", REGISTRY)
def test_r23_a_bad_argument_of_the_registry_hurts_nobody_else(
    client: Client, network: FaultProxy, name: str
) -> None:
    client.create("/node", b"{}")
    with ZooKeeper(client) as registry:
        run_beside_others(client, network, lambda: REGISTRY[name](registry))


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "10"},
        {"timeout": None},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": 1e9},  # more milliseconds than the protocol has bits for
        {"operation_timeout": 0},
        {"operation_timeout": 1e300},
        {"operation_timeout": "10"},
        {"connect_timeout": -1},
        {"client_id": ("1", b"password")},
        {"client_id": (2**64, b"password")},
        {"client_id": (1, "password")},
        {"client_id": 7},
        {"default_acl": "world"},
        {"auth_data": [("digest", "no-colon")]},
    ],
    ids=str,
)
def test_r23_a_client_with_bad_options_is_not_made(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Client("127.0.0.1:1", **options)


@pytest.mark.parametrize("timeout", [0, -1, "1", None, float("inf"), float("nan")])
def test_r23_a_start_with_a_bad_time_leaves_nothing_running(
    make_client: Connect, timeout: Any
) -> None:
    client = make_client()
    threads = threading.active_count()

    with pytest.raises(UsageError):
        client.start(timeout)

    assert threading.active_count() == threads
    assert client.state is State.LOST
