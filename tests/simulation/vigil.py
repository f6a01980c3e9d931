"""What a client is told of its session, and when: compared with what came over its connections."""

from tests.simulation.driver import Driver
from tests.simulation.model import Judge
from tests.simulation.network import Line
from zc.zk.codes import State
from zc.zk.protocol.states import StateChange

_LATE = 0.001  # seconds
_COARSE = 0.051  # seconds: how finely the core remembers when it sent something
_LOOK = 0.25  # seconds between two looks
_ANSWER = (
    0.29  # of the time-out: what is asked late, after a pause, may take this long to be answered
)
FOLLOWS = {
    State.CONNECTED: {State.SUSPENDED, State.LOST},
    State.SUSPENDED: {State.CONNECTED, State.LOST},
    State.LOST: {State.CONNECTED},
}


class Vigil:
    """Watches over the states of one client."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.changes: list[StateChange] = []
        self.is_excused = False  # the process did not run
        self.connected_at = 0.0
        self._resumed_at = float("-inf")
        self._driver: Driver | None = None
        self._acked_at = 0.0
        self._is_exact = True

    def begin(self, driver: Driver) -> None:
        """Look at a driver from now on, again and again."""
        self._driver = driver
        self._acked_at = driver.world.clock.now
        self._look()

    def changed(self, change: StateChange) -> None:
        """Judge a change of state."""
        judge, driver = self.judge, self._driver
        assert driver is not None
        now = driver.world.clock.now
        before = self.changes[-1] if self.changes else None
        judge.story.tell(
            judge.name, f"is told {change.state}:", f"{change.session_id:#x}", change.reason
        )
        judge.story.count(f"told {change.state}")
        state = State.LOST if before is None else before.state
        judge.check(change.state in FOLLOWS[state], "R14: no such sequence", state, change.state)
        if change.state is State.CONNECTED:
            self._check_connected(change)
            self.connected_at = now
            self.is_excused = False
        elif change.state is State.LOST and change.is_assumed:
            lost_at = self._acked_at + driver.session.identity.timeout
            # A process that goes on takes what arrived piece by piece, and judges by what it has taken.
            if self._is_exact and not self.is_excused and now > self._resumed_at:
                judge.check(now >= lost_at - _COARSE, "R12: LOST was told early", now - lost_at)
            self._check_lost(now)
        self.changes.append(change)

    def _check_connected(self, change: StateChange) -> None:
        ids = [each.session_id for each in self.changes if each.state is State.CONNECTED]
        is_new = bool(ids) and change.session_id != ids[-1]
        self.judge.check(change.session_id, "R14: connected, and no session")
        self.judge.check(
            not is_new or self.changes[-1].state is State.LOST, "R14: a new session for an old one"
        )
        self.judge.check(
            not is_new or change.session_id not in ids, "R14: an old session for a new one"
        )

    def heard(self, line: Line) -> None:
        """Note what has arrived over a connection."""
        if line.replies:
            sent_at = line.sent_at[min(line.replies, len(line.sent_at)) - 1]
            self._is_exact = not line.is_spoiled
            self._acked_at = max(self._acked_at, sent_at)

    def resumes(self, now: float) -> None:
        """Note that the process runs again, and will take what has arrived."""
        self._resumed_at = now

    def resumed(self) -> None:
        """Note that it has taken that."""
        self.is_excused = self._driver is not None and not self._driver.is_connected

    def _look(self) -> None:
        driver = self._driver
        if driver is None or driver.is_dead:
            return
        if driver.is_paused:
            self.is_excused = True
        if not self.is_excused:
            self.check()
        driver.world.clock.after(_LOOK, self._look)

    def check(self) -> None:
        """Check that what was due to be told was told."""
        driver = self._driver
        assert driver is not None
        now, line, session = driver.world.clock.now, driver.line, driver.session
        if session.state is State.CONNECTED:
            self.judge.check(line is not None, "CONNECTED without a connection")
            if line is not None and not line.is_spoiled:
                timeout = session.identity.timeout
                asked_late = min(self._resumed_at + timeout * _ANSWER, self._acked_at + timeout)
                silent_at = max(line.replied_at + timeout * 2 / 3, asked_late)
                self.judge.check(now <= silent_at + _LATE, "R12: not SUSPENDED in time")
        elif session.state is State.SUSPENDED:
            self._check_lost(now)

    def _check_lost(self, now: float) -> None:
        assert self._driver is not None
        if not self.is_excused:
            lost_at = self._acked_at + self._driver.session.identity.timeout
            self.judge.check(now <= lost_at + _LATE, "R12: LOST was told late", now - lost_at)
