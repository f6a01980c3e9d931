"""Tell which threads, sockets and child processes exist, and which a test has left behind."""

import os
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until

PROCESSES = Path("/proc")
DESCRIPTORS = Path("/proc/self/fd")
SECONDS_TO_GO_AWAY = 2.0


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the process has at one moment; sockets are named by the system's `socket:[inode]`."""

    threads: frozenset[threading.Thread]
    sockets: frozenset[str]
    children: frozenset[int]


class LeakGuard:
    """Compares what the process has before and after a test."""

    def __init__(self) -> None:
        self._exempt: list[Callable[[], Collection[int]]] = []

    def exempt(self, processes: Callable[[], Collection[int]]) -> None:
        """Allow child processes that outlive tests; `processes` gives their ids when asked."""
        self._exempt.append(processes)

    def look(self) -> Belongings:
        """Give what the process has now."""
        return Belongings(
            frozenset(threading.enumerate()), frozenset(_sockets()), frozenset(_children())
        )

    def leaks_since(self, before: Belongings) -> list[str]:
        """Describe what is here now and was not before."""
        now = self.look()
        sockets = _sockets()
        exempt = {process for processes in self._exempt for process in processes()}
        return [
            *(f"thread {thread.name!r}" for thread in now.threads - before.threads),
            *(_describe_socket(sockets[name]) for name in sockets.keys() - before.sockets),
            *(_describe_process(child) for child in now.children - before.children - exempt),
        ]

    def check(self, before: Belongings, bound: float = SECONDS_TO_GO_AWAY) -> None:
        """Fail unless everything new is gone within `bound` seconds."""
        try:
            wait_until(lambda: not self.leaks_since(before), bound)
        except AssertionError:
            if leaks := self.leaks_since(before):
                raise AssertionError(f"left behind: {'; '.join(sorted(leaks))}") from None


def is_alive(process: int) -> bool:
    """Tell whether a process that is not our child runs; an ended one may still have a number."""
    try:
        status = (PROCESSES / str(process) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _sockets() -> dict[str, int]:
    """Give the descriptor of each open socket by the system's name for it."""
    found = {}
    for descriptor in DESCRIPTORS.iterdir():
        try:
            name = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # it was the one that listed the directory, or was closed just now
        if name.startswith("socket:"):
            found[name] = int(descriptor.name)
    return found


def _describe_socket(descriptor: int) -> str:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return f"socket {descriptor} from {_local(copy)} to {_remote(copy)}"
    except OSError:
        return f"socket {descriptor}"


def _local(sock: socket.socket) -> str:
    return str(sock.getsockname() or "nowhere")


def _remote(sock: socket.socket) -> str:
    try:
        return str(sock.getpeername() or "nowhere")
    except OSError:
        return "nowhere"


def _children() -> list[int]:
    """Give the ids of our child processes, ended ones that nobody has waited for included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # looks, and changes nothing
    except ChildProcessError:
        return []  # the common case, and told thirty times as fast as by reading /proc
    return [process for process in _all_processes() if _parent(process) == os.getpid()]


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdecimal()]


def _parent(process: int) -> int | None:
    try:
        status = (PROCESSES / str(process) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name of the program stands in parentheses, and may contain some.
    return int(status.rpartition(")")[2].split()[1])


def _describe_process(process: int) -> str:
    try:
        command = (PROCESSES / str(process) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return f"process {process}"
    words = command.decode(errors="replace").rstrip("\0").replace("\0", " ")
    return f"process {process} ({words[:100] or 'ended, but not waited for'})"
