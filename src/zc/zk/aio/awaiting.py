"""What shows live nodes on an event loop: many at a time, with callbacks that may be coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from zc.zk import paths
from zc.zk.drivers.aio.turns import made
from zc.zk.drivers.following import Following
from zc.zk.errors import UsageError
from zc.zk.protocol.live import Live
from zc.zk.protocol.session import Session

if TYPE_CHECKING:
    from zc.zk.aio.client import Client

L = TypeVar("L", bound=Live)
S = TypeVar("S")
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


async def shown(
    client: "Client",
    nodes: Iterable[str],
    live_of: Callable[[Session, str], L],
    show: Callable[[L], S],
) -> dict[str, S]:
    """Return what `show` makes of each node's live state, when all have been read, at once."""
    session = client.driver.session
    lives = await made(lambda path: live_of(session, paths.validate(path)), nodes)
    async with client.kept(lives):
        objects = await made(show, lives)
    return {live.path: each for live, each in zip(lives, objects, strict=True)}


def _same(answer: Work) -> Work:
    return answer


def named_as(answer: Coroutine[Any, Any, Any], work: Work) -> Work:
    """Give a coroutine of ours the name of the user's that it awaits."""
    work.__qualname__ = getattr(answer, "__qualname__", repr(answer))  # type: ignore[attr-defined]  # it has one
    return work
