"""Makes many things on an event loop without holding it up."""

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
SLICE = 0.002  # seconds after which others get their turn on the loop


async def made(make: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """Return what `make` gives for each thing; where that takes long, others have their turns in between."""
    results = []
    until = monotonic() + SLICE
    for thing in tuple(things):  # those others may change what the caller gave us
        if monotonic() >= until:
            await asyncio.sleep(0)
            until = monotonic() + SLICE
        results.append(make(thing))
    return results
