"""Lets the callbacks of live nodes be coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from zc.zk.drivers.following import Following

Work = TypeVar("Work", bound=Coroutine[Any, Any, Any])


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


def named_as(answer: Coroutine[Any, Any, Any], work: Work) -> Work:
    """Give a coroutine of ours the name of the user's that it awaits."""
    work.__qualname__ = getattr(answer, "__qualname__", repr(answer))  # type: ignore[attr-defined]  # it has one
    return work
