"""The driver for plain threads: one thread reads, and each caller writes for itself.

The lock guards the session; nothing that can wait is done under it, and no code of users runs under it or in the
reader, except what interrupts them: a signal handler, or a `__del__` of garbage. It may call the client; where that
would have to wait for what it has interrupted, it gets a `UsageError`.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from zc.zk.drivers import lifetime
from zc.zk.drivers.authenticating import Authenticator
from zc.zk.drivers.callbacks import STUCK_AFTER, Callbacks
from zc.zk.drivers.dialling import dial, is_writable, reason_of
from zc.zk.drivers.exposure import Exposure
from zc.zk.drivers.forking import forked
from zc.zk.drivers.journal import Journal, Logger, connecting, refused, unexpected
from zc.zk.drivers.nesting import Bell, Guard, interrupted
from zc.zk.drivers.probing import takes_writes
from zc.zk.drivers.results import AsyncResult, Waiting
from zc.zk.drivers.running import hung_up, is_trying, servers_to_ask
from zc.zk.drivers.tls import Security
from zc.zk.drivers.wire import Wire
from zc.zk.errors import (
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
)
from zc.zk.operations import Operation
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.live import Live
from zc.zk.protocol.requests import Request, encode
from zc.zk.protocol.sasl import Mechanism
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase

R = TypeVar("R")
_TRICKLE = 4096  # bytes at one reading: fewer, while many replies are due, are too few
_NAP = 0.0005  # seconds
_FAREWELL = 1.0  # seconds that a server gets to answer our closing the session
_LOOK = 1.0  # seconds for a server to say whether it takes writes
_LONGEST_SLEEP = 1.0  # seconds: a deadline that was set meanwhile is met this late at the most
_END = 0.9  # seconds that the threads get to end after that: together less than the two that `stop` may take


class ThreadDriver:
    """Runs a session. `callbacks` is where users' code runs; `on_end` is called when it is run no more.

    `mechanism` answers the session's SASL challenges; its settings say whether there are any. A `logger` takes what the
    session and users' code give to log, in place of our own.

    In a child of the process that made this, `lock` raises `ForkedClientError`: there is no way past it. Then
    `on_fork` is called there, with whether this was running.
    """

    # What callers wait for; gevent has others. Any: for there is no type that all of them share.
    new_lock: Callable[[], Any] = staticmethod(threading.Lock)
    new_turn: Callable[[], Any] = staticmethod(threading.RLock)
    new_event: Callable[[], Any] = staticmethod(threading.Event)

    def __init__(
        self,
        session: Session,
        name: str,
        on_end: Callable[[], None],
        mechanism: Mechanism | None = None,
        security: Security | None = None,
        logger: Logger | None = None,
    ) -> None:
        self.session: Session = session
        self.security = security
        logging_to: dict[str, Logger] = {} if logger is None else {"log": logger}
        self.callbacks: Callbacks = self.make_callbacks(name, **logging_to)
        self.lock: contextlib.AbstractContextManager[object] = Guard(self.callbacks.is_held)
        self.on_fork: Callable[[bool], object] = lambda _: None
        self.journal: Journal = Journal(self.callbacks, **logging_to)
        session.chronicle.tell = self.journal.take
        self._name = name
        self._on_end = on_end
        self._mechanism = mechanism
        self._exposure = Exposure(self.journal.take)
        self._wire: Wire | None = None
        self._reader: threading.Thread | None = None
        self._wake = Bell()
        self._listens_until = 0.0
        self._dropped: deque[Live] = deque()
        self.is_forked: bool = False
        self.is_to_start = False
        lifetime.follow(self)

    # --- starting and stopping

    def start(self) -> None:
        """Look for a server from now on; returns at once."""
        self.require_own_place()
        self.is_to_start = False
        with self.lock:
            if self.session.phase is not Phase.STOPPED:
                return
            reader, self._reader = self._reader, None
        if reader is not None and reader is not threading.current_thread():
            self.join(reader, _END)
        with self.lock:
            try:
                self.callbacks.open()
                self.session.open(monotonic())
                self._reader = threading.Thread(
                    target=self._run, name=f"{self._name} reader", daemon=True
                )
                self._reader.start()
            except BaseException:
                # Interrupted, or out of threads: the reader may run or not, and ends when it is not ours.
                self._reader = None
                self.session.finish("it was not started")
                raise

    def when_forked(self, call: Callable[[bool], object]) -> None:
        """Have a call made in each child of this process, with whether this was running."""
        self.on_fork = call

    def start_at_first_use(self) -> None:
        """Have `start` called by the first who asks for something."""
        self.is_to_start = True

    def stop(self) -> None:
        """End the session and the threads, within two seconds whatever the network does.

        In a child of the process that made this, there is nothing to end.
        """
        if self.is_forked:
            return
        self.is_to_start = False
        now = monotonic()
        self.await_end(now, says_farewell=self.say_farewell(now))

    def say_farewell(self, now: float) -> bool:
        """Begin to stop; return whether a server has yet to answer."""
        self.require_own_place()
        with self.lock:
            self.session.close(now)
            says_farewell = self.session.phase in (Phase.PARTING, Phase.CLOSING)
        self._wake.ring()
        self.flush()
        return says_farewell

    def await_end(self, began_at: float, *, says_farewell: bool) -> None:
        """Go on to stop, and return when all has ended, or two seconds after it began."""
        with self.lock:
            reader = self._reader
        if (
            reader is threading.current_thread()
        ):  # a `__del__` has interrupted it: it ends by itself
            self.call_later(_FAREWELL, self._finish_ending)
        elif reader is not None:
            self.join(
                reader, max(0.0, began_at + _FAREWELL - monotonic()) if says_farewell else 0.0
            )
            with self.lock:
                self.session.finish("closed by the caller")
                wire = self._wire
            if wire is not None:
                wire.hang_up()
            self._wake.ring()
            self.join(reader, max(0.1, began_at + _FAREWELL + _END - monotonic()))
        self.callbacks.close(max(monotonic() + 0.1, began_at + _FAREWELL + _END))
        self.journal.finish()

    def _finish_ending(self) -> None:
        if self.session.phase.is_ending:
            self.session.finish("closed by the caller")

    @property
    def is_running(self) -> bool:
        """Whether a server is looked for, or found."""
        return self.session.phase is not Phase.STOPPED

    def give_up(self) -> None:
        """Let nobody in any more, in a child of the process that made this."""
        self.is_forked = True

    def _get_ready(self) -> None:
        self.require_own_place()
        if self.is_to_start:
            self.start()

    def require_own_place(self) -> None:
        """Raise `ForkedClientError` in a child of the process that made this."""
        if self.is_forked:
            raise forked()

    def require_can_wait(self) -> None:
        """Raise `UsageError` in a call that interrupted the very thing that its answer would need."""
        me, wire = threading.get_ident(), self._wire
        if me == self.callbacks.monitor or (
            wire is not None and wire.is_sending and wire.sender == me
        ):
            raise interrupted()

    @property
    def peer(self) -> str:
        """The network address that we are connected to, empty without a connection."""
        wire = self._wire
        return "" if wire is None else wire.peer

    # --- asking

    def call(self, operation: Operation[R], deadline: float, fail_fast: bool = False) -> R:
        """Return the answer to an operation, or raise its error; at the deadline `OperationTimeoutError`.

        One that shall `fail_fast` does not wait for a connection.
        """
        self.require_can_wait()
        body = encode(operation, self.session.trail.root)
        request = Waiting(operation, body, deadline, fail_fast, self.new_lock)
        self.submit(request)
        answer: R = request.wait(self.tick)
        return answer

    def call_async(
        self, operation: Operation[R], deadline: float, fail_fast: bool = False
    ) -> AsyncResult[R]:
        """Ask, and return at once what will have the outcome."""
        body = encode(operation, self.session.trail.root)
        return self.promise(AsyncResult(self, operation, body, deadline, fail_fast))

    def promise(self, result: AsyncResult[R]) -> AsyncResult[R]:
        """Ask for what a result stands for, and return it."""
        self.submit(result, linger=True)
        return result

    def submit(self, request: Request, *, linger: bool = False) -> None:
        """Send a request; one that may `linger` waits for company while replies are sure to come."""
        if self.is_forked or self.is_to_start:
            self._get_ready()
        session = self.session
        try:
            with self.lock:
                session.submit(request, monotonic())
                wire = self._wire
                if wire is None:
                    self._wake.ring()  # the reader sleeps until the next attempt: this deadline may be sooner
                    return
                if wire.is_sending or (linger and session.may_linger):
                    return
                data = self._take(wire)
            if data:
                self._send(wire, data)
        except KeyboardInterrupt:
            self._drop_interrupted()
            raise

    def _drop_interrupted(self) -> None:
        # ^C came between two steps that belong together, and nobody knows which: the next connection begins with none.
        wire = self._wire
        if wire is not None:
            wire.sender = 0
            wire.hang_up()

    def flush(self) -> None:
        """Send what lingers."""
        try:
            with self.lock:
                wire = self._wire
                if wire is None or wire.is_sending:
                    return
                data = self._take(wire)
            if data:
                self._send(wire, data)
        except KeyboardInterrupt:
            self._drop_interrupted()
            raise

    def move(self, endpoints: Sequence[Endpoint]) -> None:
        """Take another list of servers, and go to one of them if need be."""
        with self.lock:
            self.session.move(endpoints, monotonic())
        self._wake.ring()
        self.flush()

    def tick(self) -> None:
        """Have the session look at the time."""
        with self.lock:
            self.session.tick(monotonic())

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after so many seconds, under the lock."""
        with self.lock:
            now = monotonic()
            self.session.tick(now)
            self.session.call_later(seconds, call)
            if self._wire is not None and now + seconds < self._listens_until:
                self.session.nudge()  # the reader does not know that something is due before it would stop listening
        self._wake.ring()
        self.flush()

    def sleep(self, seconds: float) -> None:
        """Let some seconds pass for the caller."""
        time.sleep(seconds)

    def aside(self, call: Callable[[], R]) -> R:
        """Make a call that blocks, where it blocks only the caller; needs no session."""
        self.require_own_place()
        return call()

    def join(self, thread: threading.Thread, seconds: float) -> None:
        """Wait for a thread to end, at most so many seconds."""
        thread.join(seconds)

    def make_callbacks(self, name: str, **logging_to: Logger) -> Callbacks:
        """Return where users' code is to run."""
        return Callbacks(name, **logging_to)

    # --- live nodes

    def keep(self, lives: Sequence[Live], deadline: float, fail_fast: bool = False) -> None:
        """Make live nodes current, all at once, and return when all are known.

        Raises `OperationTimeoutError` at the deadline, and drops them; with `fail_fast`, `ConnectionLoss` where there
        is no connection to begin with.
        """
        self._get_ready()
        self.require_can_wait()
        unknown = set(lives)
        all_known = Bell(self.new_lock)

        def learn(live: Live) -> None:
            unknown.discard(live)
            if not unknown:
                all_known.ring()

        with self.lock:
            if self.session.phase.is_ending:
                raise ConnectionClosedError(lives[0].path)
            if fail_fast and not self.session.phase.is_served:
                raise ConnectionLoss(lives[0].path, reason=self.session.standing)
            for live in lives:
                live.on_change = partial(learn, live)
                live.refresh()
        self.flush()
        all_known.wait(deadline - monotonic())
        with self.lock:
            for live in lives:
                live.on_change = None
                if unknown:
                    live.drop()
            if unknown:
                raise OperationTimeoutError(unknown.pop().path, reason=self.session.standing)

    def drop(self, live: Live) -> None:
        """Let go of a live node some time soon: the garbage collector calls this, in the middle of anything."""
        self._dropped.append(live)

    # --- sending

    def _take(self, wire: Wire) -> bytes:
        data = self.session.data_to_send(monotonic())
        wire.sender = threading.get_ident()  # first: who sent before asks without the lock
        wire.is_sending = bool(data)
        return data

    def _send(self, wire: Wire, data: bytes) -> None:
        # Whoever finds nobody sending sends for all, until there is nothing left.
        while data:
            try:
                count = wire.send(data)
            except OSError:
                wire.sender = 0
                return  # the reader meets the same end, and says so
            if count < len(data):
                wire.unsent, wire.sender = data[count:], 0
                self.finish_sending(wire)
                return
            with self.lock:
                data = self._take(wire) if self._wire is wire else b""

    def finish_sending(self, wire: Wire) -> None:
        """Have `send_slowly` called where it holds nobody up."""
        self.callbacks.post(wire, lambda: self.send_slowly(wire))

    def send_slowly(self, wire: Wire) -> None:
        """Send what the kernel did not take at once."""
        # The kernel's buffer is full. No caller waits for that, and the reader must go on reading: a spare thread does.
        data = wire.unsent
        while data and self._wire is wire:
            try:
                if is_writable(wire.writer, STUCK_AFTER):
                    data = data[wire.send(data) :]
            except (OSError, ValueError):
                return
        with self.lock:
            rest = self._take(wire) if self._wire is wire else b""
        if rest:
            self._send(wire, rest)

    # --- the reader

    def _run(self) -> None:
        self.callbacks.monitor = threading.get_ident()
        while (
            self.session.phase is not Phase.STOPPED and self._reader is threading.current_thread()
        ):
            try:
                self._connect_or_wait()
            except Exception as error:  # noqa: BLE001 (logged, though not by this thread)
                self.journal.take(unexpected(error))
                self._lost(f"unexpected error: {error!r}")
        if self.callbacks.monitor == threading.get_ident():
            self.callbacks.monitor = None
        if self.session.refusal is not None:
            self.journal.take(refused(self.session.refusal))
        self._on_end()

    def _connect_or_wait(self) -> None:
        with self.lock:
            self._let_go()
            now = monotonic()
            self.session.tick(now)
            servers = self.session.dial(now)
            pause = self.session.deadline() - now
        if servers:
            self._attempt(servers)
        elif pause > 0:
            self._relieve()
            self._wake.wait(
                STUCK_AFTER if self.callbacks.is_waiting else min(pause, _LONGEST_SLEEP)
            )

    def _attempt(self, servers: Sequence[Endpoint]) -> None:
        reached = dial(servers, self.session.settings.connect_timeout, self.security, self)
        if reached is None:
            self._lost("no server could be reached")
            return
        wire = reached.wire()
        self._exposure.connected(wire.writer, is_encrypted=self.security is not None)
        mechanism, host = self._mechanism, reached.server.host
        authenticator = None if mechanism is None else Authenticator(mechanism, host)
        try:
            with self.lock:
                self.session.connected(monotonic(), reached.server)
                self._wire = wire
            self._lost(self._serve(wire, authenticator))
        finally:
            with self.lock:
                self._wire = None
            wire.hang_up()
            wire.close()

    @property
    def servers(self) -> tuple[Endpoint, ...]:
        """The server that we are connected to; without one, all in the order of trying."""
        return servers_to_ask(self.session)

    # --- what dialling asks and tells

    def go_on(self) -> bool:
        with self.lock:
            self.session.tick(monotonic())
            going = is_trying(self.session)
        self._relieve()
        return going

    def trying(self, server: Endpoint) -> None:
        self.journal.take(connecting(server))
        with self.lock:
            self.session.ensemble.trying(server)

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        with self.lock:
            return self.session.unreachable(server, reason, monotonic(), attempts)

    def _serve(self, wire: Wire, authenticator: Authenticator | None) -> str:
        data = b""
        while True:
            wait = self._turn(wire, data)
            if wait is None:
                return self.session.fault or "closed by the caller"
            if authenticator is not None and self._answer_challenge(authenticator):
                data = b""
                continue
            if 0 < len(data) < _TRICKLE and self.session.may_linger:
                time.sleep(
                    _NAP
                )  # a look costs more than a reply: let some more come, and the server work
            try:
                data = wire.receive(wait)
            except TimeoutError:
                data = b""
            except OSError as error:
                return reason_of(error)
            else:
                if not data:
                    return hung_up(self.session)

    def _answer_challenge(self, authenticator: Authenticator) -> bool:
        authentication = self.session.authentication
        challenge = authentication.challenge
        if challenge is None:
            return False
        tell = authenticator.answer(challenge, self.go_on)
        with self.lock:
            tell(authentication)
        return True

    def _turn(self, wire: Wire, data: bytes) -> float | None:
        """Handle what came, send what is due; return how long to listen, or None to drop the connection."""
        session = self.session
        outgoing = b""
        with self.lock:
            now = monotonic()
            if data:
                session.receive(data, now)
            if self._dropped:
                self._let_go()
            deadline = session.deadline()
            if now >= deadline:
                session.tick(now)
                better = session.look(now)
                if better is not None:
                    self.callbacks.post(wire, partial(self._look, better))
                deadline = session.deadline()
            if session.fault is not None:
                return None
            if not wire.is_sending:
                outgoing = self._take(wire)
            schemes = session.shown_schemes if self._exposure.is_possible else None
            self._listens_until = min(deadline, now + _LONGEST_SLEEP)
        if outgoing:
            self._send(wire, outgoing)
        if schemes:
            self._exposure.warn(schemes)
        if self.callbacks.is_waiting:
            self.callbacks.relieve()
            return min(STUCK_AFTER, deadline - now)
        return min(_LONGEST_SLEEP, deadline - now)

    def _relieve(self) -> None:
        if self.callbacks.is_waiting:
            self.callbacks.relieve()

    def _look(self, server: Endpoint) -> None:
        zxid = self.session.trail.zxid
        is_writable = takes_writes(server, self.security, zxid, _LOOK)
        with self.lock:
            self.session.looked(server, monotonic(), is_writable=is_writable)
            self.session.nudge()  # for the reader to see it
        self.flush()

    def _lost(self, reason: str) -> None:
        with self.lock:
            self.session.disconnected(reason, monotonic())

    def _let_go(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._dropped.popleft().drop()
