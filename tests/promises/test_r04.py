"""R4: the callbacks of one object run in order, one at a time, with the state as it is when they start."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.promises.outsider import Outsider
from tests.promises.steps import Steps, Until, take
from tests.promises.told import Told
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Properties, ZooKeeper

pytestmark = pytest.mark.slow

ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]


class Slow:
    """A callback that can be made to wait, and watches that it is never called twice at a time."""

    def __init__(self, face: str) -> None:
        self._face = face
        self.seen: Told[int] = Told()
        self.most_at_once = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.is_waiting = False
        self._at_once = 0

    def __call__(self, properties: Properties) -> Any:
        return take(self._call(properties), self._face)

    def _call(self, properties: Properties) -> Steps:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self.seen.note(properties["n"])
        self.is_waiting = True
        yield Until(self.go_on.is_set)
        self.is_waiting = False
        self._at_once -= 1


def test_r4_a_slow_callback_gets_the_last_state_next_and_not_a_queue_of_old_ones(
    face_of_promise: str, real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    slow = Slow(face_of_promise)
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")
        properties(slow)
        wait_until(lambda: slow.seen.last == 0 and not slow.is_waiting, 5)
        slow.go_on.clear()
        outsider.set("/node", n=1)
        wait_until(lambda: slow.is_waiting, 5)
        for number in range(2, 52):
            outsider.set("/node", n=number)
        wait_until(lambda: properties["n"] == 51, 5)
        slow.go_on.set()

        wait_until(lambda: slow.seen.last == 51, 5)
        assert slow.seen.values == [0, 1, 51]
        assert slow.most_at_once == 1


def test_r4_a_thousand_changes_under_cuts_come_in_order_and_one_at_a_time(
    face_of_promise: str, real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    Outsider(real_server.port, chroot).create("/node", {"n": 0})
    slow = Slow(face_of_promise)
    with (
        ZooKeeper(real_server.address + chroot, session_timeout=4) as writer,
        ZooKeeper(proxy.address + chroot, session_timeout=4) as zk,
    ):
        properties = zk.properties("/node")
        properties(slow)
        for hundred in range(10):
            writes = [
                writer.client.set_async("/node", b'{"n": %d}' % number)
                for number in range(hundred * 100 + 1, hundred * 100 + 101)
            ]
            for write in writes:
                write.get(10)
            if hundred % 2 == 0:
                proxy.cut(rst=True)

        wait_until(lambda: slow.seen.last == 1000, 5)
        # The next change may come after a call is made, and before it looks: then both see the same state.
        assert slow.seen.values == sorted(slow.seen.values)
        assert slow.most_at_once == 1


@pytest.mark.threads  # of which it is about one
def test_r4_the_first_call_happens_before_the_callback_is_taken(
    real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        threads: list[threading.Thread] = []
        for _ in range(20):
            zk.children("/")(lambda _: threads.append(threading.current_thread()))

        assert threads == [threading.current_thread()] * 20


def test_r4_a_change_during_the_first_call_is_told_after_it(
    face_of_promise: str, real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")
        told: list[str] = []

        def show(properties: Properties) -> Steps:
            told.append(f"begin {properties['n']}")
            if properties["n"] == 0:
                outsider.set("/node", n=1)
                yield Until(lambda: properties["n"] == 1)
            told.append("end")

        properties(lambda it: take(show(it), face_of_promise))

        wait_until(lambda: len(told) == 4, 5)
        assert told == ["begin 0", "end", "begin 1", "end"]


def test_r4_no_lock_of_ours_is_held_while_a_callback_runs(
    face_of_promise: str, real_server: RealServer, fresh_chroot: FreshChroot
) -> None:
    chroot = fresh_chroot(real_server)
    outsider = Outsider(real_server.port, chroot)
    outsider.create("/node", {"n": 0})
    slow = Slow(face_of_promise)
    with ZooKeeper(real_server.address + chroot, session_timeout=4) as zk:
        properties = zk.properties("/node")
        properties(slow)
        wait_until(lambda: slow.seen.last == 0 and not slow.is_waiting, 5)
        slow.go_on.clear()
        outsider.set("/node", n=1)
        wait_until(lambda: slow.is_waiting, 5)

        assert zk.get("/node")[0] == b'{"n": 1}'
        properties.set(n=2)
        assert zk.properties("/node")["n"] == properties["n"] == 2
        slow.go_on.set()
