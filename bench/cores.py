"""Keeps who is measured, and who is not, on processors of their own."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Where the machine gives us one core alone, the load has to share it.
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, LOAD_CORES = set(_CORES[:1]), set(_CORES[1:] or _CORES)


@contextmanager
def on_cores(numbers: set[int]) -> Iterator[None]:
    """Run on these cores; so do the processes that are started meanwhile, for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, numbers)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def apart(clients: Iterable[int], servers: Iterable[int]) -> Iterator[None]:
    """Run those processes, all their threads, on other cores than these."""
    clients, servers = tuple(clients), tuple(servers)
    _move(clients, LOAD_CORES)
    _move(servers, SERVER_CORES)
    try:
        yield
    finally:
        _move([*clients, *servers], set(_CORES))


def _move(processes: Iterable[int], numbers: set[int]) -> None:
    for process in processes:
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(int(thread.name), numbers)
