"""What shows live nodes on an event loop: many at a time, with callbacks that may be coroutine functions."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
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
            self._driver.callbacks.post(self, _Begun(first, answer))
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


class _Begun:
    """What a first call has left to be awaited; in the log it goes by that call."""

    __slots__ = ("_call", "_rest")

    def __init__(self, call: Callable[[], object], rest: Coroutine[Any, Any, Any]) -> None:
        self._call = call
        self._rest = rest

    def __call__(self) -> Coroutine[Any, Any, Any]:
        return self._rest

    def __repr__(self) -> str:
        return repr(self._call)


def named_as(answer: Coroutine[Any, Any, Any], work: Work) -> Work:
    """Give a coroutine of ours the name of the user's that it awaits."""
    work.__qualname__ = getattr(answer, "__qualname__", repr(answer))  # type: ignore[attr-defined]  # it has one
    return work
