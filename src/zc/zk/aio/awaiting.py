"""Lets the callbacks of live nodes be coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from zc.zk.drivers.following import Following


class Awaiting(Following):
    """A live object whose callbacks may be coroutine functions: the first call of one is made soon, not at once."""

    __slots__ = ()

    def follow(self, first: Callable[[], object]) -> object:
        answer = super().follow(first)
        if asyncio.iscoroutine(answer):
            self._driver.callbacks.post(self, lambda: answer)
        return None


async def one_by_one(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await coroutines in their order."""
    for work in works:
        await work
