"""How long calls wait, and what they do when the network failed them."""

import threading
import time
from collections.abc import Iterator

import pytest

import zc.zk
from tests import wire
from tests.faces import only_threads
from tests.frames import reply_to, request
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import stretched, wait_until
from zc.zk import Client, State

SOON = 20.0
SHORT = 0.2


@pytest.fixture
def proxied(server: AnyServer, chroot: str, proxy: FaultProxy) -> Iterator[Client]:
    """A client behind the proxy."""
    with Client(proxy.address + chroot) as client:
        yield client


def lose_connection(client: Client, proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: client.state is State.SUSPENDED, SOON)


# --- within


def test_a_call_can_have_a_deadline_of_its_own(proxied: Client, proxy: FaultProxy) -> None:
    proxy.hold("to_client")
    begun = time.monotonic()

    with pytest.raises(zc.zk.OperationTimeoutError):
        proxied.within(SHORT).get("/")

    assert SHORT <= time.monotonic() - begun < stretched(SHORT + 0.5)
    assert proxied.operation_timeout == 10.0


def test_a_plan_can_have_a_deadline_of_its_own(proxied: Client, proxy: FaultProxy) -> None:
    proxy.hold("to_client")

    with pytest.raises(zc.zk.OperationTimeoutError):
        proxied.within(SHORT).ensure_path("/a/b")
    with pytest.raises(zc.zk.OperationTimeoutError):
        proxied.within(SHORT).DataWatch("/")
    with pytest.raises(zc.zk.OperationTimeoutError):
        proxied.within(SHORT).get_async("/").get()


@only_threads
def test_what_has_another_policy_is_the_client_itself(client: Client, other: Client) -> None:
    brief = client.within(5)
    states: list[State] = []
    brief.add_listener(states.append)
    events: list[zc.zk.WatchedEvent] = []

    brief.create("/a", ephemeral=True)
    brief.get("/a", events.append)
    other.set("/a", b"")

    assert brief.client_id == client.client_id
    assert brief.hosts == client.hosts
    assert brief.chroot == client.chroot
    assert isinstance(brief, Client)
    wait_until(lambda: [event.path for event in events] == ["/a"], SOON)
    brief.stop()
    assert not client.connected
    wait_until(lambda: states == [State.LOST], SOON)
    assert brief.state is client.state
    client.remove_listener(states.append)


def test_a_policy_is_changed_for_itself_alone_and_all_else_for_the_client(client: Client) -> None:
    brief = client.within(5)

    brief.operation_timeout = 3
    brief.fail_fast = True
    brief.default_acl = zc.zk.READ_ACL_UNSAFE

    assert (brief.operation_timeout, brief.fail_fast) == (3.0, True)
    assert (client.operation_timeout, client.fail_fast) == (10.0, False)
    assert client.default_acl == zc.zk.READ_ACL_UNSAFE
    assert "within 3 s" in repr(brief)


def test_a_policy_can_be_made_of_another(client: Client) -> None:
    brief = client.within(5, fail_fast=True).within(1)

    assert (brief.operation_timeout, brief.fail_fast) == (1.0, True)


@pytest.mark.parametrize("seconds", [0, -1, "1", True, float("nan")])
def test_a_deadline_that_cannot_be_is_an_error(seconds: float) -> None:
    client = Client("localhost")

    with pytest.raises((TypeError, ValueError), match="operation time-out"):
        client.within(seconds)
    with pytest.raises((TypeError, ValueError), match="operation time-out"):
        client.operation_timeout = seconds
    with pytest.raises((TypeError, ValueError), match="operation time-out"):
        Client("localhost", operation_timeout=seconds)


# --- for ever


@pytest.mark.slow
def test_a_call_may_wait_for_as_long_as_it_takes(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=None) as client:
        lose_connection(client, proxy)
        created: list[str] = []
        thread = threading.Thread(target=lambda: created.append(client.create("/a")))
        thread.start()
        watching = threading.Thread(target=lambda: client.DataWatch("/"))
        watching.start()

        proxy.accept()

        thread.join(SOON)
        watching.join(SOON)
        assert created == ["/a"]
        assert not watching.is_alive()
        assert client.operation_timeout is None


def test_a_registration_may_wait_for_as_long_as_it_takes(server: AnyServer, chroot: str) -> None:
    with Client(server.address + chroot, operation_timeout=None) as client:
        registry = zc.zk.ZooKeeper(client)
        registered = registry.register("/", "host:1")
        registered.update(a=1)
        registered.withdraw()

        assert client.get_children("/") == []
        registry.close()


# --- failing fast


@pytest.mark.slow
def test_what_shall_fail_fast_fails_while_there_is_no_connection(
    proxied: Client, proxy: FaultProxy
) -> None:
    lose_connection(proxied, proxy)
    hasty = proxied.within(SOON, fail_fast=True)
    begun = time.monotonic()

    for call in (
        lambda: hasty.get("/"),
        lambda: hasty.create("/a"),
        lambda: hasty.create_async("/a").get(),
        lambda: hasty.ensure_path("/a/b"),
        lambda: hasty.delete("/a", recursive=True),
        lambda: hasty.DataWatch("/"),
        lambda: hasty.add_auth("digest", "a:b"),
        lambda: hasty.data_watches({"/": print}),
    ):
        with pytest.raises(zc.zk.ConnectionLoss, match="no connection") as caught:
            call()
        assert not caught.value.maybe_applied

    assert time.monotonic() - begun < stretched(1.0)


@pytest.mark.slow
def test_a_client_may_fail_fast_by_itself(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, fail_fast=True) as client:
        assert client.get("/")[0] == b""
        lose_connection(client, proxy)

        with pytest.raises(zc.zk.ConnectionLoss):
            client.get("/")

        waiting = client.within(SOON, fail_fast=False).get_async("/")
        proxy.accept()
        assert waiting.get()[0] == b""


@pytest.mark.slow
def test_what_shall_fail_fast_is_not_found_out_about(proxied: Client, proxy: FaultProxy) -> None:
    proxy.cut_on(reply_to(wire.Opcode.CREATE))

    with pytest.raises(zc.zk.ConnectionLoss) as caught:
        proxied.within(SOON, fail_fast=True).create("/a", ephemeral=True)

    assert caught.value.maybe_applied


# --- calling again


@pytest.mark.slow
def test_k31_a_whole_function_is_called_again(proxied: Client, proxy: FaultProxy) -> None:
    proxied.create("/a", b"1")
    proxy.cut_on(request(wire.Opcode.SET_DATA))
    calls = []

    def count(path: str, by: int) -> int:
        calls.append(path)
        data, stat = proxied.get(path)
        proxied.within(5, fail_fast=True).set(path, b"%d" % (int(data) + by), stat.version)
        return int(data) + by

    assert proxied.retry(count, "/a", by=2) == 3
    assert proxied.get("/a")[0] == b"3"
    assert len(calls) >= 2


def test_k31_nothing_is_called_again_that_would_fail_again(client: Client) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        client.retry(client.get, "/missing")


def test_k31_a_function_is_not_called_again_after_the_time_of_a_call(client: Client) -> None:
    def fail() -> None:
        raise zc.zk.ForceRetryError("again")

    begun = time.monotonic()
    with pytest.raises(zc.zk.RetryFailedError):
        client.within(SHORT).retry(fail)

    assert time.monotonic() - begun < stretched(SHORT + 0.5)


def test_k31_a_client_that_was_closed_ends_the_retrying(client: Client) -> None:
    client.stop()

    with pytest.raises(zc.zk.ConnectionClosedError):
        client.retry(client.get, "/")


def test_k31_a_client_may_have_a_policy_of_its_own(server: AnyServer, chroot: str) -> None:
    policy = zc.zk.Retry(max_tries=2, delay=0.01)
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise zc.zk.ForceRetryError("again")

    with Client(server.address + chroot, command_retry=policy) as client:
        with pytest.raises(zc.zk.RetryFailedError):
            client.retry(fail)

        assert client.retry is policy
    assert len(calls) == 3


def test_a_policy_that_is_none_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"^command_retry must be a zc.zk.Retry, not dict"):
        Client("host:1", command_retry={})  # type: ignore[arg-type]  # what is tested
