"""A client: the core, and what a real driver does with threads and sockets as events of a clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.chance import Chance
from tests.simulation.clock import Alarm, Clock
from tests.simulation.network import Line, Network
from tests.simulation.story import Story
from zc.zk.codes import State
from zc.zk.errors import ConnectionClosedError, ZooKeeperError
from zc.zk.operations import Operation, Step
from zc.zk.plans import Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.protocol.ensemble import Endpoint, Ensemble
from zc.zk.protocol.race import Attempt, Race
from zc.zk.protocol.requests import NEVER, Request, encode
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Settings, StateChange

_FAREWELL = 1.0  # seconds that a server gets to answer our closing the session


@dataclass(slots=True)
class World:
    """What all clients share."""

    clock: Clock
    network: Network
    story: Story


class Driver:
    """Runs a session. `on_change` is told each change of state, `after` is called when something may have changed."""

    def __init__(
        self,
        world: World,
        name: str,
        chance: Chance,
        settings: Settings,
        endpoints: Sequence[Endpoint],
        on_change: Callable[[StateChange], None],
    ) -> None:
        self.world = world
        self.name = name
        self.chance = chance
        self.line: Line | None = None
        self.is_paused = False
        self.is_dead = False
        self.callback_delay = 0.002  # seconds, at most
        self._race: Race | None = None
        self._alarm: Alarm | None = None
        self._end: Alarm | None = None  # when a closing session is over, whatever the network does
        self._arrived: list[tuple[Line, bytes | None]] = []  # while paused; None for the end
        self.session = Session(Ensemble(endpoints, chance.random), settings, on_change)

    # --- what callers do

    def start(self) -> None:
        """Look for a server from now on."""
        if self._end is not None:
            self._end.cancel()  # of the session before
        self.session.open(self.world.clock.now)
        self.turn()

    def submit(self, request: Request) -> None:
        """Ask for something."""
        self.session.submit(request, self.world.clock.now)
        self.turn()

    def stop(self) -> None:
        """End the session, within a second."""
        self.session.close(self.world.clock.now)
        self.turn()
        self._end = self.world.clock.after(_FAREWELL, self._finish)

    def _finish(self) -> None:
        if self.session.phase.is_ending:
            self.session.finish("closed by the caller")
            self.turn()

    def move(self, endpoints: Sequence[Endpoint]) -> None:
        """Take another list of servers."""
        self.session.move(endpoints, self.world.clock.now)
        self.turn()

    def die(self) -> None:
        """Vanish, as a process that is killed."""
        self.is_dead = True
        self._race = None
        self._hang_up()

    def pause(self) -> None:
        """Do nothing for a while."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on, with what arrived meanwhile."""
        if self.is_paused:
            self.is_paused = False
            arrived, self._arrived = self._arrived, []
            for line, data in arrived:
                if data is None:
                    self.ended(line, "the connection was reset")
                else:
                    line.replied_at = self.world.clock.now  # that is when it is heard
                    self.arrived(line, data)
            self.turn()

    def post(self, call: Callable[[], object]) -> None:
        """Make a call on a callback thread."""
        self.world.clock.after(
            self.chance.between(0.0, self.callback_delay), lambda: self._run(call)
        )

    def _run(self, call: Callable[[], object]) -> None:
        if self.is_paused:
            self.post(call)
        elif not self.is_dead:
            call()

    # --- the network's side

    def arrived(self, line: Line, data: bytes) -> None:
        """Take bytes."""
        if self.is_paused:
            self._arrived.append((line, data))
        elif line is self.line:
            self.session.receive(data, self.world.clock.now)
            self.turn()

    def ended(self, line: Line, reason: str) -> None:
        """Note that a connection ended."""
        if self.is_paused:
            self._arrived.append((line, None))
        elif line is self.line:
            self.line = None
            self.world.story.tell(self.name, "is cut off:", reason)
            self.session.disconnected(reason, self.world.clock.now)
            self.turn()

    # --- the reader

    def turn(self) -> None:
        """Do what is due, send what is to be sent, and set the alarm."""
        if self.is_paused or self.is_dead:
            return
        session, now = self.session, self.world.clock.now
        if now >= session.deadline():
            session.tick(now)
        if session.fault is not None and (self.line is not None or self._race is not None):
            self._drop(session.fault)
        servers = session.dial(now)
        if servers:
            self._race = Race(servers, session.settings.connect_timeout, now)
            self._advance(self._race)
        if self.line is not None:
            data = session.data_to_send(now)
            if data:
                self.line.send(data)
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = self.session.deadline()
        if deadline != NEVER:
            self._alarm = self.world.clock.at(deadline, self.turn)

    def _drop(self, reason: str) -> None:
        self._race = None
        self._hang_up()
        self.world.story.tell(self.name, "drops the connection:", reason)
        self.session.disconnected(reason, self.world.clock.now)

    def _hang_up(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.hang_up()

    # --- attempts

    def _advance(self, race: Race) -> None:
        if race is not self._race or self.is_dead:
            return
        now = self.world.clock.now
        for attempt in [each for each in race.running if now >= each.until]:
            self._failed(race, attempt, "no answer")
        while not race.is_over and (attempt_now := race.start(now)) is not None:
            self.session.ensemble.trying(attempt_now.server)
            self._dial(race, attempt_now)
        if race.is_over:
            self._race = None
            self.session.disconnected("no server could be reached", now)
            self.turn()
        elif race.deadline() != NEVER:
            self.world.clock.at(race.deadline(), lambda: self._advance(race))

    def _dial(self, race: Race, attempt: Attempt) -> None:
        def reached(line: Line) -> None:
            if self.is_paused:
                self.world.clock.after(0.1, lambda: reached(line))
            elif race is not self._race or attempt not in race.running:
                line.hang_up()
            else:
                self._race = None
                self.line = line
                self.session.connected(self.world.clock.now, attempt.server)
                self.turn()

        def refused(reason: str) -> None:
            if self.is_paused:
                self.world.clock.after(0.1, lambda: refused(reason))
            elif race is self._race and attempt in race.running:
                self._failed(race, attempt, reason)
                self._advance(race)

        self.world.network.dial(self.name, attempt.server, self, reached, refused)

    def _failed(self, race: Race, attempt: Attempt, reason: str) -> None:
        now = self.world.clock.now
        report = race.failed(attempt, reason, now)
        if report is not None:
            pause = self.session.unreachable(report.server, report.reason, now, report.attempts)
            race.hold_off(pause, now)

    @property
    def is_connected(self) -> bool:
        """Whether there is a session that is served."""
        return self.session.state is State.CONNECTED


class Running:
    """A plan that runs as on callback threads, one step after the other."""

    def __init__(
        self,
        driver: Driver,
        plan: Plan[Any],  # Any: whatever it returns
        on_end: Callable[[Any], None] = lambda _: None,  # Any: its result, or its error
        deadline: float = NEVER,
    ) -> None:
        self.has_ended = False
        self._driver = driver
        self._plan = plan
        self._on_end = on_end
        self._deadline = deadline
        self._send(None)

    def _send(self, answer: object) -> None:
        self._driver.post(lambda: self._advance(lambda: self._plan.send(answer)))

    def _throw(self, error: Exception) -> None:
        self._driver.post(lambda: self._advance(lambda: self._plan.throw(error)))

    def _advance(self, advance: Callable[[], Step[Any]]) -> None:
        assert not self.has_ended
        try:
            step = advance()
        except StopIteration as end:
            self.has_ended = True
            self._on_end(end.value)
        except ZooKeeperError as error:
            self.has_ended = True
            self._on_end(error)
        else:
            self._begin(step)

    def _begin(self, step: Step[Any]) -> None:
        driver, now = self._driver, self._driver.world.clock.now
        session = driver.session
        match step:
            case Operation():
                driver.submit(_PlanStep(step, self._deadline, self._send, self._throw))
            case Wait(change, seconds):
                if seconds is not None:
                    raise NotImplementedError(step)
                if change.event is None and not session.phase.is_ending:
                    change.told = lambda: self._send(True)
                else:
                    self._send(True)
            case Pause(seconds):
                session.tick(now)
                session.call_later(seconds, lambda: self._send(None))
                driver.turn()
            case Whoami():
                identity = session.identity
                earlier = frozenset(session.earlier_ids)
                self._send(Ids(identity.session_id, earlier, identity.timeout))
            case Together():
                raise NotImplementedError(step)
            case _:
                raise AssertionError(step)


class _PlanStep(Request):
    __slots__ = ("_send", "_throw")

    def __init__(
        self,
        operation: Operation[Any],
        deadline: float,
        send: Callable[[object], None],
        throw: Callable[[Exception], None],
    ) -> None:
        super().__init__(operation, encode(operation, ""), deadline)
        self._send = send
        self._throw = throw

    def resolve(self, answer: object) -> None:
        assert not self.ended
        super().resolve(answer)
        self._send(answer)

    def fail(self, error: Exception) -> None:
        assert not self.ended
        super().fail(error)
        self._throw(error)


def is_closed(result: object) -> bool:
    """Say whether a plan ended because its client was closed."""
    return isinstance(result, ConnectionClosedError)
