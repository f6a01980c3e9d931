"""Plays the history that a seed stands for, and judges it."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.simulation.chance import Chance
from tests.simulation.client import BASE, SimulatedClient
from tests.simulation.clock import Clock
from tests.simulation.driver import World
from tests.simulation.faults import Faults
from tests.simulation.network import Door, Network
from tests.simulation.server import TICK, SimulatedServer
from tests.simulation.story import Story, Violation
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.states import Settings

T = 4.0
CONNECT_TIMEOUT = 1.5
_BACK_WITHIN = 5.0  # seconds after all has healed
_BACK_FROM_LOSS = 2 * T + _BACK_WITHIN  # when the server lost what it had acknowledged (R13)
_SETTLED_WITHIN = 1.0
_STEP = 0.05
_LONGEST_DELAY = 0.3  # of a callback


@dataclass(frozen=True)
class Outcome:
    """What became of a seed; without a `problem` all promises held."""

    seed: int
    problem: str
    story: str
    counts: Counter[str]
    seconds: float


class History:
    """All there is in one history."""

    def __init__(self, seed: int) -> None:
        chance = self._chance = Chance(seed)
        self.clock = Clock()
        self.story = Story(self.clock)
        version = chance.weighted(((3, (3, 9)), (1, (3, 8))))
        self.server = SimulatedServer(self.clock, chance.child(), self.story, version, BASE)
        network = Network(self.clock, chance.child(), self.story, self.server)
        doors = tuple(
            Endpoint(f"10.0.0.{number}", 2181) for number in range(1, chance.number(1, 3) + 1)
        )
        network.doors = {each: Door(each) for each in doors}
        self.world = World(self.clock, network, self.story)
        self.splits_batches = chance.happens(0.5)
        names = [f"c{number}" for number in range(chance.number(1, 3))]
        self.clients = [
            SimulatedClient(
                self.world,
                name,
                chance.child(),
                self.server.truth,
                Settings(timeout=T, connect_timeout=CONNECT_TIMEOUT),
                doors,
                (f"/servers/{name}-a", f"/servers/{name}-b"),
            )
            for name in names
        ]
        self.faults = Faults(
            self.world,
            self.server,
            chance.child(),
            self.clients,
            T,
            may_lose=chance.happens(0.3),
        )
        self.story.tell(
            "world", f"server {version}, {len(doors)} ways to it, {len(names)} clients, seed", seed
        )

    def play(self) -> None:
        """Let it all happen."""
        for client in self.clients:
            client.start()
        self._end_act()
        for _ in range(self._chance.number(2, 4)):
            self._act()
            self._end_act()
        for client in self.clients:
            client.judge.check_refused()

    def _act(self) -> None:
        chance, clock = self._chance, self.clock
        ends_at = clock.now + chance.between(1.0, 12.0)
        pace = chance.one_of((0.01, 0.05, 0.2))
        trouble = chance.one_of((0.3, 1.0, 3.0))
        for client in self.clients:
            client.driver.callback_delay = chance.one_of((0.002, _LONGEST_DELAY))
        self._again(ends_at, pace * len(self.clients), self._one_acts)
        self._again(ends_at, trouble, self.faults.strike)
        clock.run_until(ends_at)

    def _one_acts(self) -> None:
        self._chance.one_of(self.clients).act()

    def _again(self, ends_at: float, pause: float, call: Callable[[], None]) -> None:
        def go() -> None:
            if self.clock.now < ends_at:
                call()
                self.clock.after(self._chance.between(0.0, 2 * pause), go)

        self.clock.after(self._chance.between(0.0, 2 * pause), go)

    def _end_act(self) -> None:
        """End all faults, and check that all is well a second after everybody is back."""
        losses = self.server.truth.losses
        self._await_ends()
        self.faults.heal()
        had_losses = losses != self._losses_before
        self._losses_before = losses
        bound = _BACK_FROM_LOSS if had_losses else _BACK_WITHIN
        give_up = self.clock.now + bound
        self.clock.run_until(self.clock.now + _STEP)  # until those who were cut off know
        for client in self.clients:
            while not client.driver.is_connected:
                self.story.check(
                    self.clock.now < give_up, f"R2, R13: {client.name} is not back after", bound
                )
                self.clock.run_until(self.clock.now + _STEP)
        self._await_the_dead()
        self.clock.run_until(self.clock.now + _SETTLED_WITHIN)
        self._check()

    _losses_before = 0

    def _await_ends(self) -> None:
        # Who was closing has ended a second later.
        self.clock.run_until(self.clock.now + 1.01)

    def _await_the_dead(self) -> None:
        """Wait until sessions that nobody has any more are over: what they hold is waited for, too."""
        core = self.server.core
        assert core is not None
        give_up = self.clock.now + T + 2 * TICK
        while self.clock.now < give_up:
            alive = {client.driver.session.identity.session_id for client in self.clients}
            if all(session.id in alive for session in core.sessions):
                return
            self.clock.run_until(self.clock.now + _STEP)

    def _check(self) -> None:
        story, truth = self.story, self.server.truth
        story.tell("checker", "looks")
        story.count("acts")
        story.check(not truth.problems, "the server broke its own rules:", *truth.problems)
        core = self.server.core
        assert core is not None
        story.check(not truth.differences(core.store), "the server forgot or made things up:")
        self.server.require_no_overdue()
        for data, times in truth.written.items():
            is_once = len(times) == 1 or truth.losses or data in (b"base", b"")
            story.check(is_once or self._is_wanted(data), "R20: written twice:", data)
        for client in self.clients:
            story.check(
                client.driver.is_connected, f"{client.name} lost its connection in calm weather"
            )
            client.check()

    def _is_wanted(self, data: bytes) -> bool:
        """Say whether data is that of a registration, which is made again as often as need be."""
        return any(data in client.registered_data for client in self.clients)


def play(seed: int, *, keeps_story: bool = False) -> Outcome:
    """Play a seed."""
    began_at = monotonic()
    problem = ""
    history = History(seed)
    with _batches(split=history.splits_batches):
        try:
            history.play()
        except Violation as violation:
            problem = str(violation)
        except Exception:  # noqa: BLE001 (whatever comes out of a core is a finding)
            problem = traceback.format_exc()
    story = history.story.text if problem or keeps_story else ""
    return Outcome(seed, problem, story, history.story.counts, monotonic() - began_at)


@contextmanager
def _batches(*, split: bool) -> Iterator[None]:
    """Let each watch be armed again by a request of its own, so that connections die between any two."""
    with pytest.MonkeyPatch.context() as patch:
        if split:
            patch.setattr("zc.zk.protocol.watches.SET_WATCHES_BYTES", 1)
        yield
