"""The driver for asyncio: one task looks for servers, and all else happens as the event loop calls.

Nothing here needs a lock, for all of it runs on one loop. No other thread may call it, but for `drop`.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from zc.zk.drivers import lifetime
from zc.zk.drivers.aio.alarm import Alarm
from zc.zk.drivers.aio.aside import Asides, cancelled, in_thread
from zc.zk.drivers.aio.callbacks import LoopCallbacks
from zc.zk.drivers.aio.dialling import dial
from zc.zk.drivers.aio.future import Asked, ring, wait_for
from zc.zk.drivers.aio.link import Link
from zc.zk.drivers.aio.place import require_here, running_loop, runs_here
from zc.zk.drivers.aio.tasks import begin_later
from zc.zk.drivers.aio.turns import made
from zc.zk.drivers.authenticating import Authenticator
from zc.zk.drivers.exposure import Exposure
from zc.zk.drivers.forking import forked
from zc.zk.drivers.journal import Journal, Logger, connecting, refused, unexpected
from zc.zk.drivers.probing import takes_writes
from zc.zk.drivers.running import hung_up, is_trying, servers_to_ask
from zc.zk.drivers.tls import Security
from zc.zk.errors import (
    ConnectionClosedError,
    ConnectionLoss,
    OperationTimeoutError,
)
from zc.zk.operations import Operation
from zc.zk.protocol.authentication import Challenge
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.live import Live
from zc.zk.protocol.requests import Request, encode
from zc.zk.protocol.sasl import Mechanism
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase

R = TypeVar("R")
_FAREWELL = 1.0  # seconds that a server gets to answer our closing the session
_END = 0.9  # seconds for all else to end: together less than the two that `stop` may take
_LOOK = 1.0  # seconds for a server to say whether it takes writes
_LOOK_AFTER = 1 / 6  # of the time-out: how often to look whether the loop is held up
_MOST_DROPPED = 1000  # live nodes that are let go in one turn: a millisecond of work
_CLOSED = "closed by the caller"
# ^C came between two steps that belong together, and nobody knows which: the next connection begins with none.
_INTERRUPTED = "interrupted in the middle of a step"


class AioDriver:
    """Runs a session on the event loop that `start` is called on. `on_end` is called when it is run no more.

    The arguments are those of the thread driver. In a child of the process that made this, every use raises
    `ForkedClientError`, and `on_fork` is called there, with whether this was running.
    """

    new_turn: Callable[[], Any] = staticmethod(threading.RLock)  # nobody ever waits for it

    def __init__(
        self,
        session: Session,
        name: str,
        on_end: Callable[[], None],
        mechanism: Mechanism | None = None,
        security: Security | None = None,
        logger: Logger | None = None,
    ) -> None:
        self.session = session
        self.security = security
        logging_to: dict[str, Logger] = {} if logger is None else {"log": logger}
        self.callbacks = LoopCallbacks(name, **logging_to)
        self.lock: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        self.journal = Journal(self.callbacks, **logging_to)
        session.chronicle.tell = self.journal.take
        self.on_fork: Callable[[bool], object] = lambda _: None
        self._name = name
        self._on_end = on_end
        self._mechanism = mechanism
        self._exposure = Exposure(self.journal.take)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._authenticator: Authenticator | None = None
        self._seeker: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ending: Future[None] | None = None
        self._asides = Asides(name, lambda error: self.journal.take(unexpected(error)))
        self._woken = asyncio.Event()
        self._alarm = Alarm(self._ring)
        self._is_flush_due = False
        self._dropped: deque[Live] = deque()
        self._is_drop_due = False
        self.at_end: set[Callable[[], object]] = set()  # called when this is run no more
        self.is_forked = False
        self.is_to_start = False
        lifetime.follow(self)

    # --- starting and stopping

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that this runs on.

        Raises `UsageError` in a task of another one, `ConnectionClosedError` before `start`.
        """
        self.require_own_process()
        if self.is_to_start:
            self.start()
        loop = self._loop
        if loop is None:
            raise ConnectionClosedError(reason="not started yet: await start()")
        require_here(loop)
        return loop

    def require_own_place(self) -> None:
        """Raise as `require_own_process` does, and `UsageError` where our loop is not the one that runs."""
        self.require_own_process()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            require_here(loop)

    def start(self) -> None:
        """Look for a server from now on, on the running loop; returns at once.

        Raises `UsageError` while another loop runs it.
        """
        self.require_own_process()
        loop = running_loop()
        self.is_to_start = False
        self._leave_closed_loop()
        if self.session.phase is not Phase.STOPPED:
            if self._loop is not None:
                require_here(self._loop)
            return
        self._alarm.silence()
        self._drop_link()
        if self._seeker is not None:
            self._seeker.cancel()  # it may not have seen yet that the session was refused
        self._stopping = None
        self._loop = loop
        self.callbacks.open(loop)
        self._woken = asyncio.Event()
        self._is_flush_due = self._is_drop_due = False
        self.session.open(monotonic())
        self._seeker = begin_later(loop, self._seek(), f"{self._name} seeker")

    @property
    def _loop_is_closed(self) -> bool:
        return self._loop is not None and self._loop.is_closed()

    def when_forked(self, call: Callable[[bool], object]) -> None:
        """Have a call made in each child of this process, with whether this was running."""
        self.on_fork = call

    def start_at_first_use(self) -> None:
        """Have `start` called by the first who asks for something."""
        self.is_to_start = True

    async def stop(self) -> None:
        """End the session and all that runs for it, within two seconds whatever the network does.

        One that is cancelled goes on in the background. In a child of the process that made this, there is nothing to
        end.
        """
        if self.is_forked:
            return
        self.is_to_start = False
        self._leave_closed_loop()
        if self._loop is None:
            self.session.finish(_CLOSED)
            return
        loop = self.loop
        self.callbacks.let_go_caller()
        if self._stopping is None or self._stopping.done():
            self._stopping = begin_later(loop, self._stop(), f"{self._name} stop")
        await asyncio.shield(self._stopping)

    def _leave_closed_loop(self) -> None:
        # Of a loop that was closed before its tasks had ended, nothing can be ended any more.
        if self._loop_is_closed:
            self.session.finish(_CLOSED)
            self._loop = self._link = self._seeker = self._stopping = None

    async def _stop(self) -> None:
        began_at = monotonic()
        seeker = self._seeker
        says_farewell = self.say_farewell(began_at)
        if seeker is not None:
            if says_farewell:
                await asyncio.wait((seeker,), timeout=_FAREWELL)
            self.session.finish(_CLOSED)
            self._turn()
            _, unfinished = await asyncio.wait((seeker,), timeout=_END / 2)
            await cancelled(unfinished)
        if self._seeker is seeker:  # nobody has started us again meanwhile
            self.session.finish(_CLOSED)
            self._alarm.silence()
            await self._asides.cancel()
        await self.callbacks.close(max(0.1, began_at + _FAREWELL + _END - monotonic()))
        self.journal.finish()

    async def until_stopped(self) -> None:
        """Wait for the end of a `stop` that goes on in the background, if one does."""
        self._leave_closed_loop()
        if self._stopping is not None and not self._stopping.done():
            self.require_own_place()
            self.callbacks.let_go_caller()
            await asyncio.wait((self._stopping,))

    def say_farewell(self, now: float) -> bool:
        """Begin to stop; return whether a server has yet to answer."""
        self.require_own_process()
        loop = self._loop
        if loop is not None and loop.is_running() and not runs_here(loop):
            # The process ends, and with it the thread that the loop runs in: not before this has been waited for.
            self._ending = asyncio.run_coroutine_threadsafe(self.stop(), loop)
            return True
        self.session.close(now)
        if self._loop_is_closed:
            # What the kernel takes at once is said all the same.
            with contextlib.suppress(RuntimeError):
                self._flush()
        else:
            self._turn()
        return self.session.phase in (Phase.PARTING, Phase.CLOSING)

    def await_end(self, began_at: float, *, says_farewell: bool) -> None:
        """End at once what a loop has left that runs no more: what was said is on its way."""
        if self._ending is not None:
            wait((self._ending,), max(0.0, began_at + _FAREWELL + _END - monotonic()))
        else:
            self.session.finish(_CLOSED)
            self._drop_link()

    @property
    def is_running(self) -> bool:
        """Whether a server is looked for, or found."""
        return self.session.phase is not Phase.STOPPED

    def give_up(self) -> None:
        """Let nobody in any more, in a child of the process that made this."""
        self.is_forked = True
        if self._link is not None:
            self._link.leave()

    def require_own_process(self) -> None:
        """Raise `ForkedClientError` in a child of the process that made this."""
        if self.is_forked:
            raise forked()

    @property
    def peer(self) -> str:
        """The network address that we are connected to, empty without a connection."""
        return "" if self._link is None else self._link.peer

    # --- asking

    async def call(self, operation: Operation[R], deadline: float, fail_fast: bool = False) -> R:
        """Return the answer to an operation, or raise its error; at the deadline `OperationTimeoutError`.

        One that shall `fail_fast` does not wait for a connection. When the task is cancelled, what was not sent is not
        sent any more; of what was, the answer is dropped when it comes.
        """
        future = self.ask(self._asked(operation, deadline, fail_fast))
        try:
            answer: R = await future
        except asyncio.CancelledError:
            if not future.cancelled() and future.exception() is None:  # it had come already
                self.unheard(operation, future.result())
            raise
        return answer

    def unheard(self, operation: Operation[R], answer: R) -> None:
        """Note that a write was done and that nobody hears of it, because who asked was cancelled meanwhile."""
        self.session.chronicle.done_late(operation, answer)

    def call_async(
        self, operation: Operation[R], deadline: float, fail_fast: bool = False
    ) -> "asyncio.Future[R]":
        """Ask, and return at once the future that will have the outcome."""
        return self.ask(self._asked(operation, deadline, fail_fast))

    def ask(self, request: Asked) -> "asyncio.Future[Any]":  # Any: the operation's type of answer
        """Send a request, and return its future; when that is cancelled, it is forgotten."""
        self.submit(request)
        return request.future

    def _asked(self, operation: Operation[Any], deadline: float, fail_fast: bool) -> Asked:
        self.require_own_process()
        body = encode(operation, self.session.trail.root)
        loop = running_loop()
        if loop is not self._loop and self._loop is not None:
            require_here(self._loop)
        return Asked(loop.create_future(), operation, body, deadline, fail_fast)

    def submit(self, request: Request) -> None:
        """Send a request: at once when nothing is under way, else with all that is asked in this turn of the loop."""
        if self.is_forked or self.is_to_start:
            self.require_own_process()
            self.start()
        session = self.session
        session.submit(request, monotonic())
        if request.deadline < self._alarm.at and not request.ended:
            self._arm(request.deadline)
        if self._link is not None and not self._is_flush_due:
            if session.in_flight <= 1:
                self._flush()
            elif self._loop is not None:
                self._is_flush_due = True
                self._loop.call_soon(self._flush)

    def move(self, endpoints: Sequence[Endpoint]) -> None:
        """Take another list of servers, and go to one of them if need be."""
        self.require_own_place()
        self.session.move(endpoints, monotonic())
        self._turn()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after so many seconds."""
        self.session.tick(monotonic())
        self.session.call_later(seconds, call)
        self._turn()

    async def aside(self, call: Callable[[], R]) -> R:
        """Make a call that blocks, where it does not block the loop; needs no session."""
        self.require_own_process()
        return await in_thread(call)

    # --- live nodes

    async def keep(self, lives: Sequence[Live], deadline: float, fail_fast: bool = False) -> None:
        """Make live nodes current, all at once, and return when all are known.

        Raises `OperationTimeoutError` at the deadline, and drops them; with `fail_fast`, `ConnectionLoss` where there
        is no connection to begin with.
        """
        self.require_own_process()
        if self.is_to_start:
            self.start()
        if self.session.phase.is_ending:
            raise ConnectionClosedError(lives[0].path)
        if fail_fast and not self.session.phase.is_served:
            raise ConnectionLoss(lives[0].path, reason=self.session.standing)
        unknown = set(lives)
        all_known = self.loop.create_future()

        def learn(live: Live) -> None:
            unknown.discard(live)
            if not unknown:
                ring(all_known)

        def begin(live: Live) -> None:
            live.on_change = partial(learn, live)
            live.refresh()

        try:
            await made(begin, lives)
            self._turn()
            await wait_for(all_known, deadline)
        except BaseException:
            self._let_go(lives)
            raise
        for live in lives:
            live.on_change = None
        if unknown:
            self._let_go(lives)
            raise OperationTimeoutError(unknown.pop().path, reason=self.session.standing)

    def drop(self, live: Live) -> None:
        """Let go of a live node soon: the garbage collector calls this, in the middle of anything, in any thread."""
        self._dropped.append(live)
        # A closed loop may be one of an interpreter that ends, where names of modules stand for nothing any more.
        if not self._is_drop_due and self._loop is not None and not self._loop.is_closed():
            self._is_drop_due = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the session with it
                self._loop.call_soon_threadsafe(self._drop_more)

    def _let_go(self, lives: Sequence[Live]) -> None:
        for live in lives:
            live.on_change = None
        self._dropped.extend(lives)
        self._turn()

    # --- one turn: what is due, what is to be sent, when to look again

    def _turn(self, data: bytes = b"") -> None:
        try:
            self._advance(data)
        except Exception as error:  # noqa: BLE001 (logged, though not here)
            self.journal.take(unexpected(error))
            self._lost(f"unexpected error: {error!r}")
        except KeyboardInterrupt:
            self._lost(_INTERRUPTED)
            raise

    def _advance(self, data: bytes) -> None:
        session, now = self.session, monotonic()
        if data:
            session.receive(data, now)
        if self._dropped and not self._is_drop_due:
            self._drop_some()
        if (not data or now >= self._alarm.at) and now >= session.deadline():
            session.tick(now)
            better = session.look(now)
            if better is not None:
                self._asides.begin(self.loop, self._look(better))
        if self._link is not None and self._authenticator is not None and session.fault is None:
            self._answer_challenge(self._authenticator)
        if self._link is None:
            self._woken.set()
        elif session.fault is not None:
            self._lost(session.fault)
        else:
            self._flush()
            if self._exposure.is_possible and session.shown_schemes:
                self._exposure.warn(session.shown_schemes)
        if self.is_running:
            self._arm(session.deadline())

    def _drop_some(self) -> None:
        for _ in range(min(len(self._dropped), _MOST_DROPPED)):
            self._dropped.popleft().drop()
        if self._dropped and self._loop is not None and not self._loop.is_closed():
            self._is_drop_due = True
            self._loop.call_soon(self._drop_more)

    def _drop_more(self) -> None:
        self._is_drop_due = False
        self._turn()

    def _flush(self) -> None:
        self._is_flush_due = False
        link = self._link
        if link is None or link.is_full:
            return
        try:
            data = self.session.data_to_send(monotonic())
            if data:
                link.write(data)
        except KeyboardInterrupt:
            self._lost(_INTERRUPTED)
            raise

    def _arm(self, deadline: float) -> None:
        if deadline < self._alarm.at and self._loop is not None:
            longest = self.session.identity.timeout * _LOOK_AFTER
            self._alarm.set(self._loop, deadline, longest)

    def _ring(self, was_held_up: bool) -> None:
        if was_held_up and self._link is not None:
            # As the next chance to speak may be late as well, the server is told now that we live; and what has come
            # meanwhile is heard before anybody is blamed for silence.
            self.session.nudge()
            self._flush()
            if self._loop is not None and self._link is not None and self._link.has_unread():
                self._alarm.snooze(self._loop)
                return
        self._turn()

    # --- connecting

    async def _seek(self) -> None:
        session, me = self.session, asyncio.current_task()
        try:
            while session.phase is not Phase.STOPPED and self._seeker is me:
                try:
                    await self._connect_or_wait()
                except Exception as error:  # noqa: BLE001 (logged, though not here)
                    self.journal.take(unexpected(error))
                    self._lost(f"unexpected error: {error!r}")
                    await asyncio.sleep(0)  # should it come again at once, others get their turn
        except asyncio.CancelledError:  # the loop ends, and nobody has closed us
            if self._seeker is me and not self.is_forked:
                self.say_farewell(monotonic())
            raise
        finally:
            # Nobody has started us again since the session ended, nor is this a child that unwinds its parent's loop.
            if self._seeker is me and not self.is_forked:
                session.finish("the event loop has ended")
                self._drop_link()
                if session.refusal is not None:
                    self.journal.take(refused(session.refusal))
                self._on_end()
                for call in tuple(self.at_end):
                    call()

    async def _connect_or_wait(self) -> None:
        now = monotonic()
        self.session.tick(now)
        servers = self.session.dial(now)
        if servers:
            await self._attempt(servers)
        else:
            self._woken.clear()
            self._arm(self.session.deadline())
            await self._woken.wait()

    async def _attempt(self, servers: Sequence[Endpoint]) -> None:
        reached = await dial(servers, self.session.settings.connect_timeout, self.security, self)
        if reached is None:
            self._lost("no server could be reached")
            return
        is_encrypted = self.security is not None
        over = self.loop.create_future()
        link = Link(reached.channel, self._received, self._ended, self._flush)
        try:
            self._exposure.connected(reached.connection, is_encrypted=is_encrypted)
            await self.loop.create_connection(lambda: link, sock=reached.connection)
        except BaseException:
            reached.connection.close()
            raise
        if link.is_over:  # the server was quicker
            self.session.connected(monotonic(), reached.server)
            self._lost(link.reason or hung_up(self.session))
            return
        mechanism, host = self._mechanism, reached.server.host
        self._authenticator = None if mechanism is None else Authenticator(mechanism, host)
        self._link = link
        link.on_over = partial(ring, over)
        self.session.connected(monotonic(), reached.server)
        self._turn()
        await over

    def _received(self, link: Link, data: bytes) -> None:
        if link is self._link:
            self._turn(data)

    def _ended(self, link: Link, reason: str) -> None:
        if link is self._link:
            self._lost(self.session.fault or reason or hung_up(self.session))

    def _lost(self, reason: str) -> None:
        self._drop_link()
        self.session.disconnected(reason, monotonic())
        self._woken.set()
        self._arm(self.session.deadline())

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                link.drop()
                link.on_over()

    @property
    def servers(self) -> tuple[Endpoint, ...]:
        """The server that we are connected to; without one, all in the order of trying."""
        return servers_to_ask(self.session)

    # --- what dialling asks and tells

    def go_on(self) -> bool:
        self.session.tick(monotonic())
        return is_trying(self.session)

    def trying(self, server: Endpoint) -> None:
        self.journal.take(connecting(server))
        self.session.ensemble.trying(server)

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        return self.session.unreachable(server, reason, monotonic(), attempts)

    # --- what takes its time

    def _answer_challenge(self, authenticator: Authenticator) -> None:
        challenge = self.session.authentication.challenge
        if challenge is None:
            return
        if self._mechanism is not None and self._mechanism.may_block:
            self._authenticator = None  # one step at a time
            self._asides.begin(self.loop, self._step_aside(authenticator, challenge))
        else:
            authenticator.answer(challenge, self.go_on)(self.session.authentication)

    async def _step_aside(self, authenticator: Authenticator, challenge: Challenge) -> None:
        session, link = self.session, self._link
        goes_on = partial(is_trying, session)
        tell = await self.aside(partial(authenticator.answer, challenge, goes_on))
        if self._link is link:
            tell(session.authentication)
            self._authenticator = authenticator
            self._turn()

    async def _look(self, server: Endpoint) -> None:
        zxid = self.session.trail.zxid
        is_writable = await self.aside(partial(takes_writes, server, self.security, zxid, _LOOK))
        self.session.looked(server, monotonic(), is_writable=is_writable)
        self._turn()
