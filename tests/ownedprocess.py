"""Own a process with its folder, so that both go when the tests do, however those end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# Reads until the tests are gone, however they went, and then takes the process with them.
REMOVE_AT_END_OF_INPUT = 'read _; kill -KILL "$0"; rm -rf "$1"'


class OwnedProcess:
    """A process and the folder it runs in, which outlives it until `remove`.

    It keeps no reference to whoever uses it, who can thus have it removed when collected.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.directory: Path | None = None
        self.running: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    @property
    def log(self) -> Path | None:
        """The file with all that the process has said over all its starts."""
        return self.directory and self.directory / "server.log"

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the processes that run now."""
        known = (self.running, self._watcher)
        return frozenset(process.pid for process in known if process is not None)

    def prepare_directory(self) -> Path:
        """Make the folder where it is missing; give it."""
        if self.directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix=self._prefix))
        return self.directory

    def launch(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a command in the folder, with these environment variables besides ours."""
        assert self.log is not None
        with self.log.open("ab") as log:
            # A session of its own: ^C at the tests is theirs to handle.
            self.running = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        # PR_SET_PDEATHSIG would do this too, but it fires when the thread that started us ends.
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", REMOVE_AT_END_OF_INPUT, str(self.running.pid), str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # not ours: whoever reads our output would wait for it, too
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end_processes(self) -> None:
        """Kill what runs; the folder stays."""
        # The watcher first: while it lives it could kill whoever gets the process id next.
        for process in (self._watcher, self.running):
            if process is not None:
                process.kill()
                process.wait()
                if process.stdin is not None:
                    process.stdin.close()
        self._watcher = self.running = None

    def remove(self) -> None:
        """End and delete everything; do nothing in a forked child, whose parent still needs it."""
        if os.getpid() != self._owner:
            return
        self.end_processes()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None
