"""The server's core, as a process that can be killed, paused, and robbed of its disk."""

from collections.abc import Callable
from functools import partial

from tests.simulation.chance import Chance
from tests.simulation.clock import Alarm, Clock
from tests.simulation.network import Line
from tests.simulation.story import Story
from tests.simulation.truth import Truth
from zc.zk.server import log
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, Transaction
from zc.zk.server.core import Core
from zc.zk.server.link import Link
from zc.zk.server.settings import Settings

TICK = 0.2
_GRACE = 0.01  # seconds
_EPOCH = 1 << 32  # zxids


class SimulatedServer:
    """What is written down survives a kill; `truth` is told of all of it."""

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        story: Story,
        version: tuple[int, int],
        base: tuple[str, ...],
    ) -> None:
        self.truth = Truth()
        self.core: Core | None = None
        self.is_paused = False
        self.expired: dict[int, None] = {}  # sessions that were ended by order
        self._clock = clock
        self._chance = chance
        self._story = story
        self._version = version
        self.base = base
        self._disk: list[Transaction] = []
        self._links: dict[Line, Link] = {}
        self._lines: dict[Link, Line] = {}
        self._waiting: list[Callable[[], None]] = []  # while it is paused
        self._alarm: Alarm | None = None
        self._heard: dict[int, tuple[float, float]] = {}  # when, and the time-out then
        self._is_asked = False  # what happens, a client asked for
        self._begin(first_zxid=0)

    @property
    def is_listening(self) -> bool:
        """Whether there is a process."""
        return self.core is not None

    # --- its life

    def _begin(self, first_zxid: int, *, is_new_epoch: bool = False) -> None:
        """Start, with what is on the disk; in a new epoch no zxid is handed out twice."""
        now = self._clock.now
        settings = Settings(tick_time=TICK, first_zxid=first_zxid, version=self._version)
        empty = Core(settings, now, 0.0, self._chance.bytes)
        if self._disk:
            core = Core(settings, now, 0.0, self._chance.bytes)
            zxids = [empty.store.zxid, *(each.zxid for each in self._disk)]
            batches = (
                log.batch([each], log.Seal(after))
                for after, each in zip(zxids, self._disk, strict=False)
            )
            data = b"".join([*log.snapshot(empty.store), *batches])
            torn = log.batch(self._disk[-1:], log.Seal(zxids[-1]))  # a crash leaves that
            log.recover(data + torn[: self._chance.number(0, 20)], core.store, now)
            if is_new_epoch:
                core.store.zxid = (core.store.zxid // _EPOCH + 1) * _EPOCH
        else:
            core = empty
        core.store.journal = self._commit
        self._heard = {session.id: (now, session.timeout / 1000) for session in core.sessions}
        self.core = core
        if not self._disk:
            for path in self.base:
                draft = core.store.begin(now)
                draft.make(CreateNode(path, b"base", OPEN))
                draft.commit()
        self._turn()

    def kill(self) -> None:
        """End the process, and with it all connections."""
        self.core = None
        self.is_paused = False
        self._waiting.clear()
        lines, self._links, self._lines = list(self._links), {}, {}
        for line in lines:
            line.close()
        if self._alarm is not None:
            self._alarm.cancel()

    def restart(self) -> None:
        """Start again with all that was acknowledged."""
        self._begin(0, is_new_epoch=True)

    def restart_empty(self, *, zxid_goes_on: bool) -> None:
        """Start again with nothing."""
        zxid = (self._disk[-1].zxid // _EPOCH + 1) * _EPOCH if zxid_goes_on and self._disk else 0
        self._disk = []
        self.truth.lose(0)
        self._begin(zxid)

    def restart_from_backup(self, kept: int) -> None:
        """Start again with the first transactions, and end all sessions, as they are over long since."""
        self._disk = self._disk[:kept]
        self.truth.lose(kept)
        self._begin(first_zxid=0)
        for session_id in list(self.truth.sessions):
            self.expire(session_id)

    def pause(self) -> None:
        """Stop doing anything."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on, with what arrived meanwhile."""
        if self.is_paused:
            self.is_paused = False
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each()
            self._turn()

    def expire(self, session_id: int) -> None:
        """End a session by order."""
        if self.core is not None and not self.is_paused:
            self.expired[session_id] = None
            self.core.expire(session_id, self._clock.now)
            self._turn()

    # --- the network's side

    def accept(self, line: Line) -> None:
        """Take a connection."""
        if self._is_waiting(partial(self.accept, line)):
            return
        if self.core is not None:
            link = self.core.connect(("10.0.0.2", 2), self._clock.now)
            self._links[line] = link
            self._lines[link] = line

    def take(self, line: Line, data: bytes) -> None:
        """Take bytes."""
        if self._is_waiting(partial(self.take, line, data)):
            return
        link = self._links.get(line)
        if link is not None:
            received = link.figures.received
            self._is_asked = True
            link.receive(data, self._clock.now)
            self._is_asked = False
            if link.figures.received > received and link.is_attached:
                session = link.session
                self._heard[session.id] = self._clock.now, session.timeout / 1000
            self._turn()

    def lose(self, line: Line) -> None:
        """Note that a connection ended."""
        if self._is_waiting(partial(self.lose, line)):
            return
        link = self._links.pop(line, None)
        if link is not None and self.core is not None:
            del self._lines[link]
            self.core.disconnect(link)
            self._turn()

    def _is_waiting(self, call: Callable[[], None]) -> bool:
        if self.is_paused:
            self._waiting.append(call)
        return self.is_paused

    # --- inside

    def _turn(self) -> None:
        """Do what is due, and send what there is to send."""
        core = self.core
        if core is None or self.is_paused:
            return
        deadline = core.deadline()
        if deadline is not None and deadline <= self._clock.now:
            core.tick(self._clock.now)
        for link in core.take_ready():
            line = self._lines.get(link)
            if line is None:
                continue
            line.reply(link.data_to_send())
            if link.is_closing:
                del self._lines[link]
                del self._links[line]
                core.disconnect(link)
                line.close()
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = core.deadline()
        if deadline is not None:
            self._alarm = self._clock.at(deadline, self._turn)

    def _commit(self, transaction: Transaction) -> None:
        self._story.tell(
            "server", "commits", f"{transaction.zxid:#x}", *map(_said, transaction.changes)
        )
        before = set(self.truth.sessions)
        self._disk.append(transaction)
        self.truth.commit(transaction)
        now = self._clock.now
        for session_id in self.truth.sessions:
            if session_id not in before:
                self._heard[session_id] = now, 0.0
        for session_id in before.difference(self.truth.sessions):
            self._check_expiry(session_id)

    def _check_expiry(self, session_id: int) -> None:
        heard_at, timeout = self._heard.get(session_id, (0.0, 0.0))
        silence = self._clock.now - heard_at
        if session_id not in self.expired and not self._is_asked:
            self._story.count("session expired by its time")
            self._story.check(
                silence >= timeout - _GRACE, "a session was expired early", hex(session_id), silence
            )

    def require_no_overdue(self) -> None:
        """Check that no session lives longer than it may."""
        if self.core is None or self.is_paused:
            return
        for session in self.core.sessions:
            heard_at, _ = self._heard.get(session.id, (self._clock.now, 0.0))
            latest = heard_at + session.timeout / 1000 + TICK + _GRACE
            self._story.check(
                self._clock.now <= latest, "a session outlived its time", hex(session.id)
            )


def _said(change: object) -> str:
    parts = [type(change).__name__]
    for name in ("path", "data", "owner", "session_id"):
        value = getattr(change, name, None)
        if value:
            parts.append(hex(value) if isinstance(value, int) else str(value))
    return "(" + " ".join(parts) + ")"
