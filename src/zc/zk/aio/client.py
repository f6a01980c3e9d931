"""The asyncio client: what the blocking one does, awaited."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, Self

from zc.zk import arguments, client
from zc.zk.aio import watchers
from zc.zk.aio.awaiting import named_as
from zc.zk.aio.calls import Calls
from zc.zk.aio.documented import documented
from zc.zk.aio.retrying import Retry, like
from zc.zk.codes import State
from zc.zk.drivers import retrying, words
from zc.zk.drivers.aio.connected import LoopConnected
from zc.zk.drivers.aio.driver import AioDriver
from zc.zk.drivers.journal import chroot_missing
from zc.zk.drivers.retrying import FOREVER
from zc.zk.errors import ArgumentError, ZooKeeperError
from zc.zk.faces import START_TIMEOUT, Face, Listener
from zc.zk.protocol.live import Live
from zc.zk.protocol.session import Session
from zc.zk.within import Policy


@documented(client.Client)
class Client(Calls, Face[AioDriver]):
    """A session with a ZooKeeper ensemble, on the event loop that `start` is awaited on.

    The arguments, the methods and the errors are those of `zc.zk.Client`; what waits there is awaited here. Use it in
    `async with`, or `await` its `start` and `stop`. Watches, listeners and callbacks may be coroutine functions; those
    run as tasks, one at a time for each of them. A callback that raises is logged with its name, and so is one that
    holds the loop up; the others are called all the same.

    Any await may be cancelled. What waits for a server is not sent any more; a write that was on its way may be done,
    and then the log says so. A `stop` that is cancelled goes on behind the caller's back, and ends within its two
    seconds. All calls come from the loop's thread. A loop that ends while the client is open takes the session with it:
    the server is told.
    """

    _connected: LoopConnected
    _retries = (retrying.Retry, Retry)

    def _choose(self, driver: str | None) -> None:
        if driver is not None:
            raise ArgumentError(f"an asyncio client has no other driver: {driver!r}")

    def _new_driver(self, session: Session, name: str) -> AioDriver:
        self._connected = connected = LoopConnected(session)
        driver = AioDriver(
            session, name, connected.look, self._mechanism, self._security, self._logger
        )
        connected.require_own_place = driver.require_own_place
        return driver

    async def start(self, timeout: float = START_TIMEOUT) -> None:
        seconds = arguments.seconds(timeout, "the start time-out")
        until = monotonic() + seconds
        await self.driver.until_stopped()
        async with self._as_before_unless_started():
            if not await self.start_async().wait(seconds):
                raise self._start_error() or self._failed_connect(seconds)
            await self._look_for_chroot(until - monotonic())

    @asynccontextmanager
    async def _as_before_unless_started(self) -> AsyncIterator[None]:
        was_running = self.driver.is_running
        try:
            yield
        except BaseException:
            if not was_running:
                await self.stop()
            raise

    async def _look_for_chroot(self, seconds: float) -> None:
        if not self.chroot or seconds <= 0:
            return
        looking = self.within(min(seconds, client.LONGEST_LOOK), fail_fast=True)
        with suppress(ZooKeeperError):  # only a hint is lost
            if await looking.exists("/") is None:
                self.driver.journal.take(chroot_missing(self.chroot))

    async def wait_for_start(self) -> None:
        await self.driver.until_stopped()
        async with self._as_before_unless_started():
            error = None if await self.start_async().wait() else self._start_error()
            if error is not None:
                raise error

    def start_async(self) -> LoopConnected:
        self.driver.start()
        return self._connected

    async def stop(self) -> None:
        await self.driver.stop()

    close = stop

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- how long calls wait

    def within(self, seconds: float | None, *, fail_fast: bool | None = None) -> "Client":
        return _Within(self, seconds, self.fail_fast if fail_fast is None else fail_fast)

    @property
    def retry(self) -> Retry:
        """Awaits a whole function again when the network failed it: `await client.retry(function, *arguments)`.

        Nothing is begun again when `operation_timeout` has passed. Make a `zc.zk.aio.Retry` for another policy, or
        give it, or a `zc.zk.Retry`, to the client as `command_retry`.
        """
        retry = self._command_retry
        if retry is not None:
            return retry if isinstance(retry, Retry) else like(retry)
        return Retry(FOREVER, max_delay=client.LONGEST_PAUSE, deadline=self.operation_timeout)

    # --- being told of states

    def _tell(self, listener: Listener, state: State) -> Any:
        answer = listener(state)
        if asyncio.iscoroutine(answer):
            return named_as(answer, self._hear(listener, answer))
        if answer is True:
            self.remove_listener(listener)
        return None

    async def _hear(self, listener: Listener, answer: Any) -> None:
        if await answer is True:
            self.remove_listener(listener)

    # --- what servers say about themselves

    async def command(self, cmd: bytes = b"ruok") -> str:
        seconds = self.operation_timeout or START_TIMEOUT
        driver = self.driver
        return await driver.aside(partial(words.ask, driver.servers, cmd, driver.security, seconds))

    async def server_version(self, retries: int = 3) -> tuple[int, ...]:
        driver, seconds = self.driver, self.operation_timeout or START_TIMEOUT
        return await driver.aside(
            partial(words.server_version, driver.servers, driver.security, seconds, retries)
        )

    # --- identities

    async def add_auth(self, scheme: str, credential: str | bytes) -> bool:
        await self._call(arguments.auth(scheme, credential))
        return True

    def add_auth_async(self, scheme: str, credential: str | bytes) -> "asyncio.Future[None]":
        return self._call_async(arguments.auth(scheme, credential))

    # --- watching for good

    async def DataWatch(  # noqa: N802 (kazoo's name)
        self, path: str, func: Callable[..., object] | None = None
    ) -> "watchers.DataWatch":
        """Call a function with a node's data and status, now and after each change; see `zc.zk.aio.DataWatch`.

        Without a function, call what is returned with it, or decorate it.
        """
        return await watchers.data_watch(self, path, func)

    async def data_watches(
        self, functions: Mapping[str, Callable[..., object]]
    ) -> "dict[str, watchers.DataWatch]":
        return await watchers.watch_data(self, functions)

    async def ChildrenWatch(  # noqa: N802 (kazoo's name)
        self,
        path: str,
        func: Callable[..., object] | None = None,
        allow_session_lost: bool = True,
        send_event: bool = False,
    ) -> "watchers.ChildrenWatch":
        """Call a function with a node's children, now and after each change; see `zc.zk.aio.ChildrenWatch`.

        Without a function, call what is returned with it, or decorate it.
        """
        return await watchers.children_watch(self, path, func, allow_session_lost, send_event)

    # --- live nodes

    @asynccontextmanager
    async def kept(self, lives: Sequence[Live]) -> AsyncIterator[None]:
        try:
            if lives:
                await self.driver.keep(lives, monotonic() + self.patience, self.fail_fast)
            yield
        except BaseException:
            for live in lives:
                self.driver.drop(live)
            raise


class _Within(Policy, Client):
    """An asyncio client by another policy."""
