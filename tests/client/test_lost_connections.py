"""What befalls connections, and what becomes of the calls, watches and nodes of a client."""

from collections.abc import Iterator
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.frames import Kind, nth, of_kind
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import identity, lose_session, session_id
from tests.waiting import remains, stretched, wait_until
from zc.zk import CREATOR_ALL_ACL, Client, WatchedEvent

SOON = 20.0
A_MOMENT = 0.05


@pytest.fixture
def proxied(server: AnyServer, chroot: str, proxy: FaultProxy) -> Iterator[Client]:
    """A client behind the proxy."""
    with Client(proxy.address + chroot) as client:
        yield client


def is_reply_to(opcode: int) -> Any:
    return lambda frame: frame.direction == "to_client" and frame.opcode == opcode


@pytest.mark.slow
def test_a_read_that_was_cut_off_is_asked_again(proxied: Client, proxy: FaultProxy) -> None:
    proxied.create("/a", b"data")
    proxy.cut_on(is_reply_to(wire.Opcode.GET_DATA))

    assert proxied.get("/a")[0] == b"data"
    assert len(proxy.attempts) == 2


@pytest.mark.slow
def test_a_write_that_was_cut_off_raises_that_it_may_have_been_applied(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxied.create("/a")
    proxy.cut_on(is_reply_to(wire.Opcode.SET_DATA))

    with pytest.raises(zc.zk.ConnectionLoss) as failed:
        proxied.set("/a", b"new")

    assert failed.value.maybe_applied
    assert failed.value.path == "/a"
    assert proxied.get("/a")[0] == b"new"


@pytest.mark.slow
def test_a_call_without_an_answer_ends_at_its_time_out(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=0.2) as client:
        client.create("/a")
        proxy.one_way("to_client")

        with pytest.raises(zc.zk.OperationTimeoutError) as read:
            client.get("/a")
        with pytest.raises(zc.zk.OperationTimeoutError) as written:
            client.set("/a", b"new")

    assert not read.value.maybe_applied
    assert written.value.maybe_applied


@pytest.mark.slow
def test_a_call_that_found_no_server_says_so_and_was_not_applied(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=0.2) as client:
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not client.connected, SOON)

        with pytest.raises(zc.zk.OperationTimeoutError, match="no connection") as failed:
            client.create("/a")
        proxy.accept()

    assert not failed.value.maybe_applied


@pytest.mark.slow
def test_an_identity_is_shown_to_every_server(proxied: Client, proxy: FaultProxy) -> None:
    proxied.add_auth("digest", "user:password")
    proxied.create("/a", b"secret", CREATOR_ALL_ACL)

    proxy.cut()
    wait_until(lambda: len(proxy.attempts) >= 2, SOON)

    assert proxied.get("/a")[0] == b"secret"


@pytest.mark.slow
def test_an_identity_that_could_not_be_shown_in_time_is_not_shown_later(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=0.2) as client:
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not client.connected, SOON)

        with pytest.raises(zc.zk.OperationTimeoutError):
            client.add_auth("no-such-scheme", "x")  # which would end the client
        proxy.accept()

        wait_until(lambda: client.connected, SOON)


@pytest.mark.slow
def test_watches_outlive_the_connection_and_the_session(
    proxied: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    events: list[WatchedEvent] = []
    proxied.create("/a")
    proxied.create("/b")
    proxied.get("/a", events.append)
    proxied.get("/b", events.append)

    proxy.cut()
    wait_until(lambda: len(proxy.attempts) >= 2 and proxied.connected, SOON)
    proxied.set("/a", b"")
    wait_until(lambda: [event.path for event in events] == ["/a"], SOON)
    lose_session(proxied, server)
    proxied.set("/b", b"")

    wait_until(lambda: [event.path for event in events] == ["/a", "/b"], SOON)


@pytest.mark.slow
def test_a_change_during_an_outage_calls_the_watch(
    proxied: Client, client: Client, proxy: FaultProxy
) -> None:
    events: list[WatchedEvent] = []
    proxied.create("/a")
    proxied.get("/a", events.append)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: not proxied.connected, SOON)

    client.set("/a", b"new")
    proxy.accept()

    wait_until(lambda: [(event.type, event.path) for event in events] == [("CHANGED", "/a")], SOON)


@pytest.mark.slow
def test_watches_get_no_events_of_the_session(
    proxied: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    events: list[WatchedEvent] = []
    proxied.create("/a")
    proxied.get("/a", events.append)

    proxy.cut()
    wait_until(lambda: len(proxy.attempts) >= 2 and proxied.connected, SOON)
    lose_session(proxied, server)

    assert remains(lambda: events == [], A_MOMENT)


@pytest.mark.slow
def test_ephemeral_nodes_go_with_a_lost_session(
    proxied: Client, client: Client, server: AnyServer
) -> None:
    proxied.create("/a", ephemeral=True)

    lose_session(proxied, server)

    assert client.exists("/a") is None


@pytest.mark.slow
def test_a_write_of_a_lost_session_does_not_happen_in_the_next(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with Client(proxy.address + chroot, operation_timeout=stretched(SOON)) as client:
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not client.connected, SOON)
        waiting = client.create_async("/a", ephemeral=True)
        server.expire(*identity(client))
        proxy.accept()

        with pytest.raises(zc.zk.SessionExpiredError):
            waiting.get()
        assert client.exists("/a") is None


@pytest.mark.slow
def test_a_reply_that_nobody_asked_for_ends_the_connection_and_nothing_else(
    proxied: Client, proxy: FaultProxy
) -> None:
    session = session_id(proxied)

    proxy.inject(wire.reply(12345))

    wait_until(lambda: len(proxy.attempts) >= 2 and proxied.connected, SOON)
    assert session_id(proxied) == session
    assert proxied.exists("/") is not None


@pytest.mark.slow
def test_an_answer_that_cannot_be_read_is_an_error_and_the_client_goes_on(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxy.rewrite(is_reply_to(wire.Opcode.GET_DATA), lambda payload: payload[:20], times=1)

    with pytest.raises(zc.zk.ProtocolError):
        proxied.get("/")

    assert proxied.get("/")[0] == b""


def test_an_error_number_that_is_not_known_is_told(proxied: Client, proxy: FaultProxy) -> None:
    def refuse(payload: bytes) -> bytes:
        return payload[:12] + (-999).to_bytes(4, "big", signed=True)

    proxy.rewrite(is_reply_to(wire.Opcode.GET_DATA), refuse, times=1)

    with pytest.raises(zc.zk.UnknownError, match="-999") as failed:
        proxied.get("/")

    assert failed.value.number == -999
    assert len(proxy.attempts) == 1


def test_a_frame_that_is_too_long_fails_its_call_and_the_client_goes_on(
    proxied: Client, proxy: FaultProxy
) -> None:
    def announce_too_much(payload: bytes) -> list[bytes]:
        return [(2**30).to_bytes(4, "big") + payload]

    proxy.rewrite(is_reply_to(wire.Opcode.GET_DATA), announce_too_much, times=1)

    with pytest.raises(zc.zk.ResponseTooLargeError):
        proxied.get("/")

    assert proxied.get("/")[0] == b""


def test_a_server_that_writes_single_bytes_is_understood(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    proxy.one_byte_writes()
    with Client(proxy.address + chroot) as client:
        client.create("/a", b"data")

        assert client.get("/a")[0] == b"data"


@pytest.mark.slow
def test_a_session_that_is_refused_once_is_replaced(proxied: Client, proxy: FaultProxy) -> None:
    first = session_id(proxied)
    refusal = wire.session_refused()[4:]
    proxy.rewrite(nth(1, of_kind(Kind.CONNECT_RESPONSE)), lambda _: refusal)

    proxy.cut()

    wait_until(lambda: proxied.connected and session_id(proxied) != first, SOON)
    assert proxied.exists("/") is not None
