"""K80: every documented exception, and how it comes about on real servers.

`KazooException` is our `ZooKeeperError`, and `ZookeeperError` our `CodedError`. What no server sends in earnest is put
into a real server's answer on its way. `LockTimeout` and `CancelledError` are raised by recipes.
"""

import struct
from collections.abc import Callable
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.frames import reply_to, request
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import identity
from tests.waiting import wait_until
from zc.zk import READ_ACL_UNSAFE, Client, ZooKeeperError, exceptions

SOON = 20.0
SHORT = 0.1
PUBLIC = """
    ZookeeperError AuthFailedError BadVersionError ConfigurationError InvalidACLError LockTimeout
    NoChildrenForEphemeralsError NodeExistsError NoNodeError NotEmptyError
"""
PRIVATE = """
    APIError BadArgumentsError CancelledError ConnectionDropped ConnectionClosedError ConnectionLoss DataInconsistency
    MarshallingError NoAuthError NotReadOnlyCallError InvalidCallbackError OperationTimeoutError RolledBackError
    RuntimeInconsistency SessionExpiredError SessionMovedError SystemZookeeperError UnimplementedError
    WriterNotClosedException ZookeeperStoppedError
"""
AS_IN_C = """
    ConnectionLossException MarshallingErrorException SystemErrorException RuntimeInconsistencyException
    DataInconsistencyException UnimplementedException OperationTimeoutException BadArgumentsException ApiErrorException
    NoNodeException NoAuthException BadVersionException NoChildrenForEphemeralsException NodeExistsException
    InvalidACLException AuthFailedException NotEmptyException SessionExpiredException InvalidCallbackException
"""


@pytest.mark.parametrize("name", f"{PUBLIC} {PRIVATE} {AS_IN_C}".split())
def test_k80_a_documented_name_is_there(name: str) -> None:
    assert name in exceptions.__all__
    assert issubclass(getattr(exceptions, name), ZooKeeperError)


REFUSED: dict[str, Callable[[Client], object]] = {
    "AuthFailedError": lambda c: c.add_auth("nosuch", "credential"),
    "BadVersionError": lambda c: c.set("/a", b"", version=9),
    "InvalidACLError": lambda c: c.create("/b", acl=[]),
    "NoChildrenForEphemeralsError": lambda c: c.create("/ephemeral/a"),
    "NodeExistsError": lambda c: c.create("/a"),
    "NoNodeError": lambda c: c.get("/missing"),
    "NotEmptyError": lambda c: c.delete("/parent"),
    "NoAuthError": lambda c: c.set("/closed", b""),
    "ConfigurationError": lambda c: Client(5),  # type: ignore[arg-type]  # what is tested
}


@pytest.mark.parametrize("name", REFUSED)
def test_k80_what_a_server_refuses_has_its_error(client: Client, name: str) -> None:
    kind = getattr(exceptions, name)
    client.create("/a")
    client.create("/parent/child", makepath=True)
    client.create("/ephemeral", ephemeral=True)
    client.create("/closed", acl=READ_ACL_UNSAFE)

    with pytest.raises(kind) as caught:
        REFUSED[name](client)

    assert type(caught.value) is (zc.zk.ArgumentTypeError if name == "ConfigurationError" else kind)


def test_k80_bad_arguments_are_what_the_server_finds_bad(server: AnyServer) -> None:
    with Client(server.address) as client, pytest.raises(exceptions.BadArgumentsException):
        client.delete("/")


def test_k80_rolled_back_and_inconsistent_are_results_of_a_transaction(client: Client) -> None:
    transaction = client.transaction()
    transaction.create("/a")
    transaction.check("/a", 5)
    transaction.create("/b")

    undone, cause, untried = transaction.commit()

    assert type(undone) is exceptions.RolledBackError
    assert type(cause) is exceptions.BadVersionException
    assert type(untried) is exceptions.RuntimeInconsistencyException
    assert isinstance(untried, exceptions.SystemZookeeperError)


def test_k80_a_request_that_the_server_cannot_read_is_a_marshalling_error(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxy.rewrite(
        request(wire.Opcode.GET_DATA), lambda payload: payload[:8] + b"\0\0\0\x7f", times=1
    )

    with pytest.raises(exceptions.MarshallingErrorException):
        proxied.get("/")


def test_k80_an_operation_that_the_server_does_not_know_is_unimplemented(
    proxied: Client, proxy: FaultProxy
) -> None:
    unknown = struct.pack(">i", 57)
    proxy.rewrite(
        request(wire.Opcode.GET_DATA), lambda payload: payload[:4] + unknown + payload[8:], times=1
    )

    with pytest.raises(exceptions.UnimplementedException):
        proxied.get("/")

    assert proxied.get("/")[0] is not None


SENT: list[str] = [
    "SystemZookeeperError",
    "DataInconsistency",
    "APIError",
    "InvalidCallbackError",
    "NotReadOnlyCallError",
]


@pytest.mark.parametrize("name", SENT)
def test_k80_an_error_number_in_an_answer_has_its_class(
    proxied: Client, proxy: FaultProxy, name: str
) -> None:
    kind = getattr(exceptions, name)
    number = struct.pack(">i", kind.code)
    proxy.rewrite(reply_to(wire.Opcode.SET_DATA), lambda payload: payload[:12] + number, times=1)

    with pytest.raises(kind) as caught:
        proxied.set("/", b"")

    assert type(caught.value) is kind
    assert proxied.set("/", b"") is not None


@pytest.mark.slow
def test_k80_a_session_that_moved_is_told_so(proxied: Client, proxy: FaultProxy) -> None:
    number = struct.pack(">i", exceptions.SessionMovedError.code)
    proxy.rewrite(reply_to(wire.Opcode.SET_DATA), lambda payload: payload[:12] + number, times=1)

    with pytest.raises(exceptions.SessionMovedError):
        proxied.set("/", b"")


@pytest.mark.slow
def test_k80_a_lost_connection_has_two_names(proxied: Client, proxy: FaultProxy) -> None:
    hasty = proxied.within(SOON, fail_fast=True)
    for kind in (exceptions.ConnectionLossException, exceptions.ConnectionDropped):
        proxy.cut_on(reply_to(wire.Opcode.SET_DATA))

        with pytest.raises(kind) as caught:
            hasty.set("/", b"")

        assert caught.value.maybe_applied
        wait_until(lambda: proxied.connected, SOON)


@pytest.mark.slow
def test_k80_an_answer_that_does_not_come_is_a_time_out(proxied: Client, proxy: FaultProxy) -> None:
    proxy.hold("to_client")

    with pytest.raises(exceptions.OperationTimeoutException):
        proxied.within(SHORT).get("/")

    proxy.heal()


@pytest.mark.slow
def test_k80_a_write_of_a_session_that_expired_says_so(
    proxied: Client, proxy: FaultProxy, server: AnyServer
) -> None:
    lost = identity(proxied)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: proxied.state == "SUSPENDED", SOON)
    pending = proxied.set_async("/", b"")
    server.expire(*lost)

    proxy.accept()

    with pytest.raises(exceptions.SessionExpiredException):
        pending.get(SOON)


def test_k80_a_client_that_was_stopped_says_so_by_either_name(client: Client) -> None:
    client.stop()

    for kind in (exceptions.ConnectionClosedError, exceptions.ZookeeperStoppedError):
        with pytest.raises(kind):
            client.get("/")


def test_k80_stopping_never_fails_for_a_writer_that_is_still_open(proxied: Client) -> None:
    pending = [proxied.create_async(f"/{number}") for number in range(50)]

    proxied.stop()

    assert [each.get(0) for each in pending] == [f"/{number}" for number in range(50)]


def test_k80_an_unknown_number_is_an_error_that_carries_it(
    proxied: Client, proxy: FaultProxy
) -> None:
    proxy.rewrite(
        reply_to(wire.Opcode.SET_DATA),
        lambda payload: payload[:12] + struct.pack(">i", -126),
        times=1,
    )

    with pytest.raises(zc.zk.UnknownError) as caught:
        proxied.set("/", b"")

    error: Any = caught.value
    assert error.number == -126
    assert isinstance(error, exceptions.ZookeeperError)
