"""Keeps who is measured, and who is not, on processors of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

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
