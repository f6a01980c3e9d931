"""A ZooKeeper server in this process, for tests: start it, and do to it what befalls servers."""

import logging
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from zc.zk.errors import ArgumentError
from zc.zk.server import log as journal
from zc.zk.server.clock import Clock, SystemClock
from zc.zk.server.faults import Faults as Registry
from zc.zk.server.faulty import FaultyCore
from zc.zk.server.folder import Folder, FolderError
from zc.zk.server.net import Network, listen
from zc.zk.server.settings import Settings
from zc.zk.server.status import Place
from zc.zk.server.tls import ServerTLS
from zc.zk.testing.clock import VirtualClock
from zc.zk.testing.faults import Faults
from zc.zk.testing.network import RefusingNetwork

log = logging.getLogger("zc.zk.testing")
R = TypeVar("R")
_SECONDS_TO_ANSWER = 30.0


class Server:
    """An embedded server with a thread of its own, for any thread to use; a context manager too.

    Port 0 is any free one, and stays the same over restarts. Without `data_dir` the data live in
    memory, as long as the object and until `restart(wipe=True)`.
    `tick_time` decides how short a session can be (two ticks, unless `min_session_timeout` says
    otherwise) and how late an expiry (one tick). `settings` replaces all three. Times in seconds.
    With a `VirtualClock` as its `clock`, sessions and delays last until that is advanced.
    `faults` is what can befall it.
    With `tls` the port speaks TLS and nothing else.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        data_dir: str | Path | None = None,
        tick_time: float = 0.2,
        *,
        min_session_timeout: float | None = None,
        max_session_timeout: float = 60.0,
        settings: Settings | None = None,
        clock: Clock | None = None,
        tls: ServerTLS | ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        settings = settings or Settings(
            tick_time=tick_time,
            min_session_timeout=min_session_timeout,
            max_session_timeout=max_session_timeout,
        )
        self.settings = replace(settings, knows_certificates=True) if tls else settings
        self._tls = tls
        self._is_read_only = False
        self.clock = clock or SystemClock()
        self._registry = Registry()
        self.faults = Faults(self, self._registry)
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._lock = threading.RLock()  # nothing is asked while starting or stopping
        self._core: FaultyCore | None = None
        self._folder: Folder | None = None
        self._network: RefusingNetwork | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Server {self.address}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where clients connect to, as `host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether clients can connect."""
        return self._thread is not None

    # Life and death

    def start(self) -> None:
        """Start to listen; does nothing when running.

        Data and sessions of an earlier run are there again; the sessions' time-outs begin anew.
        Raises `OSError` when the port is taken, `FolderError` when the folder cannot be used,
        `TLSError` when the files for TLS cannot.
        """
        with self._lock:
            if self._thread is not None:
                return
            context = self._tls.context() if isinstance(self._tls, ServerTLS) else self._tls
            listener = listen(self.host, self.port)
            try:
                core = self._prepare_core()
            except BaseException:
                listener.close()
                raise
            self.port = listener.getsockname()[1]
            core.place = Place.of(
                self.port,
                is_secure=context is not None,
                data_dir=self._data_dir,
                folder=self._folder,
            )
            flush = self._folder.flush if self._folder else None
            self._network = network = RefusingNetwork(core, listener, flush, context, self.clock)
            core.on_refusing = network.refuse
            core.on_wipe = self._folder.begin_anew if self._folder else None
            self._registry.resume(core, self.clock.now())
            core.update_faults(self.clock.now())
            self._thread = threading.Thread(
                target=_run,
                args=(self._network,),
                name=f"zc.zk.testing {self.address}",
                daemon=True,
            )
            self._thread.start()
            if isinstance(self.clock, VirtualClock):
                self.clock.follow(self)

    def stop(self) -> None:
        """Close all connections and stop listening; does nothing when not running."""
        self._stop(reset=False)

    def kill(self) -> None:
        """Stop as a crash does: connections end by RST, and nobody is told anything more."""
        self._stop(reset=True)

    def restart(self, *, wipe: bool = False, state: bytes | None = None) -> None:
        """Stop and start on the same port.

        With `wipe` everything is forgotten, sessions too; with a `state` that `save` gave,
        everything since, as by a server that was restored from a backup: its zxids go back.
        """
        with self._lock:
            core = None if state is None else self._restored(state)
            self.stop()
            if wipe:
                self.wipe()
            if core is not None:
                self._core = core
            self.start()

    def save(self) -> bytes:
        """Return all data and sessions, for `restart`."""
        return self._ask(lambda core: b"".join(journal.snapshot(core.store)))

    def wipe(self) -> None:
        """Forget all data and sessions; only while not running."""
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"{self} is running: stop it before its data goes")
            self._core = None
            if self._data_dir is not None:
                Folder.wipe(self._data_dir)

    def _prepare_core(self) -> FaultyCore:
        now = self.clock.now()
        if self._core is None or self._data_dir is not None:
            self._core = self._new_core(now)
        if self._data_dir is not None:
            self._folder = Folder.open(self._data_dir, self._core.store, now)
        self._core.switch(self._is_read_only, now)
        self._core.store.served_sessions.restart_clocks(now)
        return self._core

    def _new_core(self, now: float) -> FaultyCore:
        wall_offset = self.clock.wall() - now
        return FaultyCore(self._registry, self.settings, now, wall_offset, secrets.token_bytes)

    def _restored(self, state: bytes) -> FaultyCore:
        if self._data_dir is not None:
            raise ArgumentError(f"the state of {self} is in its folder")
        core = self._new_core(self.clock.now())
        journal.recover(state, core.store, self.clock.now())
        return core

    def _stop(self, *, reset: bool) -> None:
        with self._lock:
            network, thread = self._network, self._thread
            if network is None or thread is None:
                return
            if isinstance(self.clock, VirtualClock):
                self.clock.leave(self)
            network.stop()
            thread.join()
            if self._core is not None:
                self._core.on_refusing = self._core.on_wipe = None
            network.close(reset=reset)
            self._network = self._thread = None
            if self._folder is not None:
                self._folder.close()
                self._folder = None

    # What can befall it

    @property
    def sessions(self) -> list[int]:
        """The ids of the sessions that are alive."""
        return self._ask(lambda core: [session.id for session in core.sessions])

    def expire(self, session_id: int) -> bool:
        """End a session now, as if its time had run out; say whether it was alive."""
        return self._ask(lambda core: core.expire(session_id, self.clock.now()))

    def drop_connections(self) -> None:
        """Hang up on everybody; the sessions live on, and clients may connect again."""
        with self._lock:
            network = self._network
            if network is not None:
                network.call(network.drop_connections).result(_SECONDS_TO_ANSWER)

    @property
    def zxid(self) -> int:
        """The last zxid that was given."""
        return self._ask(lambda core: core.store.zxid)

    @property
    def is_read_only(self) -> bool:
        """Whether writes are refused."""
        return self._is_read_only

    def go_read_only(self) -> None:
        """Refuse writes, as a server that lost its ensemble; stays so over restarts.

        Every connection ends, and only clients that accept it can connect, with other sessions.
        The sessions of before wait.
        """
        self._switch(True)

    def go_read_write(self) -> None:
        """Take writes again. Every connection ends; the sessions of before can be taken up."""
        self._switch(False)

    def _switch(self, is_read_only: bool) -> None:
        with self._lock:
            self._is_read_only = is_read_only
            if self._core is not None:
                self._ask(lambda core: core.switch(is_read_only, self.clock.now()))

    def ask_faulty(self, question: Callable[[FaultyCore | None, float], R]) -> R:
        """Ask the core a question, in the thread that it lives in; None if it never started."""
        with self._lock:
            core, network = self._core, self._network
            if network is None:
                return question(core, self.clock.now())
            answer = network.call(lambda: question(core, self.clock.now()))
            return answer.result(_SECONDS_TO_ANSWER)

    def deadline(self) -> float | None:
        """Return when the server has something to do, by its clock."""
        return self._ask(lambda core: core.deadline())

    def tick(self) -> None:
        """Do what is due by the clock."""
        self._ask(lambda core: core.tick(self.clock.now()))

    def _ask(self, question: Callable[[FaultyCore], R]) -> R:
        def ask(core: FaultyCore | None, _now: float) -> R:
            if core is None:
                raise RuntimeError(f"{self} was never started")
            return question(core)

        return self.ask_faulty(ask)


def _run(network: Network) -> None:
    try:
        network.run()
    except FolderError as error:  # nobody was told what is not on the disk
        log.critical("the server ended: %s", error)
