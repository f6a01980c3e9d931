"""Lets the callbacks of live nodes be coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from zc.zk.drivers.following import Following
from zc.zk.errors import UsageError

Work = TypeVar("Work", bound=Coroutine[Any, Any, Any])


class Awaiting(Following):
    """A live object whose callbacks may be coroutine functions: the first call of one is made soon, not at once."""

    __slots__ = ()

    def follow(self, first: Callable[[], object]) -> object:
        answer = super().follow(first)
        if asyncio.iscoroutine(answer):
            self._driver.callbacks.post(self, partial(_same, answer))
        return None

    def _learn(self, client: Any) -> None:
        if not self._live.is_known:
            name = type(self).__name__
            raise UsageError(f"{name} cannot wait for its node: await the method that makes one")


def _same(answer: Work) -> Work:
    return answer


def named_as(answer: Coroutine[Any, Any, Any], work: Work) -> Work:
    """Give a coroutine of ours the name of the user's that it awaits."""
    work.__qualname__ = getattr(answer, "__qualname__", repr(answer))  # type: ignore[attr-defined]  # it has one
    return work
