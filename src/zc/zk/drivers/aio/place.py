"""Which event loop runs here, in the thread that asks."""

import asyncio

from zc.zk.errors import UsageError


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs here; raises `UsageError` where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError("no event loop runs in this thread: call from a task") from None


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether it is this loop that runs here."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def require_here(loop: asyncio.AbstractEventLoop) -> None:
    """Raise `UsageError` where this loop does not run."""
    if running_loop() is not loop:
        raise UsageError("this client belongs to another event loop: use one for each")
