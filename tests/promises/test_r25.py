"""R25: stop ends the session from anywhere, in two seconds at the most, and leaves nobody waiting."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faces import own
from tests.promises.conftest import Connect
from tests.promises.steps import Once, Steps, Until, take
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import remains, stretched, wait_until
from zc.zk import (
    Client,
    ConnectionClosedError,
    ConnectionLoss,
    FailedConnect,
    OperationTimeoutError,
    State,
    ZooKeeper,
    ZooKeeperError,
)

LONGEST = 2.0
Act = Callable[[], Any]  # Any: a coroutine, where the asyncio face is to await one


def stop_in_time(client: Client, seconds: float = LONGEST) -> None:
    begun = time.monotonic()
    client.stop()
    assert time.monotonic() - begun < stretched(seconds)


def test_r25_stop_ends_the_session_on_the_server(client: Client, observer: Client) -> None:
    client.create("/mine", ephemeral=True)

    stop_in_time(client, 0.5)

    assert observer.exists("/mine") is None
    assert (client.state, client.client_id) == (State.LOST, None)


def test_r25_stop_is_idempotent(client: Client, make_client: Connect) -> None:
    for _ in range(3):
        stop_in_time(client, 0.5)
    client.close()
    never_started = make_client()
    for _ in range(3):
        stop_in_time(never_started, 0.2)


def test_r25_many_threads_may_stop_at_once(client: Client) -> None:
    together = threading.Barrier(8)
    seconds: list[float] = []

    def stop() -> None:
        together.wait()
        begun = time.monotonic()
        client.stop()
        seconds.append(time.monotonic() - begun)

    threads = [threading.Thread(target=stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5.0)

    assert len(seconds) == 8
    assert max(seconds) < stretched(LONGEST)


def in_a_watch(client: Client, stop: Act) -> None:
    client.get("/node", lambda event: stop())
    client.set("/node", b"1")


def in_a_listener(client: Client, stop: Act) -> None:
    client.add_listener(lambda state: stop())
    with pytest.raises(ZooKeeperError):
        client.add_auth("no-such-scheme", "me")  # ends the client, which is a change of state


def in_a_link(client: Client, stop: Act) -> None:
    client.get_async("/node").rawlink(lambda result: stop())


def in_the_first_call_of_a_data_watch(client: Client, stop: Act) -> None:
    client.DataWatch("/node", lambda data, stat: stop())


def in_a_later_call_of_a_data_watch(client: Client, stop: Act) -> None:
    client.DataWatch("/node", lambda data, stat: stop() if data == b"{}" else None)
    client.set("/node", b"{}")


def in_a_children_callback(client: Client, stop: Act) -> None:
    children = ZooKeeper(client).children("/node")
    children(lambda it: stop() if len(it) else None)
    client.create_async("/node/child")


def in_a_properties_callback(client: Client, stop: Act) -> None:
    properties = ZooKeeper(client).properties("/node")
    properties(lambda it: stop() if len(it) else None)
    client.set_async("/node", b'{"a": 1}')


PLACES = [
    in_a_watch,
    in_a_listener,
    in_a_link,
    in_the_first_call_of_a_data_watch,
    in_a_later_call_of_a_data_watch,
    in_a_children_callback,
    in_a_properties_callback,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_r25_stop_may_be_called(
    client: Client, face_of_promise: str, place: Callable[..., None]
) -> None:
    client.create("/node")
    seconds: list[float] = []

    def steps() -> Steps:
        begun = time.monotonic()
        yield own(client).stop()
        seconds.append(time.monotonic() - begun)

    stop = Once(steps, face_of_promise)
    place(client, stop)

    wait_until(lambda: stop.has_ended, LONGEST + 1.0)
    assert stop.error is None
    assert seconds[0] < stretched(LONGEST)
    assert client.state is State.LOST


@pytest.mark.parametrize("fault", ["black_hole", "half_open", "drip"])
def test_r25_stop_takes_two_seconds_at_the_most_whatever_the_network_does(
    connect: Connect, network: FaultProxy, fault: str
) -> None:
    client = connect(timeout=10.0)
    if fault == "drip":
        network.drip(0.5)
    else:
        getattr(network, fault)()

    stop_in_time(client)


@pytest.mark.parametrize(
    ("fault", "seconds"), [("black_hole", LONGEST), ("refuse", 0.5), ("turn_away", 0.5)]
)
def test_r25_stop_while_a_server_is_looked_for_is_quick(
    client: Client, network: FaultProxy, fault: str, seconds: float
) -> None:
    getattr(network, fault)()
    network.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    wait_until(lambda: fault == "refuse" or len(network.attempts) > 1, 2.0)

    stop_in_time(client, seconds)


def test_r25_stop_while_the_connection_is_lost_ends_the_session_where_a_server_is_reachable(
    client: Client, network: FaultProxy, observer: Client
) -> None:
    client.create("/mine", ephemeral=True)
    network.refuse()
    network.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    network.heal()

    stop_in_time(client)

    assert observer.exists("/mine") is None


def test_r25_stop_while_the_connection_is_lost_finds_the_one_server_that_is_reachable(
    real_server: RealServer,
    home: str,
    connect: Connect,
    proxy_to: Callable[[int], FaultProxy],
    observer: Client,
) -> None:
    proxies = [proxy_to(real_server.port) for _ in range(4)]
    client = connect(",".join(proxy.address for proxy in proxies) + home)
    client.create("/mine", ephemeral=True)
    for proxy in proxies:
        proxy.refuse()
        proxy.cut()
    wait_until(lambda: client.state is State.SUSPENDED, 1.0)
    proxies[0].heal()
    proxies[1].heal()
    proxies[1].turn_away()

    stop_in_time(client)

    assert observer.exists("/mine") is None


def test_r25_stop_on_a_frozen_server(own_real_server: RealServer) -> None:
    client = Client(own_real_server.address, timeout=10.0)
    client.start()
    own_real_server.pause()
    try:
        stop_in_time(client)
    finally:
        own_real_server.resume()


def test_r25_stop_while_a_callback_is_stuck_takes_two_seconds_at_the_most(
    client: Client, face_of_promise: str
) -> None:
    client.create("/node")
    go_on, began = threading.Event(), threading.Event()

    def stick() -> Steps:
        began.set()
        yield Until(go_on.is_set)

    client.get("/node", lambda event: take(stick(), face_of_promise))
    client.set("/node", b"1")
    assert began.wait(2.0)

    stop_in_time(client, LONGEST + 0.1)

    go_on.set()


def test_r25_stop_answers_what_is_in_flight(client: Client) -> None:
    results = [client.create_async(f"/{number}") for number in range(100)]

    stop_in_time(client)

    assert all(result.ready for result in results)
    assert [result.get() for result in results] == [f"/{number}" for number in range(100)]


def test_r25_stop_waits_no_longer_than_it_may_for_what_is_in_flight(
    client: Client, observer: Client
) -> None:
    results = [client.create_async(f"/{number}") for number in range(5000)]

    stop_in_time(client)

    assert all(result.ready for result in results)
    unanswered = [result.exception for result in results if not result.successful()]
    assert all(isinstance(error, ConnectionClosedError) for error in unanswered)
    created = {f"/{name}" for name in observer.get_children("/")}
    assert {result.value for result in results if result.successful()} <= created


def test_r25_stop_on_a_black_hole_resolves_every_future(
    client: Client, network: FaultProxy
) -> None:
    network.black_hole()
    writes = [client.create_async(f"/{number}") for number in range(500)]
    reads = [client.get_async("/") for _ in range(500)]
    linked: list[object] = []
    reads[0].rawlink(linked.append)

    stop_in_time(client)

    for result in writes + reads:
        assert isinstance(result.exception, ConnectionClosedError)
        assert result.exception.maybe_applied <= (result in writes)
    wait_until(lambda: linked, 1.0)


BLOCKED: dict[str, Callable[[Client], object]] = {
    "get": lambda client: client.get("/"),
    "create": lambda client: client.create("/a"),
    "add_auth": lambda client: client.add_auth("digest", "me:secret"),
    "ensure_path": lambda client: client.ensure_path("/a/b"),
    "get_async": lambda client: client.get_async("/").get(),
    "DataWatch": lambda client: client.DataWatch("/"),
    "children": lambda client: ZooKeeper(client).children("/"),
}


@pytest.mark.parametrize("is_connected", [True, False], ids=["black hole", "suspended"])
def test_r25_stop_ends_calls_that_wait_in_other_threads(
    client: Client, network: FaultProxy, is_connected: bool
) -> None:
    if is_connected:
        network.black_hole()
    else:
        network.refuse()
        network.cut()
        wait_until(lambda: client.state is State.SUSPENDED, 1.0)

    assert_ended_by_stop(client, BLOCKED)


def assert_ended_by_stop(client: Client, calls: dict[str, Callable[[Client], object]]) -> None:
    errors: dict[str, Exception] = {}

    def run(name: str) -> None:
        try:
            calls[name](client)
        except Exception as error:  # noqa: BLE001 (the test looks)
            errors[name] = error

    threads = [threading.Thread(target=run, args=(name,)) for name in calls]
    for thread in threads:
        thread.start()
    assert remains(lambda: not errors, 0.1)
    assert all(thread.is_alive() for thread in threads)

    stop_in_time(client)

    for thread in threads:
        thread.join(stretched(0.5))
    assert errors.keys() == calls.keys()
    assert {n: e for n, e in errors.items() if not isinstance(e, ConnectionClosedError)} == {}


def test_r25_stop_ends_a_wait_for_a_registration(client: Client, network: FaultProxy) -> None:
    registry = ZooKeeper(client)
    first, second = registry.register("/", "h:1"), registry.register("/", "h:2")
    network.black_hole()

    assert_ended_by_stop(
        client, {"update": lambda _: first.update(a=1), "withdraw": lambda _: second.withdraw()}
    )


def test_r25_stop_ends_a_wait_for_a_name(client: Client, observer: Client) -> None:
    observer.create("/h:1", ephemeral=True)
    registry = ZooKeeper(client)

    assert_ended_by_stop(
        client, {"register": lambda _: registry.register("/", "h:1", wait_for_name=20)}
    )


def test_r25_later_calls_fail_at_once(client: Client) -> None:
    client.create("/node", b"{}")
    registry = ZooKeeper(client)
    properties = registry.properties("/node")
    client.stop()

    for call in (
        lambda: client.get("/node"),
        lambda: client.get_async("/node").get(),
        lambda: client.DataWatch("/node"),
        lambda: registry.children("/node"),
        lambda: registry.register("/", "h:1"),
        lambda: properties.set(a=1),
    ):
        begun = time.monotonic()
        with pytest.raises(ConnectionClosedError):
            call()
        assert time.monotonic() - begun < stretched(0.2)


def test_r25_a_client_can_be_started_again(client: Client, observer: Client) -> None:
    client.create("/kept")
    client.create("/mine", ephemeral=True)
    first = client.client_id

    client.stop()
    client.start()

    assert client.exists("/kept")
    assert client.exists("/mine") is None
    assert client.client_id != first


def test_r25_live_objects_and_registrations_come_back_with_a_new_start(
    client: Client, observer: Client
) -> None:
    client.create("/node", b'{"a": 1}')
    registry = ZooKeeper(client)
    properties, children = registry.properties("/node"), registry.children("/node")
    lengths: list[int] = []
    children(lambda it: lengths.append(len(it)))
    watched: list[bytes | None] = []
    client.DataWatch("/node", lambda data, stat: watched.append(data))
    registered = registry.register("/", "h:1", color="red")
    registered.update(color="blue")
    withdrawn = registry.register("/", "h:2")
    withdrawn.withdraw()

    client.stop()
    wait_until(lambda: observer.exists("/h:1") is None, 2.0)
    observer.set("/node", b'{"a": 2}')
    observer.create("/node/child")
    client.start()

    wait_until(lambda: properties.data == {"a": 2}, 1.0)
    wait_until(lambda: lengths[-1] == 1, 1.0)
    wait_until(lambda: watched[-1] == b'{"a": 2}', 1.0)
    wait_until(lambda: observer.exists("/h:1"), 1.0)
    assert b'"color":"blue"' in observer.get("/h:1")[0]
    stat = observer.exists("/h:1")
    assert stat is not None
    assert client.client_id is not None
    assert stat.ephemeralOwner == client.client_id[0]
    assert observer.exists("/h:2") is None
    registry.close()
    assert observer.exists("/h:1") is None


def test_r25_restart_and_stops_in_the_middle_of_it_leave_a_client_that_works(
    client: Client,
) -> None:
    over = threading.Event()

    def stop_again_and_again() -> None:
        while not over.is_set():
            client.stop()
            over.wait(0.01)

    thread = threading.Thread(target=stop_again_and_again)
    thread.start()
    for _ in range(20):
        try:
            client.start(2.0)
            client.sync("/")
        except (ConnectionClosedError, ConnectionLoss, FailedConnect, OperationTimeoutError):
            pass
    over.set()
    thread.join(5.0)

    client.restart()
    assert client.get("/")


def test_r25_a_registry_closes_in_two_seconds_on_a_black_hole(
    network: FaultProxy, home: str
) -> None:
    registry = ZooKeeper(network.address + home)
    registry.register("/", "h:1")
    network.black_hole()
    begun = time.monotonic()

    registry.close()
    registry.close()

    assert time.monotonic() - begun < stretched(LONGEST)


def test_r25_a_registry_on_a_client_that_was_stopped_can_be_closed(client: Client) -> None:
    registry = ZooKeeper(client)
    registry.register("/", "h:1")
    client.stop()

    registry.close()
