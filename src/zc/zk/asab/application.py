"""What an ASAB application has of ZooKeeper: the module, the service, and containers."""

import asyncio
import contextlib
import json
import os
from collections.abc import Coroutine, Mapping
from typing import Any, NoReturn

from zc.zk import paths
from zc.zk.arguments import MOST_SESSION_SECONDS, seconds
from zc.zk.asab.addresses import Place, absolute, find, first
from zc.zk.asab.advertising import Advertisement
from zc.zk.asab.calls import ZooKeeper, log
from zc.zk.codes import State
from zc.zk.drivers.aio.connected import LoopConnected
from zc.zk.drivers.aio.place import runs_here
from zc.zk.errors import ArgumentTypeError, ZooKeeperError
from zc.zk.protocol.states import StateChange

try:
    import asab
    import asab.proactor
    import asab.utils
except ModuleNotFoundError as error:
    raise ImportError("zc.zk.asab needs the extra: pip install zc.zk[asab]") from error

Service: Any = asab.Service  # Any: asab has no types
_SECTION = "zookeeper"  # has what the section of a container lacks
_DEFAULT_TIMEOUT = "10s"
_VARIABLE = "ASAB_ZOOKEEPER_SERVERS"
_PATIENCE = 10.0  # seconds without any server after which a log should say so
_ENSURING = 5.0  # seconds that making the path may hold the news of a connection up
_WORST_FIRST = (State.LOST, State.SUSPENDED, State.CONNECTED)
_ADDRESS_HELP = f"name servers in z_path, as `servers` in the section [{{}}] or in the environment as {_VARIABLE}"


class Module(asab.Module):  # type: ignore[misc]  # asab has no types
    """Adds `asab.ZooKeeperService` to an application."""

    def __init__(self, app: Any) -> None:  # Any: asab's
        super().__init__(app)
        self.Service = ZooKeeperService(app, "asab.ZooKeeperService")


class ZooKeeperService(asab.Service):  # type: ignore[misc]  # asab has no types
    """Knows the application's containers, and closes them when it exits."""

    def __init__(self, app: Any, service_name: str) -> None:  # Any: asab's
        super().__init__(app, service_name)
        app.add_module(asab.proactor.Module)
        self.ProactorService = app.get_service("asab.ProactorService")
        self.Containers: list[Any] = []  # Any: ours, and asab's own where its modules make them

    async def finalize(self, app: Any) -> None:  # Any: asab's
        """End all sessions; ephemeral nodes, and with them all that is advertised, go at once."""
        containers, self.Containers = self.Containers, []
        await asyncio.gather(*map(self._stop, containers))

    async def _stop(self, container: Any) -> None:  # Any: as above
        try:
            await container._stop()  # noqa: SLF001 (what asab's own have)
        except Exception:  # noqa: BLE001 (logged: it harms no other)
            log.exception("a container could not be stopped: %r", container)


class ZooKeeperContainer(asab.Configurable):  # type: ignore[misc]  # asab has no types
    """A connection to ZooKeeper, which is looked for from now on until the application exits.

    `z_path` is `zookeeper://HOST:PORT,HOST:PORT/PATH`, `zookeeper:///PATH`, or `zookeeper:./PATH` for a path below the
    configured one. What it does not say is taken from `config`, then from the configuration section, then from the
    section `zookeeper`; servers at last from the environment, as `ASAB_ZOOKEEPER_SERVERS`. `timeout` is that of the
    session, such as `10s`. What cannot be ends the application by one line in the log.

    The application hears `ZooKeeperContainer.state/CONNECTED!`, `/SUSPENDED!` and `/LOST!`, with the container as
    argument. By CONNECTED the path exists. What was advertised comes back by itself.
    """

    ConfigDefaults: dict[str, str] = {"servers": "", "path": "", "timeout": ""}  # noqa: RUF012 (asab's way)

    def __init__(
        self,
        zookeeper_service: ZooKeeperService,
        config_section_name: str = _SECTION,
        config: Mapping[str, str] | None = None,
        z_path: str | None = None,
    ) -> None:
        super().__init__(config_section_name=config_section_name, config=config)
        self.App = zookeeper_service.App
        self.ConfigSectionName = config_section_name
        self.ProactorService = zookeeper_service.ProactorService
        servers, self.Path = self._place(z_path)
        self.ZooKeeper = ZooKeeper(self.App, self.ProactorService, servers, self._timeout())
        self.Advertisements: dict[str, Advertisement] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._states = {"own": State.LOST}
        self._standing = State.LOST
        self.ZooKeeper.AioClient.explain_to(self._state_changed)
        self.ZooKeeper.Client.explain_to(self._blocking_state_changed)
        zookeeper_service.Containers.append(self)
        if runs_here(self.App.Loop):
            self._start()
        else:
            self.App.Loop.call_soon_threadsafe(self._start)  # it need not run yet

    def is_connected(self) -> bool:
        """Return whether the state that was told last is CONNECTED."""
        return self._standing is State.CONNECTED

    # --- advertising

    def advertise(self, data: Mapping[str, Any] | str | bytes, path: str) -> None:  # Any: JSON
        """Have a node with these data while the application runs: `Path`, `path` and a number of ten digits.

        Of the same `path` again, the data are changed. The node is ephemeral; whenever it is lost, it is made again at
        once. May be called before a server is there, and from any thread. Raises as `zc.zk.Client.create` does for a
        path or data that cannot be.
        """
        if not isinstance(path, str):
            raise ArgumentTypeError(f"the path to advertise at must be a string: {path!r}")
        prefix, encoded = absolute(self.Path + path, keeps_last_slash=True), _encoded(data)
        paths.validate_sequential(prefix)
        self.App.Loop.call_soon_threadsafe(self._advertise, prefix, encoded)

    def _advertise(self, prefix: str, data: bytes) -> None:
        if self.ZooKeeper.is_stopped:
            return
        advertisement = self.Advertisements.get(prefix)
        if advertisement is None:
            advertisement = Advertisement(self.ZooKeeper.AioClient, prefix)
            self.Advertisements[prefix] = advertisement
            self._run(advertisement.keep())
        advertisement.want(data)

    # --- reading

    async def get_children(self, path: str = "") -> list[str] | None:
        """Return the names of the children of a node below `Path`, None where there is no such node."""
        return await self.ZooKeeper.get_children(f"{self.Path}/{path}")

    async def get_data(self, path: str, encoding: str = "utf-8") -> Any:  # Any: JSON
        """Return the JSON that a node below `Path` has; an empty dictionary for a node that is missing or empty.

        Raises ValueError for data that are something else.
        """
        data = await self.get_raw_data(path)
        return json.loads(data.decode(encoding)) if data else {}

    async def get_raw_data(self, path: str) -> bytes | None:
        """Return the data of a node below `Path`, None where there is no such node."""
        return await self.ZooKeeper.get_data(f"{self.Path}/{path}")

    # --- where to connect to

    def _sources(self) -> list[Mapping[str, str]]:
        """Return what is configured, the most particular first."""
        config = asab.Config
        return [
            self.Config,
            dict(config.items(_SECTION)) if config.has_section(_SECTION) else {},
            {"servers": os.environ.get(_VARIABLE, ""), "timeout": _DEFAULT_TIMEOUT},
        ]

    def _place(self, z_path: str | None) -> Place:
        try:
            return find(z_path, self._sources())
        except ZooKeeperError as error:
            self._exit(f"{error}; {_ADDRESS_HELP.format(self.ConfigSectionName)}")

    def _timeout(self) -> float:
        try:
            timeout = asab.utils.convert_to_seconds(first("timeout", self._sources()))
            return seconds(timeout, "the session time-out", MOST_SESSION_SECONDS)
        except (ValueError, TypeError) as error:
            self._exit(f"`timeout` in the section [{self.ConfigSectionName}]: {error}")

    def _exit(self, reason: str) -> NoReturn:
        log.critical("cannot connect to ZooKeeper: %s", reason)
        raise SystemExit(1)

    # --- the session, on the event loop

    def run_while_open(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until the container is stopped; may be called before the loop runs."""
        if self.ZooKeeper.is_stopped:
            work.close()
        else:
            self._run(work)

    def _start(self) -> None:
        if not self.ZooKeeper.is_stopped:
            self._run(self._await_server(self.ZooKeeper.AioClient.start_async()))

    async def _await_server(self, connected: LoopConnected) -> None:
        if not await connected.wait(_PATIENCE):
            error = self.ZooKeeper.AioClient.why_not_started(_PATIENCE)
            log.warning("not connected to %s so far: %s", self._whereabouts, error)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.App.Loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _state_changed(self, change: StateChange) -> None:
        if change.state is State.CONNECTED:
            for advertisement in self.Advertisements.values():
                advertisement.look_again()
            await self._ensure_path()
        self._tell("own", change)

    async def _ensure_path(self) -> None:
        client = self.ZooKeeper.AioClient.within(_ENSURING, fail_fast=True)
        try:
            await client.ensure_path(absolute(self.Path))
        except ZooKeeperError as error:
            log.warning("the path %s may be missing: %s", self.Path, error)

    def _blocking_state_changed(self, change: StateChange) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to be told
            self.App.Loop.call_soon_threadsafe(self._tell, "blocking", change)

    def _tell(self, session: str, change: StateChange) -> None:
        """Tell the application how its sessions stand, which is as the worse of them: either may hold its nodes.

        What was LOST has to be found again, whatever else happens to either of them: next is CONNECTED.
        """
        if session in self._states or change.state is State.CONNECTED:
            self._states[session] = change.state
        standing = min(self._states.values(), key=_WORST_FIRST.index)
        may_follow = standing is State.CONNECTED or self._standing is not State.LOST
        if standing is not self._standing and may_follow:
            self._standing = standing
            self._log(change)
            self.App.PubSub.publish(f"ZooKeeperContainer.state/{standing}!", self)

    def _log(self, change: StateChange) -> None:
        if self._standing is State.CONNECTED:
            log.log(asab.LOG_NOTICE, "connected to %s", self._whereabouts)
        elif not self.ZooKeeper.is_stopped:
            reason = f"{'assumed, ' if change.is_assumed else ''}{change.reason}"
            log.warning("%s, the connection to %s: %s", self._standing, self._whereabouts, reason)

    @property
    def _whereabouts(self) -> str:
        client = self.ZooKeeper.AioClient
        return f"ZooKeeper at {client.hosts}{client.chroot}, path /{self.Path}"

    async def stop(self) -> None:
        """End the sessions; the service does so when the application exits."""
        for task in self._tasks:
            task.cancel()
        await self.ZooKeeper.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stop(self) -> None:  # as asab's modules call it
        await self.stop()


def _encoded(data: Mapping[str, Any] | str | bytes) -> bytes:  # Any: JSON
    if isinstance(data, str):
        return data.encode()
    return data if isinstance(data, bytes) else json.dumps(data).encode()
