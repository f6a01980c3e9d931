"""A client's session with an ensemble: it outlives connections, and begins anew when it was lost.

The driver's contract: `open`, then again and again `dial` (which servers to try now, if any), `unreachable` for each
that was not reached, `connected`, `receive`, `data_to_send`, `tick`, `deadline`, `disconnected`; `submit` and `close`
at any time. Whenever `fault` is set, the driver drops the connection; whenever `authentication` has a challenge, it
has it answered. All calls come under one lock, and time is an argument.

Its states, and what may follow what, are in `states`.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from zc.zk.codes import KeeperState, State
from zc.zk.errors import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
    ProtocolError,
    SessionExpiredError,
    ZooKeeperError,
)
from zc.zk.operations import Auth, Ping
from zc.zk.protocol.arming import Arming
from zc.zk.protocol.authentication import Authentication
from zc.zk.protocol.connection import Connection, Trail
from zc.zk.protocol.ensemble import Endpoint, Ensemble
from zc.zk.protocol.live import Live
from zc.zk.protocol.parting import CLOSED, PAUSE, Parting
from zc.zk.protocol.readings import Readings
from zc.zk.protocol.requests import NEVER, Request
from zc.zk.protocol.search import Search
from zc.zk.protocol.states import Identity, Phase, Settings, StateChange
from zc.zk.protocol.timers import Timers
from zc.zk.protocol.watches import WatchTables
from zc.zk.records import ConnectRequest, ConnectResponse

_LEAVING = 1.0  # seconds that a server gets to answer what is in flight before we go to another one
_MOVES = "going to another server"


class Session:
    """See the module. `on_change` is told each change of state, under the driver's lock: it may only take note."""

    def __init__(
        self,
        ensemble: Ensemble,
        settings: Settings,
        on_change: Callable[[StateChange], None],
        root: str = "",
    ) -> None:
        self.ensemble = ensemble
        self.settings = settings
        self.trail = Trail(WatchTables(), root)
        self.chronicle = self.trail.chronicle
        self.identity = Identity(timeout=settings.timeout)
        self.earlier_ids: set[int] = set()
        self.era = 0  # grows with each session that is over
        self.phase = Phase.STOPPED
        self.state = State.LOST
        self.keeper_state = KeeperState.CLOSED
        self.fault: str | None = None
        self.server: Endpoint | None = None  # whose connection we have, or are about to have
        self.timers = Timers()
        self.chronicle.call_at = self.timers.add
        self.readings = Readings(self)
        self.authentication = Authentication(self)
        self.refusal: AuthFailedError | None = None  # why there is nothing more to try
        self._on_change = on_change
        self.connection: Connection | None = None
        self._open_way: Connection | None = None  # the connection, in the phases that take requests
        self.queue: deque[Request] = deque()
        self._earliest = NEVER  # no deadline of a request is before this
        self._arming = Arming(self)
        self._search = Search()
        self._parting = Parting(self)
        self._moves = False
        self._leave_by = 0.0
        self._better: Endpoint | None = None
        self._was_opened = False
        self.now = 0.0  # as we were told it last
        self._retry_at = 0.0
        self.attempt_until = 0.0
        self._down_since = 0.0
        self._acknowledged_at = 0.0
        self._lost_since: float | None = None
        self._refused_since: float | None = None

    # --- what callers ask for

    def open(self, now: float) -> None:
        """Begin to look for a server, at once."""
        if self.phase is Phase.STOPPED:
            self.now = self._down_since = self._retry_at = self._lost_since = now
            self._refused_since = self.refusal = None
            self._was_opened = True
            self.chronicle.opened(now)
            self.enter(Phase.WAITING)
            self.keeper_state = KeeperState.CONNECTING

    def attach(self, session_id: int, password: bytes) -> None:
        """Take up a session that is there already, with the next connection."""
        self.identity = Identity(session_id, password, self.settings.timeout)

    def submit(self, request: Request, now: float) -> None:
        """Send a request now, or when a server is there; it fails at its deadline."""
        self.now = now
        if request.operation.is_kept:
            self._arming.keep(request)
        elif self._open_way is not None:
            self._open_way.send(request)
        elif self.phase.is_ending:
            request.fail(self.ended_error(request))
        else:
            self.queue.append(request)
        if request.fail_fast and not self.phase.is_served and not request.ended:
            request.fail(ConnectionLoss(request.path, reason=self.standing))
        if request.deadline < self._earliest:  # noqa: PLR1730 (`min` costs more than all the rest here)
            self._earliest = request.deadline

    def close(self, now: float) -> None:
        """End the session: what is in flight is still answered; `disconnected`, or the driver's `finish`, ends it."""
        self.now = now
        if self.phase.is_served:
            self._parting.say_farewell()
        elif self.state is State.SUSPENDED and not self.phase.is_ending:
            self._parting.begin()
            self._end_requests(self.queue)
        elif self.phase not in (Phase.PARTING, Phase.CLOSING):
            self.finish(CLOSED)

    def move(self, endpoints: Sequence[Endpoint], now: float) -> None:
        """Take another list of servers, and go to one of them where the present one is none, or has too many clients.

        The session stays. What is in flight is answered first, for a second; what is asked meanwhile waits in line.
        """
        self.now = now
        self._better = None
        stays = self.ensemble.replace(endpoints, self.server)
        if self.phase is Phase.WAITING:
            self._retry_at = now
        if stays or self.phase is Phase.WAITING or self.phase.is_ending:
            return
        self._moves = True
        if self.phase is Phase.OPEN and self.connection is not None:
            self.connection.send(Request(Ping(), b""))  # its answer comes after all others
            self.enter(Phase.LEAVING)
            self._leave_by = now + _LEAVING
        else:
            self.fault = _MOVES

    def finish(self, reason: str, keeper_state: KeeperState = KeeperState.CLOSED) -> None:
        """Stop here and now: everything that waits fails."""
        if self.phase is Phase.STOPPED:
            return
        sent, unsent = ([], []) if self.connection is None else self.connection.unanswered()
        self.enter(Phase.STOPPED)
        self.keeper_state = keeper_state
        self.fault = reason
        self.server = None
        self.connection = None
        self.chronicle.took_back(0, 0, _given_up(sent))
        for request in sent:
            if not request.ended:
                request.fail(self.ended_error(request, maybe_applied=not request.operation.is_read))
        self._end_requests([*unsent, *self.queue])
        self._search.end()
        self._better = None
        self.readings.closed()
        self._tell(State.LOST, reason)
        self._begin_anew()

    def _end_requests(self, waiting: Iterable[Request]) -> None:
        self.queue = deque()
        for request in [*waiting, *self._arming.identifying]:
            if not request.ended:
                request.fail(self.ended_error(request))

    def ended_error(self, request: Request, *, maybe_applied: bool = False) -> ZooKeeperError:
        """Return why nothing can be asked any more."""
        error: ZooKeeperError
        if self.refusal is not None:
            error = self.refusal.about(request.path)
        else:
            why = "" if self._was_opened else "not started yet: call start()"
            error = ConnectionClosedError(request.path, reason=why)
        error.maybe_applied = maybe_applied
        return error

    def enter(self, phase: Phase) -> None:
        """Go on to another phase."""
        self.phase = phase
        self._open_way = self.connection if phase.takes_requests else None

    # --- the driver's side: connecting

    def dial(self, now: float) -> tuple[Endpoint, ...]:
        """Return the servers to reach one of, in the order of trying, if it is time; each attempt is the driver's.

        It answers by `connected` or `disconnected`.
        """
        self.now = now
        if self.phase is Phase.PARTING:
            return self._parting.dial()
        if self.phase is not Phase.WAITING or now < self._retry_at:
            return ()
        self.fault = None
        self.enter(Phase.DIALLING)
        self.attempt_until = NEVER  # until a server is reached, attempts have their own time
        return self.ensemble.order

    def unreachable(self, endpoint: Endpoint, reason: str, now: float, attempts: int = 1) -> float:
        """Note that a server could not be reached; return the pause in seconds before it may be tried again."""
        self.ensemble.failed(endpoint, reason, attempts)
        pause = self.ensemble.pause(now - self._down_since)
        if self.phase is Phase.PARTING:
            self._parting.failed(endpoint)
            pause = PAUSE
        self.chronicle.attempt_failed(str(endpoint), "unreachable", reason, pause)
        return pause

    def connected(self, now: float, endpoint: Endpoint) -> None:
        """Ask for the session: a server was reached."""
        self.now = now
        if self.phase in (Phase.DIALLING, Phase.PARTING):
            self.server = endpoint
            if self.phase is Phase.PARTING:
                self._parting.ask(endpoint)
            else:
                self.attempt_until = now + self.settings.connect_timeout
                self.enter(Phase.GREETING)
            hello = ConnectRequest(
                self.trail.zxid,
                round(self.settings.timeout * 1000),
                0 if self.identity.is_read_only else self.identity.session_id,
                self.identity.password,
                self.settings.read_only,
            )
            longest = self.settings.longest_frame
            self.connection = Connection(self.trail, hello, self._greeted, longest, now)

    def _greeted(self, response: ConnectResponse) -> None:
        if self.phase is Phase.PARTING:
            self._parting.greeted(response)
            return
        known = self.identity.session_id
        if response.timeout <= 0:
            self.fault = "the server refused to open a session"
            if known:
                self.fault = "the session expired"
                self._lose_session(self.fault)
            return
        if known and known != response.session_id:
            self._lose_session("the server began another session")
        self.identity = Identity(
            response.session_id,
            response.password,
            response.timeout / 1000,
            bool(response.read_only),
        )
        if self.settings.mechanism:
            self.enter(Phase.AUTHENTICATING)
            self.authentication.begin()
        else:
            self.authenticated()

    def authenticated(self) -> None:
        """Go on: the server knows us, or need not."""
        if self.connection is not None:
            self._arming.begin(self.connection)

    def armed(self) -> None:
        """Note that this connection has all that the one before had."""
        self.enter(Phase.OPEN)
        self.keeper_state = KeeperState.CONNECTED
        if self.identity.is_read_only:
            self.keeper_state = KeeperState.CONNECTED_RO
            self._search.begin(self.now)
        self._lost_since = self._refused_since = None
        if self.server is not None:
            self.ensemble.succeeded(self.server)
        self._tell(State.CONNECTED, f"connected to {self.server}")
        self.trail.watches.tell_of_gap()

    # --- the driver's side: looking for a better server

    def look(self, now: float) -> Endpoint | None:
        """Return a server of which we need to know whether it takes writes, if it is time; answered by `looked`."""
        if not self._search.is_due(now):
            return None
        endpoint = self.ensemble.another()
        return endpoint if self.keeper_state is KeeperState.CONNECTED_RO else None

    def looked(self, endpoint: Endpoint, now: float, *, is_writable: bool) -> None:
        """Go over to a server that takes writes, or look for another one later."""
        self.now = now
        if self.keeper_state is not KeeperState.CONNECTED_RO:
            return
        if is_writable:
            self._better = endpoint
            self.fault = f"{endpoint} takes writes"
        else:
            self._search.was_in_vain(now)

    # --- the driver's side: running

    def receive(self, data: bytes, now: float) -> None:
        """Handle what arrived. A peer that breaks the protocol sets `fault`."""
        self.now = now
        connection = self.connection
        if connection is None:
            return
        try:
            connection.receive(data, now)
        except ProtocolError as error:
            self.fault = str(error)
        if self.phase is Phase.LEAVING and not connection.in_flight:
            self.fault = self.fault or _MOVES
        if connection.wants_authentication and not self.phase.is_ending:
            self.stop_refused("", "the server requires that clients authenticate")

    def data_to_send(self, now: float) -> bytes:
        """Return what to write to the connection now."""
        connection = self.connection
        return b"" if connection is None else connection.data_to_send(now)

    @property
    def may_linger(self) -> bool:
        """Whether a request that nobody waits for yet may stay until the next replies come, to leave in company."""
        return self.connection is not None and self.connection.may_linger

    def deadline(self) -> float:
        """When `tick` is next needed, whatever arrives."""
        when = min(self._earliest, self.timers.next(), self._search.at)
        if self.phase is Phase.WAITING:
            when = min(when, self._retry_at)
        elif self.phase.is_attempt:
            when = min(when, self.attempt_until)
        elif self.connection is not None:
            when = min(when, self.connection.deadline())
            if self.phase is Phase.LEAVING:
                when = min(when, self._leave_by)
        return min(when, self._lost_at)

    @property
    def _lost_at(self) -> float:
        if self.state is not State.SUSPENDED:
            return NEVER
        acknowledged_at = self._acknowledged_at
        if self.connection is not None:  # it has answered, though it may still be re-arming
            acknowledged_at = max(acknowledged_at, self.connection.acknowledged_at)
        return acknowledged_at + self.identity.timeout

    def tick(self, now: float) -> None:
        """Do what is due: fail requests, ping, give a server up, declare the session lost."""
        self.now = now
        if now >= self._earliest:
            self._expire_requests(now)
        self.timers.run(now)
        if self.phase.is_attempt and now >= self.attempt_until:
            lacking = "no answer"
            if self.phase is Phase.AUTHENTICATING:
                lacking = "not authenticated"
            self.fault = f"{lacking} within {self.settings.connect_timeout:g} s"
        elif self.phase is Phase.LEAVING and now >= self._leave_by:
            self.fault = _MOVES
        elif self.connection is not None:
            self.fault = self.connection.tick(now) or self.fault
        if now >= self._lost_at:
            # No server can have heard of us since: whatever the outage, the session is over when this time has passed.
            self._declare_lost("nothing was acknowledged for the session time-out", assumed=True)

    def _expire_requests(self, now: float) -> None:
        sent = set(map(id, self._under_way()))
        left = NEVER
        why = self.standing
        for request in [*self._under_way(), *self.queue, *self._arming.identifying]:
            if request.ended:
                continue
            if request.deadline > now:
                left = min(left, request.deadline)
                continue
            maybe_applied = id(request) in sent and not request.operation.is_read
            error = OperationTimeoutError(request.path, reason=why, maybe_applied=maybe_applied)
            request.fail(error)
        self.queue = deque(request for request in self.queue if not request.ended)
        self._earliest = left

    @property
    def standing(self) -> str:
        """Why an answer is late, where the connection is the reason."""
        if self.state is State.CONNECTED:
            return ""
        failures = [f"{endpoint}: {why}" for endpoint, why in self.ensemble.failures.items()]
        return "; ".join(["no connection", *failures])

    def disconnected(self, reason: str, now: float) -> None:
        """Note that the connection, or the attempt to make one, has ended."""
        self.now = now
        if self.phase in (Phase.STOPPED, Phase.WAITING):
            return
        if self.phase is Phase.PARTING and self._parting.goes_on:
            self.connection = self.server = None
            return
        if self.phase.is_ending:
            self.finish(CLOSED)
            return
        was_open = self.state is State.CONNECTED
        outcome = self._outcome(now)
        # Silence is no refusal: such a server may be paused, or not be there at all.
        was_cut_short = now < self.attempt_until
        was_refused = self.phase is Phase.GREETING and was_cut_short
        self.authentication.interrupted(hung_up=was_cut_short and self.fault is None)
        if self.refusal is not None:
            return
        self.enter(Phase.WAITING)
        self._search.end()
        if self.connection is not None:
            self._acknowledged_at = max(self._acknowledged_at, self.connection.acknowledged_at)
            self._take_back(self.connection, reason)
        if was_open:
            self._down_since = now
            self.keeper_state = KeeperState.CONNECTING
            self._tell(State.SUSPENDED, reason)
        if was_refused and self.keeper_state is not KeeperState.EXPIRED_SESSION:
            self._was_refused(now)
        is_expired = self.keeper_state is KeeperState.EXPIRED_SESSION
        self._schedule(reason, now)
        server, self.server = self.server, None
        if server is not None and is_expired:
            self.chronicle.count("connection_attempts", str(server), "expired")
        elif server is not None and not was_open:
            self.chronicle.attempt_failed(str(server), outcome, reason, self._retry_at - now)

    def _outcome(self, now: float) -> str:
        """Name the kind of failure of an attempt in a word or two."""
        if self.phase.is_attempt and now >= self.attempt_until:
            return "timed out"
        return "refused"

    def _schedule(self, reason: str, now: float) -> None:
        if self.keeper_state is KeeperState.EXPIRED_SESSION:
            self.keeper_state = KeeperState.CONNECTING
            self._retry_at = now  # a server that says "expired" is a server that answers
            return
        if self._better is not None or self._moves:
            if self._better is not None:
                self.ensemble.prefer(self._better)
            self._better, self._moves = None, False
            self._retry_at = now
            return
        if self.server is not None:  # of those that were not reached, each was reported
            self.ensemble.failed(self.server, reason)
        retry_at = now + self.ensemble.pause(now - self._down_since)
        self._retry_at = self._given_up_at if now < self._given_up_at < retry_at else retry_at

    def _take_back(self, connection: Connection, reason: str) -> None:
        # Reads, and what never left, are asked again in their order; for a write "lost" means "unknown", not "no".
        self.connection = None
        sent, unsent = connection.unanswered()
        again = [*(request for request in sent if request.is_repeatable), *unsent]
        for request in [*again, *self.queue, *self._arming.identifying]:
            if request.fail_fast and not request.ended:
                request.fail(ConnectionLoss(request.path, reason=reason))
        reads = sum(request.is_repeatable for request in sent if not request.ended)
        writes = sum(not request.ended for request in sent) - reads
        self.chronicle.took_back(reads, writes, _given_up(sent))
        self.queue.extendleft(reversed([request for request in again if not request.ended]))
        lost = [request for request in sent if not request.is_repeatable]
        paths = Counter(request.path for request in lost)
        for request in lost:
            if not request.ended:
                error = ConnectionLoss(request.path, reason=reason, maybe_applied=True)
                # Of two writes to one node, what is found there does not tell which one was applied.
                if paths[request.path] == 1 and None not in paths:
                    error.session_id, error.zxid = self.identity.session_id, self.trail.zxid
                request.fail(error)

    def _under_way(self) -> list[Request]:
        return [] if self.connection is None else list(self.connection.in_flight)

    # --- losing the session

    def _was_refused(self, now: float) -> None:
        if self._refused_since is None:
            self._refused_since = now
        if now >= self._given_up_at:
            self.trail.zxid = 0
            self._lose_session("no server accepts the session")

    @property
    def _given_up_at(self) -> float:
        # A server that hangs up on our greeting may be behind us, or may have lost its data. When for a whole time-out
        # after LOST there was no better answer, there is nothing left to wait for.
        lost_at = self._lost_at if self._lost_since is None else self._lost_since
        has_past = self.identity.session_id or self.trail.zxid
        if self._refused_since is None or not has_past:
            return NEVER
        return max(lost_at, self._refused_since) + self.identity.timeout

    def _declare_lost(self, reason: str, *, assumed: bool) -> None:
        if self._lost_since is None:
            self._lost_since = self.now
        if self.state is not State.LOST and not self.identity.is_read_only:
            self._refuse_waiting_writes()
        self._tell(State.LOST, reason, assumed=assumed)

    def _refuse_waiting_writes(self) -> None:
        # What was asked of the old session shall not happen in another one. What is asked after LOST is for the next.
        waiting, self.queue = self.queue, deque()
        for request in waiting:
            if request.ended:
                continue
            if request.operation.is_read:
                self.queue.append(request)
            else:
                request.fail(SessionExpiredError(request.path))

    def _lose_session(self, reason: str) -> None:
        was_assumed = self.state is State.LOST
        self.chronicle.expired(self.identity.session_id, reason, was_assumed=was_assumed)
        self._declare_lost(reason, assumed=False)
        self.keeper_state = KeeperState.EXPIRED_SESSION
        self._begin_anew()

    def _begin_anew(self) -> None:
        if self.identity.session_id:
            self.earlier_ids.add(self.identity.session_id)
        self.era += 1
        self.identity = Identity(timeout=self.settings.timeout)
        self.trail.watches.restart()

    def stop_refused(self, scheme: str, reason: str) -> AuthFailedError:
        """Stop for good: a server does not take us for whom we say we are, or we do not take it for a server."""
        server = str(self.server or self.ensemble.order[0])
        self.refusal = AuthFailedError(scheme=scheme, server=server, reason=reason)
        self.finish(str(self.refusal), KeeperState.AUTH_FAILED)
        return self.refusal

    @property
    def identities(self) -> list[Auth]:
        """The identities that each server is shown."""
        return self._arming.identities

    @property
    def shown_schemes(self) -> list[str]:
        """The schemes of the identities that each server is shown, as they are."""
        return self._arming.schemes

    def _tell(self, state: State, reason: str, *, assumed: bool = False) -> None:
        if state is not self.state:
            self.state = state
            change = StateChange(state, reason, self.identity.session_id, assumed)
            server, is_last = str(self.server or "no server"), self.phase is Phase.STOPPED
            self.chronicle.changed(change, server, self.now, is_last=is_last)
            self._on_change(change)

    # --- for drivers and live nodes

    def send_reading(self, live: Live) -> None:
        """Send the request that makes a live node current, if a server is there to take it."""
        if self._open_way is not None:
            self._open_way.send(live.reading())

    @property
    def waiting(self) -> int:
        """How many requests wait for a server."""
        return len(self.queue)

    @property
    def in_flight(self) -> int:
        """How many requests wait for their replies."""
        return 0 if self.connection is None else len(self.connection.in_flight)

    @property
    def takes_requests(self) -> bool:
        """Whether a request would go out at once."""
        return self._open_way is not None

    def nudge(self) -> None:
        """Make the server say something soon, so that a driver that listens looks at the time."""
        if self.phase is Phase.OPEN and self.connection is not None:
            self.connection.send(Request(Ping(), b""))

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after so many seconds, under the driver's lock."""
        self.timers.add(self.now + seconds, call)


def _given_up(sent: Iterable[Request]) -> int:
    return sum(request.ended and not request.is_repeatable for request in sent)
