"""R19: every blocking call has a deadline, and ends by it in every fault, by a value or a typed error."""

import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.frames import reply_to
from tests.promises.conftest import Connect
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import (
    OPEN_ACL_UNSAFE,
    AuthFailedError,
    Client,
    ConnectionClosedError,
    ConnectionLoss,
    FailedConnect,
    OperationTimeoutError,
    Properties,
    ProtocolError,
    RegisteredServer,
    SessionExpiredError,
    State,
    ZooKeeper,
)

DEADLINE = 0.5
AT_ONCE = 0.3
LATE = 0.4  # what a deadline may be missed by on a machine with other things to do


@dataclass(frozen=True)
class Subject:
    """What the calls are made on: a client, a registry on it, and what they had made before the fault."""

    client: Client
    registry: Any = None  # Any: so that calls need not say that there is one
    properties: Properties | None = None
    registered: RegisteredServer | None = None


Call = Callable[[Subject], object]

# What begins with a write, whose outcome is unknown when the network has swallowed it.
WRITES: dict[str, Call] = {
    "create": lambda it: it.client.create("/a"),
    "create ephemeral sequence": lambda it: it.client.create("/a", ephemeral=True, sequence=True),
    "create include_data": lambda it: it.client.create("/b", include_data=True),
    "create makepath": lambda it: it.client.create("/c/d", makepath=True),
    "create_async": lambda it: it.client.create_async("/e").get(),
    "delete": lambda it: it.client.delete("/node"),
    "delete_async": lambda it: it.client.delete_async("/node").get(),
    "set": lambda it: it.client.set("/node", b"1"),
    "set_async": lambda it: it.client.set_async("/node", b"1").get(),
    "set_acls": lambda it: it.client.set_acls("/node", OPEN_ACL_UNSAFE),
    "set_acls_async": lambda it: it.client.set_acls_async("/node", OPEN_ACL_UNSAFE).get(),
    "registry.register": lambda it: it.registry.register("/node", "h:1"),
    "registry.create": lambda it: it.registry.create("/f"),
    "registry.delete": lambda it: it.registry.delete("/node"),
    "registry.set": lambda it: it.registry.set("/node", b"1"),
}
# What begins with a read, of which nothing can be left.
READS: dict[str, Call] = {
    "ensure_path": lambda it: it.client.ensure_path("/g/h"),
    "delete recursive": lambda it: it.client.delete("/node", recursive=True),
    "exists": lambda it: it.client.exists("/node"),
    "exists with a watch": lambda it: it.client.exists("/node", print),
    "exists_async": lambda it: it.client.exists_async("/node").get(),
    "get": lambda it: it.client.get("/node"),
    "get_async": lambda it: it.client.get_async("/node").get(),
    "get_children": lambda it: it.client.get_children("/"),
    "get_children include_data": lambda it: it.client.get_children("/", include_data=True),
    "get_children_async": lambda it: it.client.get_children_async("/").get(),
    "get_acls": lambda it: it.client.get_acls("/node"),
    "get_acls_async": lambda it: it.client.get_acls_async("/node").get(),
    "sync": lambda it: it.client.sync("/"),
    "sync_async": lambda it: it.client.sync_async("/").get(),
    "DataWatch": lambda it: it.client.DataWatch("/node"),
    "ChildrenWatch": lambda it: it.client.ChildrenWatch("/"),
    "registry.children": lambda it: it.registry.children("/"),
    "registry.properties": lambda it: it.registry.properties("/node"),
    "registry.get_properties": lambda it: it.registry.get_properties("/node"),
    "registry.print_tree": lambda it: it.registry.print_tree(),
    "registry.exists": lambda it: it.registry.exists("/node"),
    "registry.get_children": lambda it: it.registry.get_children("/"),
    "registry.get": lambda it: it.registry.get("/node"),
}
# What needs something made before.
ON_OBJECTS: dict[str, Call] = {
    "properties.set": lambda it: made(it.properties).set(a=1),
    "properties.update": lambda it: made(it.properties).update(a=1),
    "properties[...] =": lambda it: made(it.properties).__setitem__("a", 1),
    "registered.update": lambda it: made(it.registered).update(a=1),
}


def made(thing: Any) -> Any:
    assert thing is not None
    return thing


@dataclass(frozen=True)
class Outcome:
    """How a call ended, and after how many seconds."""

    ended_in: object
    seconds: float


def outcomes(subject: Subject, calls: dict[str, Call]) -> dict[str, Outcome]:
    """Make all the calls, each in a thread of its own at the same time."""

    def make(call: Call) -> Outcome:
        begun = time.monotonic()
        try:
            result = call(subject)
        except Exception as error:  # noqa: BLE001 (the outcome is what is asked for)
            result = error
        return Outcome(result, time.monotonic() - begun)

    with ThreadPoolExecutor(len(calls)) as pool:
        return dict(zip(calls, pool.map(make, calls.values()), strict=True))


def assert_all(
    found: dict[str, Outcome], kind: type[Exception], seconds: float, *, maybe_applied: bool
) -> None:
    for name, outcome in found.items():
        error = outcome.ended_in
        assert isinstance(error, kind), f"{name}: {error!r}"
        assert getattr(error, "maybe_applied", None) is maybe_applied, f"{name}: {error}"
        assert outcome.seconds < stretched(seconds), f"{name} took {outcome.seconds:.2f} s"


@pytest.fixture
def subject(connect: Connect) -> Iterator[Subject]:
    client = connect(timeout=20.0)
    client.create("/node", b"{}")
    with ZooKeeper(client) as registry:
        properties = registry.properties("/node")
        yield Subject(client, registry, properties, registry.register("/", "first:1"))
        client.stop()  # so that nothing is tried any more for the sake of the registrations


def test_r19_a_read_on_a_black_hole_ends_at_its_deadline(
    subject: Subject, network: FaultProxy
) -> None:
    subject.client.operation_timeout = DEADLINE
    network.black_hole()

    found = outcomes(subject, READS)

    assert_all(found, OperationTimeoutError, DEADLINE + LATE, maybe_applied=False)
    assert all(outcome.seconds >= DEADLINE for outcome in found.values())


def test_r19_a_write_on_a_black_hole_ends_at_its_deadline_as_maybe_applied(
    subject: Subject, network: FaultProxy
) -> None:
    subject.client.operation_timeout = DEADLINE
    network.black_hole()

    found = outcomes(subject, WRITES)

    assert_all(found, OperationTimeoutError, DEADLINE + LATE, maybe_applied=True)


def test_r19_live_objects_and_registrations_end_their_calls_at_the_deadline_too(
    subject: Subject, network: FaultProxy
) -> None:
    subject.client.operation_timeout = DEADLINE
    network.black_hole()

    for name, outcome in outcomes(subject, ON_OBJECTS).items():
        assert isinstance(outcome.ended_in, OperationTimeoutError), f"{name}: {outcome}"
        assert outcome.seconds < stretched(DEADLINE + LATE), f"{name}: {outcome}"


def test_r19_a_withdrawal_on_a_black_hole_ends_at_the_deadline_as_maybe_applied(
    subject: Subject, network: FaultProxy
) -> None:
    subject.client.operation_timeout = DEADLINE
    network.black_hole()

    found = outcomes(subject, {"withdraw": lambda it: made(it.registered).withdraw()})

    assert_all(found, OperationTimeoutError, DEADLINE + LATE, maybe_applied=True)


@pytest.mark.parametrize("calls", [READS, WRITES], ids=["reads", "writes"])
def test_r19_a_call_while_suspended_ends_at_its_deadline_as_not_applied(
    subject: Subject, network: FaultProxy, calls: dict[str, Call]
) -> None:
    subject.client.operation_timeout = DEADLINE
    network.refuse()
    network.cut()
    wait_until(lambda: subject.client.state is State.SUSPENDED, 1.0)

    found = outcomes(subject, calls)

    assert_all(found, OperationTimeoutError, DEADLINE + LATE, maybe_applied=False)
    assert f"{network.address}: connection refused" in str(found.popitem()[1].ended_in)


@pytest.mark.parametrize("calls", [READS, WRITES], ids=["reads", "writes"])
def test_r19_a_call_of_a_client_that_was_never_started_fails_at_once(
    make_client: Connect, calls: dict[str, Call]
) -> None:
    client = make_client()
    # A registry starts its client: these are the client's own.
    calls = {name: call for name, call in calls.items() if not name.startswith("registry.")}

    found = outcomes(Subject(client), calls)

    assert_all(found, ConnectionClosedError, AT_ONCE, maybe_applied=False)


@pytest.mark.parametrize("calls", [READS, WRITES], ids=["reads", "writes"])
def test_r19_a_call_of_a_stopped_client_fails_at_once(
    subject: Subject, calls: dict[str, Call]
) -> None:
    subject.client.stop()

    found = outcomes(subject, calls)

    assert_all(found, ConnectionClosedError, AT_ONCE, maybe_applied=False)


def test_r19_live_objects_and_registrations_of_a_stopped_client_fail_at_once(
    subject: Subject,
) -> None:
    subject.client.stop()

    found = outcomes(subject, ON_OBJECTS)

    assert_all(found, ConnectionClosedError, AT_ONCE, maybe_applied=False)


def test_r19_calls_end_while_the_server_is_frozen(own_real_server: RealServer) -> None:
    with (
        Client(own_real_server.address, timeout=20.0, operation_timeout=DEADLINE) as client,
        ZooKeeper(client) as registry,
    ):
        own_real_server.pause()
        try:
            reads = outcomes(Subject(client, registry), READS)
            writes = outcomes(Subject(client, registry), WRITES)
        finally:
            own_real_server.resume()

    assert_all(reads, OperationTimeoutError, DEADLINE + LATE, maybe_applied=False)
    assert_all(writes, OperationTimeoutError, DEADLINE + LATE, maybe_applied=True)


def test_r19_a_write_on_a_black_hole_is_unknown_as_soon_as_the_connection_is_given_up(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(timeout=1.0)
    network.black_hole()

    with pytest.raises(ConnectionLoss) as caught:
        client.create("/a")

    assert caught.value.maybe_applied


def test_r19_a_write_that_waits_when_the_session_is_lost_was_not_applied(
    connect: Connect, network: FaultProxy, observer: Client
) -> None:
    client = connect(timeout=1.0)
    network.refuse()
    network.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)

    with pytest.raises(SessionExpiredError) as caught:
        client.create("/a")

    assert not caught.value.maybe_applied
    assert client.state is State.LOST
    network.heal()
    wait_until(lambda: client.connected, 3.0)
    assert observer.exists("/a") is None


def test_r19_a_write_in_flight_when_the_client_is_stopped_may_have_been_applied(
    client: Client, network: FaultProxy
) -> None:
    network.black_hole()
    result = client.create_async("/a")

    client.stop()

    with pytest.raises(ConnectionClosedError) as caught:
        result.get()
    assert caught.value.maybe_applied


@pytest.mark.parametrize("opcode", [Opcode.SET_DATA, Opcode.GET_DATA])
def test_r19_a_write_whose_answer_cannot_be_read_may_have_been_applied(
    client: Client, network: FaultProxy, opcode: Opcode
) -> None:
    client.create("/node")
    network.rewrite(reply_to(opcode), lambda payload: payload + b"junk", times=1)

    with pytest.raises(ProtocolError) as caught:
        client.set("/node", b"1") if opcode is Opcode.SET_DATA else client.get("/node")

    assert caught.value.maybe_applied is (opcode is Opcode.SET_DATA)


@pytest.mark.threads  # on a loop, who waits for a future has a bound of asyncio's
def test_r19_an_async_result_says_that_its_operation_is_still_under_way(
    client: Client, network: FaultProxy
) -> None:
    network.black_hole()
    result = client.set_async("/", b"1")

    with pytest.raises(OperationTimeoutError) as caught:
        result.get(timeout=0.1)

    assert caught.value.maybe_applied
    assert not result.ready


def test_r19_an_answer_that_comes_after_the_deadline_hurts_nobody(
    client: Client, network: FaultProxy
) -> None:
    client.create("/a", b"a")
    client.operation_timeout = 0.2
    network.hold("to_client")
    with pytest.raises(OperationTimeoutError):
        client.get("/a")
    attempts = network.attempts

    network.heal()

    client.operation_timeout = 5.0
    assert client.get("/a")[0] == b"a"
    assert network.attempts == attempts


@pytest.mark.parametrize("fault", ["refuse", "turn_away", "black_hole"])
def test_r19_start_ends_in_time_and_leaves_nothing_running(
    make_client: Connect, network: FaultProxy, fault: str
) -> None:
    getattr(network, fault)()
    client = make_client()
    threads = threading.active_count()
    begun = time.monotonic()

    with pytest.raises(FailedConnect) as caught:
        client.start(timeout=0.5)

    assert time.monotonic() - begun < stretched(0.5 + 0.5)
    assert [endpoint for endpoint, _ in caught.value.attempts] == [network.address]
    wait_until(lambda: threading.active_count() <= threads, 1.0)


def test_r19_a_start_ends_when_somebody_stops_the_client(
    make_client: Connect, network: FaultProxy
) -> None:
    network.refuse()
    client = make_client()
    timer = threading.Timer(0.2, client.stop)
    timer.start()
    begun = time.monotonic()

    with pytest.raises(ConnectionClosedError):
        client.start(timeout=20.0)

    assert time.monotonic() - begun < stretched(1.0)
    timer.join()


@pytest.mark.parametrize("start", ["start", "wait_for_start"])
def test_r19_a_start_ends_when_the_server_refuses_our_identity(
    make_client: Connect, start: str
) -> None:
    client = make_client(auth_data=[("no-such-scheme", "me")])
    begun = time.monotonic()

    with pytest.raises(AuthFailedError):
        getattr(client, start)()

    assert time.monotonic() - begun < stretched(1.0)


def test_r19_a_registry_ends_its_start_in_time(network: FaultProxy) -> None:
    network.refuse()
    begun = time.monotonic()

    with pytest.raises(FailedConnect):
        ZooKeeper(network.port, start_timeout=0.4)

    assert time.monotonic() - begun < stretched(1.0)


def test_r19_an_identity_that_is_not_answered_ends_at_its_deadline(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect(timeout=20.0, operation_timeout=DEADLINE)
    network.black_hole()
    begun = time.monotonic()

    with pytest.raises(OperationTimeoutError):
        client.add_auth("digest", "me:secret")

    assert time.monotonic() - begun < stretched(DEADLINE + LATE)


def test_r19_a_reply_of_error_is_never_none(client: Client, network: FaultProxy) -> None:
    network.rewrite(
        reply_to(Opcode.EXISTS),
        lambda payload: payload[:12] + struct.pack(">i", -102),
        times=1,
    )

    with pytest.raises(Exception, match="not permitted"):
        client.exists("/")
