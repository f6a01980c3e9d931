"""A process of the demo: it is told things a line at a time, says things a line at a time, and never stays behind."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from zc.zk.errors import ZooKeeperError

_PATIENCE = 5.0  # seconds for anything that is waited for
_SECONDS_TO_LEAVE = 3.0


class DemoError(ZooKeeperError):
    """Something in the demo did not happen."""


class Process:
    """A role of the demo in a process of its own; a context manager, which ends it."""

    def __init__(self, role: str, *arguments: str) -> None:
        self._role = role
        # -u: lines are seen when they are printed. A group of its own: ^C is for the demo to handle.
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "zc.zk.cli.demo_roles", role, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.leave()
        finally:
            self.kill()
            assert self._process.stdout is not None  # noqa: S101 (tells the type checker)
            self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (tells the type checker)
        for line in self._process.stdout:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    def ask(self) -> str:
        """Have it answer with a line."""
        assert self._process.stdin is not None  # noqa: S101 (tells the type checker)
        with suppress(BrokenPipeError):  # then there is no answer to hear
            print(file=self._process.stdin, flush=True)
        return self.hear()

    def hear(self) -> str:
        """Return the next line that it says; raises `DemoError` when none comes in time."""
        return self.hear_until(lambda _: True)

    def hear_until(
        self,
        is_it: Callable[[str], bool],
        show: Callable[[str], None] = lambda _: None,
        seconds: float = _PATIENCE,
    ) -> str:
        """Show the lines that it says, up to the one waited for, and return that."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise DemoError(
                    f"the {self._role} did not say what it should in {seconds:g} s"
                ) from None
            if line is None:
                raise DemoError(f"the {self._role} has ended before its time")
            show(line)
            if is_it(line):
                return line

    def finish(self) -> None:
        """Wait until its work is done; raises `DemoError` when it failed or takes too long."""
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"the {self._role} takes more than {_PATIENCE:g} s") from error
        if code:
            raise DemoError(f"the {self._role} failed with code {code}")

    def leave(self) -> None:
        """Let it end by itself: every role does at the end of its input."""
        assert self._process.stdin is not None  # noqa: S101 (tells the type checker)
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_LEAVE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash does, and return when it is gone."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
