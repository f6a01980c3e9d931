"""R5: a callback that raises or blocks hurts nobody but itself."""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from tests.frames import Kind
from tests.promises.outsider import Outsider
from tests.promises.steps import Steps, Until, take
from tests.promises.told import States, View
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched, wait_until
from tests.wire import Opcode
from zc.zk import Properties, State, ZooKeeper

pytestmark = pytest.mark.slow

LONGEST_DELAY = 0.1  # seconds, in the promise
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_r5_a_callback_that_raises_is_called_once_for_a_change_and_named_in_one_log_record(
    error: type[Exception],
    real_server: RealServer,
    fresh_chroot: FreshChroot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    calls: list[int] = []
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")
        other_object = View(zk.properties("/node"))

        @properties
        def fail(properties: Properties) -> None:
            calls.append(properties["n"])
            if properties["n"]:
                raise error("broken")

        other_callback = View(properties)
        with caplog.at_level(logging.ERROR):
            outsider.set("/node", n=1)
            other_callback.wait_for({"n": 1}, 5)
            other_object.wait_for({"n": 1}, 5)
            outsider.set("/node", n=2)
            other_callback.wait_for({"n": 2}, 5)
            other_object.wait_for({"n": 2}, 5)

        assert calls == [0, 1]
        [record] = caplog.records
        assert repr(properties) in record.getMessage()
        assert record.exc_info is not None
        assert record.exc_info[0] is error


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_r5_a_watch_function_that_raises_is_called_once_for_each_change(
    error: type[Exception], real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    calls: list[bytes] = []
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:

        @zk.client.DataWatch("/node")
        def fail(data: bytes, stat: object) -> None:
            calls.append(data)
            if len(calls) > 1:
                raise error("broken")

        for number in (1, 2):
            outsider.set("/node", n=number)
            wait_until(lambda number=number: len(calls) == number + 1, 5)  # type: ignore[misc]

        assert remains(lambda: calls == [b'{"n": 0}', b'{"n": 1}', b'{"n": 2}'], 0.1)


class Blocking:
    """A callback that blocks from its second call on."""

    def __init__(self, face: str) -> None:
        self._face = face
        self.calls = 0
        self.go_on = threading.Event()

    def __call__(self, *_: object) -> Any:
        return take(self._call(), self._face)

    def _call(self) -> Steps:
        self.calls += 1
        if self.calls > 1:
            yield Until(self.go_on.is_set)


def test_r5_a_blocking_callback_delays_no_other_by_more_than_a_tenth_of_a_second(
    face_of_promise: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/blocking", {})
    outsider.create("/other", {"n": 0})
    for number in range(1, 6):
        blocking = Blocking(face_of_promise)
        with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
            blocked, other = zk.properties("/blocking"), View(zk.properties("/other"))
            blocked(blocking)
            outsider.set("/blocking", n=number)
            wait_until(lambda blocking=blocking: blocking.calls == 2, 5)  # type: ignore[misc]
            outsider.set("/other", n=number)
            told_at = other.wait_for({"n": number}, 5)
            read_at = max(
                frame.seen_at
                for frame in proxy.frames
                if frame.kind is Kind.REPLY and frame.opcode == Opcode.GET_DATA
            )
            blocking.go_on.set()

        assert told_at - read_at <= stretched(LONGEST_DELAY)


def test_r5_a_blocking_listener_delays_no_callback_by_more_than_a_tenth_of_a_second(
    face_of_promise: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    go_on = threading.Event()
    told: list[State] = []

    def listen(state: State) -> Steps:
        told.append(state)
        yield Until(go_on.is_set)

    with ZooKeeper(proxy.address + chroot, session_timeout=4) as zk:
        children = View(zk.children("/"))
        zk.client.add_listener(lambda state: take(listen(state), face_of_promise))
        proxy.cut()
        wait_until(lambda: told == [State.SUSPENDED], 5)
        wait_until(lambda: zk.client.connected, 5)
        outsider.create("/child")
        created_at = monotonic()

        assert children.wait_for(["child"], 5) - created_at <= stretched(LONGEST_DELAY)
        go_on.set()
        wait_until(lambda: told == [State.SUSPENDED, State.CONNECTED], 5)


def test_r5_a_blocking_callback_delays_no_operation_and_no_ping(
    face_of_promise: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {})
    blocking = Blocking(face_of_promise)
    with ZooKeeper(proxy.address + chroot, session_timeout=1) as zk:
        states = States(zk.client)
        zk.properties("/node")(blocking)
        outsider.set("/node", n=1)
        wait_until(lambda: blocking.calls == 2, 5)
        began_at = monotonic()
        assert zk.get("/node")[0] == b'{"n": 1}'
        answered_at = monotonic()

        assert answered_at - began_at <= stretched(LONGEST_DELAY)
        assert remains(lambda: zk.client.connected, 1.5)
        blocking.go_on.set()
    pings = [frame for frame in proxy.frames if frame.opcode == Opcode.PING]
    assert len([frame for frame in pings if frame.kind is Kind.REPLY]) >= 3
    assert State.SUSPENDED not in states.values
