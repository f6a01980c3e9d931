"""Run a real Apache ZooKeeper in a process of its own, and do to it what befalls servers.

Java and the jars come from Debian's package `zookeeper`, which is 3.8.0; `NEWER_CLASSPATH` names
those of 3.9.3 that `.ci/install-zookeeper-3.9` has put into the user's cache.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bareclient import end_session
from tests.ownedprocess import OwnedProcess
from tests.ports import LOOPBACK, free_port
from tests.waiting import stretched, wait_until

DEBIAN = "/usr/share/java"
LOGGER = f"{DEBIAN}/slf4j-api.jar:{DEBIAN}/slf4j-simple.jar"
# The manifest of zookeeper.jar names every other jar, but for some that only TLS needs.
NETTY = f"{DEBIAN}/netty-codec.jar:{DEBIAN}/netty-resolver.jar"
DEBIAN_CLASSPATH = f"{DEBIAN}/zookeeper.jar:{LOGGER}:{NETTY}"
NEWER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zookeeper-3.9"
# Its own logger is slower to start and wants a configuration.
NEWER_CLASSPATH = f"{NEWER}/*:{LOGGER}"
MAIN_CLASS = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",  # leaves no file in /tmp when killed
    "-Djava.net.preferIPv4Stack=true",
    "-Dzookeeper.extendedTypesEnabled=true",
    "-Dznode.container.checkIntervalMs=200",  # empty containers and old TTL nodes go soon
    "-Dzookeeper.forceSync=no",  # SIGKILL spares what the kernel holds; only a power cut would not
    "-Dzookeeper.preAllocSize=1024",  # KiB of transaction log at a time, instead of 64 MiB
)
QUICK_TO_START = ("-Xmx256m", "-XX:TieredStopAtLevel=1")
QUICK_TO_RUN = ("-Xmx1g",)

SECONDS_TO_START = 30.0
SECONDS_TO_STOP = 5.0


class ServerError(Exception):
    """The server does not do what it was asked to; the message ends with its last log lines."""


class RealServer:
    """A stand-alone ZooKeeper on loopback; its port and its data outlive kills and restarts.

    `tick` decides how short a session can be (two ticks) and how late an expiry (one tick).
    `fast` trades speed in the long run for a quick start: benches say `fast=False`.
    `files` are written, by name, into the folder that it runs in; java_options may name them.
    Nothing it holds is left behind, not even when the tests are killed.
    """

    def __init__(
        self,
        *,
        tick: float = 0.2,
        max_session_timeout: float = 60.0,
        fast: bool = True,
        settings: Mapping[str, str] | None = None,
        java_options: Sequence[str] = (),
        classpath: str = DEBIAN_CLASSPATH,
        port: int | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or free_port()
        self.settings = {
            "tickTime": str(round(tick * 1000)),
            "minSessionTimeout": str(round(tick * 2000)),
            "maxSessionTimeout": str(round(max_session_timeout * 1000)),
            "clientPort": str(self.port),
            "clientPortAddress": LOOPBACK,
            "maxClientCnxns": "0",
            "4lw.commands.whitelist": "*",
            "admin.enableServer": "false",
            **(settings or {}),
        }
        self.java_options = (
            *JAVA_OPTIONS,
            *(QUICK_TO_START if fast else QUICK_TO_RUN),
            *java_options,
        )
        self.classpath = classpath
        self.files = dict(files or {})
        self._process = OwnedProcess("zk-real-")
        self._finalizer = weakref.finalize(self, self._process.remove)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def version(self) -> tuple[int, int]:
        """Which Apache version it is."""
        return (3, 9) if self.classpath == NEWER_CLASSPATH else (3, 8)

    @property
    def is_running(self) -> bool:
        """Whether the process lives; a paused one does."""
        java = self._process.running
        return java is not None and java.poll() is None

    @property
    def is_paused(self) -> bool:
        """Whether no thread of the process can run."""
        java = self._process.running
        if java is None:
            return False
        threads = Path(f"/proc/{java.pid}/task")
        try:
            statuses = [(thread / "stat").read_text() for thread in threads.iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            return False  # a thread has just ended, so they still run
        return all(status.rpartition(")")[2].split()[0] == "T" for status in statuses)

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the processes that run now for this server."""
        return self._process.processes

    @property
    def process_id(self) -> int:
        """The id of the process that serves, while it runs."""
        java = self._process.running
        if java is None:
            raise ServerError(f"{self} is not running")
        return java.pid

    @property
    def directory(self) -> Path:
        """The folder that the server runs in, with all its files, once it was started, until `close`."""
        if self._process.directory is None:
            raise ServerError(f"{self} was never started, or is closed")
        return self._process.directory

    @property
    def log(self) -> Path | None:
        """The file with all that the server has logged, once it was started, until `close`."""
        return self._process.log

    # Life and death

    def start(self) -> None:
        """Start and wait until the server serves, with the data it had; raises ServerError."""
        self.launch()
        try:
            self.wait_until_serving()
        except BaseException:
            self.kill()
            raise

    def launch(self) -> None:
        """Start and do not wait."""
        if self.is_running:
            raise ServerError(f"{self} is already running")
        self._check_installed()
        self._process.end_processes()
        (self._process.prepare_directory() / "data").mkdir(exist_ok=True)
        self.configure()
        configuration = self.directory / "zoo.cfg"
        self._process.launch(
            ["java", *self.java_options, "-cp", self.classpath, MAIN_CLASS, configuration]
        )

    def configure(self) -> None:
        """Write the files that the server reads."""
        lines = {"dataDir": str(self.directory / "data"), **self.settings}
        content = "".join(f"{key}={value}\n" for key, value in lines.items())
        for name, text in {"zoo.cfg": content, **self.files}.items():
            (self.directory / name).write_text(text)

    def wait_until_serving(self) -> None:
        """Return when the server serves; raise ServerError when it ends, or takes too long."""
        give_up_at = time.monotonic() + stretched(SECONDS_TO_START)
        while not self._is_serving():
            if not self.is_running:
                raise ServerError(f"{self} ended while it started\n{self.log_tail()}")
            if time.monotonic() > give_up_at:
                raise ServerError(f"{self} does not serve\n{self.log_tail()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End the process by SIGKILL, paused or not; connections break, the data stays."""
        self._process.end_processes()

    def stop(self) -> None:
        """End the process by SIGTERM, as an administrator would."""
        java = self._process.running
        if java is not None:
            java.terminate()
            java.send_signal(signal.SIGCONT)  # a paused process does not hear the other one
            try:
                java.wait(stretched(SECONDS_TO_STOP))
            except subprocess.TimeoutExpired as slow:
                raise ServerError(f"{self} does not stop\n{self.log_tail()}") from slow
            finally:
                self.kill()

    def restart(self) -> None:
        """Stop and start: sessions and data survive."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process by SIGSTOP: it can still be connected to, but answers nobody."""
        self._signal(signal.SIGSTOP)
        # The signal is only sent by now: a thread on another processor may still be running.
        wait_until(lambda: self.is_paused, SECONDS_TO_STOP, "it is paused")

    def resume(self) -> None:
        """End a pause, if there is one."""
        self._signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Forget all data, sessions and zxids; only while not running."""
        if self.is_running:
            raise ServerError(f"{self} is running: stop it before its data goes")
        directory = self._process.directory
        if directory is not None:
            shutil.rmtree(directory / "data", ignore_errors=True)

    def close(self) -> None:
        """Kill the process and remove every trace of it."""
        self._process.remove()

    # What it says and does

    def words(self, command: bytes, patience: float = 5.0) -> str:
        """Give the answer to a four-letter word such as b'mntr'."""
        with socket.create_connection((LOOPBACK, self.port), stretched(patience)) as connection:
            connection.sendall(command)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    @property
    def mode(self) -> str | None:
        """What it serves as, such as "standalone" or "follower"; None while it does not serve."""
        if not self.is_running or self.is_paused:
            return None
        try:
            answer = self.words(b"srvr", patience=0.2)
        except OSError:
            return None
        _, found, mode = answer.partition("Mode: ")
        return mode.splitlines()[0] if found else None

    def expire(self, session_id: int, password: bytes) -> None:
        """End a session from outside; return when it is over.

        Its owner sees what expiry looks like: the connection ends, re-attaching is refused.
        """
        end_session(self.port, session_id, password)

    def log_tail(self, lines: int = 30) -> str:
        """Give the last lines that the server logged, over all its starts."""
        log = self.log
        if log is None or not log.exists():
            return "(no log)"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if not self.is_running:
            raise ServerError(f"{self} is not running")
        assert self._process.running is not None
        self._process.running.send_signal(number)

    def _check_installed(self) -> None:
        places = [place.removesuffix("/*") for place in self.classpath.split(":")]
        missing = [place for place in places if place and not Path(place).exists()]
        if shutil.which("java") is None:
            missing.append("java")
        if missing:
            raise ServerError(
                f"not found: {', '.join(missing)}; `.ci/install-zookeeper` and its like install them"
            )

    def _is_serving(self) -> bool:
        try:
            # One that is just starting may accept a connection and never answer it.
            is_serving = self.mode is not None
            # Another server may have taken the port while ours was down: what ours serves lies in our folder.
            return is_serving and str(self.directory) in self.words(b"conf", patience=0.2)
        except OSError:
            return False
