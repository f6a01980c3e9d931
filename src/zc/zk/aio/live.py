"""Live objects on an event loop: callbacks may be coroutine functions, and changes can be iterated over."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from zc.zk.aio.awaiting import Awaiting, named_as, shown
from zc.zk.aio.documented import documented
from zc.zk.drivers.aio.future import LoopBells
from zc.zk.errors import ArgumentTypeError, UsageError
from zc.zk.protocol.live import LiveChildren, LiveData
from zc.zk.registry import live
from zc.zk.registry.live import Callback, LiveObject, ShownProperties
from zc.zk.registry.properties import Data, change, encode, merged

if TYPE_CHECKING:
    from zc.zk.aio.client import Client


class _AwaitingObject(Awaiting, LiveObject):
    """What children and properties share."""

    __slots__ = ()
    _client: "Client"

    def _call(self, callback: Callback) -> object:
        with self._client.driver.callbacks.timed(callback.function):
            return super()._call(callback)

    def _join(self, answers: Sequence[tuple[Callback, object]]) -> object:
        works = [(callback, each) for callback, each in answers if asyncio.iscoroutine(each)]
        return named_as(works[0][1], self._hear(works)) if works else None

    async def _hear(self, works: Sequence[tuple[Callback, Coroutine[Any, Any, object]]]) -> None:
        try:
            for callback, work in works:
                with self._judging(callback):
                    await work
        finally:
            for _, work in works:
                work.close()  # those that have not begun when this is cancelled

    @contextmanager
    def _judging(self, callback: Callback) -> Iterator[None]:
        try:
            with super()._judging(callback):
                yield
        except (asyncio.CancelledError, SystemExit) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._failed(callback, error)  # what it asked for was cancelled, it was not itself

    async def _changed_until_closed(self) -> AsyncGenerator[None, None]:
        live, driver = self._live, self._client.driver
        driver.require_own_place()
        if not driver.is_running:
            return
        bells, shown, is_over = LoopBells(), -1, False

        def is_due() -> bool:
            return is_over or live.changes != shown

        def end() -> None:
            nonlocal is_over
            is_over = True
            bells.ring()

        self._bells += (bells,)
        self.go_on_following()
        driver.at_end.add(end)
        try:
            while True:
                await bells.wait_for(is_due)
                if live.changes == shown:
                    return
                shown = live.changes
                yield
        finally:
            driver.at_end.discard(end)
            self._bells = tuple(each for each in self._bells if each is not bells)
            self._unfollow_if_idle()


class Children(_AwaitingObject, live.Children):
    """The names of a node's children, always as they are now; see `zc.zk.Children`.

    Callbacks may be coroutine functions. Also to be iterated over: `async for names in children.changes()`.
    """

    __slots__ = ()

    async def changes(self) -> AsyncGenerator[list[str], None]:
        """Yield the names now and after each change, until the client is stopped or begins anew.

        Changes that come while nobody waits for one make one more, with the latest state: that is never missed. While
        the node is deleted there are none. May be iterated over in a callback, too.
        """
        async with aclosing(self._changed_until_closed()) as changed:
            async for _ in changed:
                yield self.data


@documented(live.Properties)
class Properties(_AwaitingObject, ShownProperties):
    """A node's properties, always as they are now; see `zc.zk.Properties`.

    To write them, `await` their `set` and `update`. Callbacks may be coroutine functions. Also to be iterated over:
    `async for properties in service.changes()`.
    """

    __slots__ = ()

    async def changes(self) -> AsyncGenerator[Data, None]:
        """Yield the properties now and after each change, until the client is stopped or begins anew.

        Changes that come while nobody waits for one make one more, with the latest state: that is never missed. While
        the node is deleted there are none. May be iterated over in a callback, too.
        """
        if not self._is_watching:
            msg = "Can't iterate over changes without watching."
            raise ArgumentTypeError(msg)
        async with aclosing(self._changed_until_closed()) as changed:
            async for _ in changed:
                yield self.data

    async def set(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        new = merged(data, properties)
        encode(new)
        await self._change(lambda _: new)

    async def update(self, data: Mapping[str, Any] | None = None, /, **properties: Any) -> None:
        new = merged(data, properties)
        encode(new)
        await self._change(lambda old: {**old, **new})

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        raise UsageError("an assignment cannot be awaited: await update() instead")

    async def _change(self, apply: Callable[[Data], Data]) -> None:
        self.wrote(*await self._client.run(change(self.path, apply)))


async def children_of(client: "Client", nodes: Iterable[str]) -> dict[str, Children]:
    """Return the live children of many nodes, all read at once."""
    return await shown(client, nodes, LiveChildren, lambda live: Children(client, live.path, live))


async def properties_of(client: "Client", nodes: Iterable[str]) -> dict[str, Properties]:
    """Return the live properties of many nodes, all read at once."""
    return await shown(
        client, nodes, LiveData, lambda live: Properties(client, live.path, live=live)
    )
