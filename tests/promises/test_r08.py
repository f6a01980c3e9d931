"""R8: ten thousand watches cost little memory, no threads, and three seconds of a reconnect."""

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pytest

from tests.bareclient import create_node
from tests.frames import Frame, Kind
from tests.promises.outsider import Outsider
from tests.promises.told import States, Told
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import serving
from tests.waiting import stretched, wait_until
from tests.wire import Opcode
from zc.zk import Client, Properties, State, ZooKeeper

pytestmark = pytest.mark.slow

COUNT = 10_000
CHROOT = "/ten-thousand"
MOST_BYTES = 1500  # each
LONGEST_RE_ARMING = 3.0  # seconds
LARGEST_FRAME = 128 * 1024 + 200  # bytes: the last path of a batch may reach over its end


@dataclass
class Observed:
    """What so many live properties cost, and what one reconnect of theirs looked like."""

    bytes_each: float
    threads_more: int
    frames: list[Frame]
    connected_at: float
    changed: list[int]
    calls: list[tuple[float, int]]
    shown: list[int]


@pytest.fixture(scope="module")
def observed(shared_real_server: RealServer) -> Iterator[Observed]:
    server = serving(shared_real_server)
    create_node(server.port, CHROOT)
    with (
        FaultProxy(server.port) as proxy,
        ZooKeeper(proxy.address + CHROOT, session_timeout=10) as zk,
    ):
        create_nodes(zk.client)
        told: Told[int] = Told()
        bytes_each, objects = measured_objects(zk, proxy, told)
        changed = list(range(1, COUNT, 100))
        with MostThreads() as threads:
            frames, connected_at = reconnect(zk, proxy, Outsider(server.port, CHROOT), changed)
            wait_until(lambda: len(told.calls) >= len(changed), 10)
        shown = [objects[n]["n"] for n in changed]
        more = threads.most - threads.before
        yield Observed(bytes_each, more, frames, connected_at, changed, told.calls, shown)


def path(number: int) -> str:
    return f"/node-{number:05}"


def create_nodes(client: Client) -> None:
    for begin in range(0, COUNT, 1000):
        created = [client.create_async(path(n), b"{}") for n in range(begin, begin + 1000)]
        for each in created:
            each.get(30)


def measured_objects(
    zk: ZooKeeper, proxy: FaultProxy, told: Told[int]
) -> tuple[float, list[Properties]]:
    """Make the objects; give also how many bytes each of them has cost, its callback included."""

    def note(properties: Properties) -> None:
        if "n" in properties:
            told.note(properties["n"])

    objects = []
    proxy.forget_frames()
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(COUNT):
            properties = zk.properties(path(n))
            properties(note)
            objects.append(properties)
        proxy.forget_frames()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return size / COUNT, objects


def reconnect(
    zk: ZooKeeper, proxy: FaultProxy, outsider: Outsider, changed: list[int]
) -> tuple[list[Frame], float]:
    """Change some nodes while the client is away; give the frames of its return, and its time."""
    states = States(zk.client)
    proxy.refuse()
    proxy.cut()
    for number in changed:
        outsider.set(path(number), n=number)
    proxy.forget_frames()
    proxy.accept()
    connected_at = states.wait_for(State.SUSPENDED, State.CONNECTED, bound=10)
    return proxy.frames, connected_at


class MostThreads:
    """Watches how many threads there are at the most."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self.before = self.most = threading.active_count()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.001):
            self.most = max(self.most, threading.active_count() - 1)  # without this one


def re_armings(frames: list[Frame]) -> list[Frame]:
    """Choose the requests that re-arm watches."""
    return [f for f in frames if f.kind is Kind.REQUEST and f.opcode == Opcode.SET_WATCHES]


def test_r8_a_live_data_watch_with_its_callback_costs_at_most_1500_bytes(
    observed: Observed,
) -> None:
    assert observed.bytes_each <= MOST_BYTES


def test_r8_a_reconnect_re_arms_ten_thousand_watches_in_three_seconds(observed: Observed) -> None:
    frames = observed.frames

    [accepted_at] = [frame.seen_at for frame in frames if frame.kind is Kind.CONNECT_RESPONSE]
    replies = [f for f in frames if f.kind is Kind.REPLY and f.opcode == Opcode.SET_WATCHES]
    assert len(replies) == len(re_armings(frames))
    assert replies[-1].seen_at - accepted_at <= stretched(LONGEST_RE_ARMING)
    assert observed.connected_at - accepted_at <= stretched(LONGEST_RE_ARMING)
    names = b"".join(frame.payload for frame in re_armings(frames))
    assert all(path(n).encode() in names for n in range(COUNT))


def test_r8_no_request_that_re_arms_watches_is_larger_than_128_kib(observed: Observed) -> None:
    sizes = [len(frame.payload) for frame in re_armings(observed.frames)]

    assert len(sizes) > 1
    assert max(sizes) <= LARGEST_FRAME


def test_r8_a_reconnect_adds_at_most_one_thread(observed: Observed) -> None:
    assert observed.threads_more <= 1


def test_r8_what_changed_during_a_reconnect_is_shown_within_a_second(observed: Observed) -> None:
    assert sorted(n for _, n in observed.calls) == observed.changed == observed.shown
    assert max(when for when, _ in observed.calls) - observed.connected_at <= stretched(1)


def test_r8_dropped_watches_are_freed_and_re_armed_no_more(real_server: RealServer) -> None:
    with FaultProxy(real_server.port) as proxy, ZooKeeper(proxy.address) as zk:
        client = zk.client
        client.ensure_path("/dropped")
        objects = [zk.properties("/dropped") for _ in range(1000)]
        kept = zk.children("/dropped")
        references = [weakref.ref(each) for each in objects]
        objects.clear()
        states = States(client)
        proxy.cut()
        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)

        assert not any(each() for each in references)
        [re_arming] = re_armings(proxy.frames)
        assert re_arming.payload.count(b"/dropped") == 1
        assert list(kept) == []


def test_r8_a_watch_ended_by_its_function_is_re_armed_no_more(real_server: RealServer) -> None:
    with FaultProxy(real_server.port) as proxy, Client(proxy.address) as client:
        client.ensure_path("/dropped")
        client.DataWatch("/dropped", lambda data, stat: False)
        states = States(client)
        proxy.cut()
        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)

        assert re_armings(proxy.frames) == []
