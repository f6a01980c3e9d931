"""Measures the embedded server beside Apache's, each alone on one and the same core."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench import load
from bench.cores import LOAD_CORES, on_cores
from bench.crowd import Outcome, gather, most_members
from bench.servers import MAKERS, Running
from bench.tasks import DATA_SIZE, NODES
from bench.worker import cpu_time

_ROUNDS, _QUICK_ROUNDS = 7, 2
_WARM_UPS, _QUICK_WARM_UPS = 5, 1
_STARTS = {"embedded": 15, "Apache": 3}


@dataclass(frozen=True, slots=True)
class Burst:
    """So many requests in flight, in blocks over several connections, on each of which two blocks are under way.

    `wanted` says what it means that the embedded server's rate is `floor` times Apache's.
    """

    name: str
    title: str
    call: str
    count: int
    quick_count: int
    connections: int
    block: int
    wanted: str
    floor: float


BURSTS = (
    Burst(
        "server-gets",
        "gets in flight, 10 connections x 200",
        "gets",
        100_000,
        20_000,
        connections=10,
        block=100,
        wanted="gets in flight: as many as Apache",
        floor=1,
    ),
    Burst(
        "server-spread",
        "  the same, 50 connections x 20",
        "gets",
        100_000,
        20_000,
        connections=50,
        block=10,
        wanted="  the same, over more connections",
        floor=1,
    ),
    Burst(
        "server-creates",
        "creates in flight, 10 connections x 200",
        "creates",
        40_000,
        8000,
        connections=10,
        block=100,
        wanted="creates in flight: half as many as Apache",
        floor=0.5,
    ),
)
CROWD, START = "server-crowd", "server-start"
NAMES = (*(burst.name for burst in BURSTS), CROWD, START)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many requests a server answered in a second, and what CPU time one took: its own and the load's share."""

    rate: float
    cpu: float
    load: float


Round = Mapping[str, Pace]  # by server


@dataclass(frozen=True, slots=True)
class Start:
    """How many seconds a server took to serve, and of how much CPU."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured: paces round by round, what became of the crowds, and start by start."""

    paces: dict[Burst, list[Round]] = field(default_factory=dict)
    crowds: dict[str, Outcome] = field(default_factory=dict)
    starts: dict[str, list[Start]] = field(default_factory=dict)


class Match:
    """How often and how much is measured."""

    def __init__(self, names: Sequence[str], rounds: int | None, *, quick: bool) -> None:
        self._names = names
        self._is_quick = quick
        self._rounds = rounds or (_QUICK_ROUNDS if quick else _ROUNDS)
        self._parents = 0

    def run(self) -> Scores:
        """Measure what was asked for; the load runs on the cores that the servers leave."""
        scores = Scores()
        with on_cores(LOAD_CORES):
            if bursts := [burst for burst in BURSTS if burst.name in self._names]:
                scores.paces.update(self._run_bursts(bursts))
            if CROWD in self._names:
                scores.crowds.update(self._gather_crowds())
            if START in self._names:
                scores.starts.update(self._start())
        return scores

    # Requests in flight

    def _run_bursts(self, bursts: Sequence[Burst]) -> dict[Burst, list[Round]]:
        with ExitStack() as stack:
            servers = {name: stack.enter_context(Running(name)) for name in MAKERS}
            for running in servers.values():
                running.create([NODES, f"{NODES}/node"], b"x" * DATA_SIZE)
            return {burst: self._measure(burst, servers) for burst in bursts}

    def _measure(self, burst: Burst, servers: Mapping[str, Running]) -> list[Round]:
        # The compiler of Apache's server needs some hundred thousand requests of a kind before it is through.
        for number in range(_QUICK_WARM_UPS if self._is_quick else _WARM_UPS):
            _say(f"{burst.title.strip()}, warming up {number + 1}")
            for running in servers.values():
                self._do(burst, running)
        rounds: list[Round] = []
        for number in range(self._rounds):
            _say(f"{burst.title.strip()}, round {number + 1}")
            order = sorted(servers, reverse=number % 2 == 1)
            rounds.append({name: self._do(burst, servers[name]) for name in order})
        return rounds

    def _do(self, burst: Burst, running: Running) -> Pace:
        count = burst.quick_count if self._is_quick else burst.count
        lanes = self._lanes(burst, running, count)
        own, theirs = cpu_time(), running.cpu_time
        wall = load.drive(running.server.port, lanes, burst.block)
        return Pace(count / wall, (running.cpu_time - theirs) / count, (cpu_time() - own) / wall)

    def _lanes(self, burst: Burst, running: Running, count: int) -> list[list[bytes]]:
        blocks = range(count // burst.connections // burst.block)
        lanes = range(burst.connections)
        if burst.call == "gets":
            return [[load.gets(f"{NODES}/node", burst.block) for _ in blocks] for _ in lanes]
        self._parents += 1
        parent = f"{NODES}/{self._parents:03}"
        running.create([parent])
        data = b"x" * DATA_SIZE
        return [
            [load.creates(f"{parent}/{lane:03}-{each:06}", data, burst.block) for each in blocks]
            for lane in lanes
        ]

    # Many sessions

    def _gather_crowds(self) -> dict[str, Outcome]:
        wanted, timeout = (1000, 4.0) if self._is_quick else (10_000, 10.0)
        size = min(wanted, most_members())
        if size < wanted:
            _say(f"the machine's limit of open files allows {size:,} sessions, not {wanted:,}")
        outcomes = {}
        for name in MAKERS:
            _say(f"{size:,} sessions, {name}")
            with Running(name) as running:
                outcomes[name] = gather(running, size, timeout)
        return outcomes

    # Starts

    def _start(self) -> dict[str, list[Start]]:
        starts = {}
        for name in MAKERS:
            _say(f"starts, {name}")
            count = 1 if self._is_quick else _STARTS[name]
            with Running(name) as running:  # the first start fills caches, and does not count
                starts[name] = [Start(running.restart(), running.cpu_time) for _ in range(count)]
        return starts


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
