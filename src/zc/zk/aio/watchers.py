"""Functions, or coroutine functions, called with a node's data, or its children, now and after each change."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from zc.zk import paths
from zc.zk.aio.awaiting import Awaiting, named_as, shown
from zc.zk.protocol.live import LiveChildren, LiveData
from zc.zk.recipes import watchers
from zc.zk.recipes.watchers import Function, NodeWatch

if TYPE_CHECKING:
    from zc.zk.aio.client import Client


class _AwaitingWatch(Awaiting, NodeWatch):
    """What the two kinds share."""

    __slots__ = ()

    def _heard(self, answer: object) -> object:
        if asyncio.iscoroutine(answer):
            return named_as(answer, self._hear(answer))
        return super()._heard(answer)

    async def _hear(self, answer: Coroutine[Any, Any, object]) -> None:
        super()._heard(await answer)


class DataWatch(_AwaitingWatch, watchers.DataWatch):
    """As `zc.zk.DataWatch`; the function may be a coroutine function, and stops it by returning False, too."""

    __slots__ = ()


class ChildrenWatch(_AwaitingWatch, watchers.ChildrenWatch):
    """As `zc.zk.ChildrenWatch`; the function may be a coroutine function, and stops it by returning False, too."""

    __slots__ = ()


async def data_watch(client: "Client", path: str, function: Function | None) -> DataWatch:
    """Return a watch that knows its node."""
    watch_live = LiveData(client.driver.session, paths.validate(path))
    async with client.kept([watch_live]):
        return DataWatch(client, path, function, watch_live)


async def children_watch(
    client: "Client",
    path: str,
    function: Function | None,
    allow_session_lost: bool,
    send_event: bool,
) -> ChildrenWatch:
    """Return a watch that knows its node."""
    live = LiveChildren(client.driver.session, paths.validate(path))
    async with client.kept([live]):
        return ChildrenWatch(client, path, function, allow_session_lost, send_event, live)


async def watch_data(
    client: "Client", functions: Mapping[str, Callable[..., object]]
) -> dict[str, DataWatch]:
    """Make a `DataWatch` of each path with its function; all the nodes are read at once."""
    given = dict(functions)
    return await shown(
        client, given, LiveData, lambda live: DataWatch(client, live.path, given[live.path], live)
    )
