"""The asyncio face as a blocking one, so that one body of tests runs through both.

A loop runs in a thread of its own. What is awaited there is waited for here; what is called there at once, such as a
live object with its callback, is called in that thread.
"""

import asyncio
import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self

import pytest

from zc.zk import Client, ZooKeeper, aio
from zc.zk.aio.live import Children, Properties

FACES = ("threads", "asyncio")
only_threads = pytest.mark.parametrize("face", ["threads"], indirect=True)
_PATIENCE = (
    60.0  # seconds: everything has a bound of its own, and a test that hangs shall say where
)
_LIVE = (Children, Properties, aio.DataWatch, aio.ChildrenWatch)


class Loop:
    """An event loop in a thread."""

    def __init__(
        self, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self._new_loop = new_loop
        self._left: list[asyncio.AbstractEventLoop] = []  # a parent's, never to be closed here
        self.complaints: list[dict[str, Any]] = []
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._begun: set[asyncio.Task[None]] = set()
        self.loop = self._new_loop()
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        # A daemon: a program that fails in the middle ends all the same.
        self._thread = threading.Thread(target=self._run, name="test loop", daemon=True)
        self._thread.start()

    def _follow_fork(self) -> None:
        if self._process != os.getpid():  # a child has the loop without its thread
            self._left.append(self.loop)
            self._start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a coroutine; when the waiting is interrupted it is cancelled."""
        assert threading.current_thread() is not self._thread, "a callback cannot block its loop"
        self._follow_fork()
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(_PATIENCE)
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a function in the loop's thread, and wait for what it returns, as often as that has to be awaited."""
        if threading.current_thread() is self._thread:
            return function(*arguments, **named)

        async def do() -> Any:
            result = function(*arguments, **named)
            return await result if inspect.iscoroutine(result) else result

        return self.run(do())

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have a task for a coroutine, in the loop's thread."""
        task = self.loop.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks that run."""
        tasks: list[str] = self.call(
            lambda: sorted(
                task.get_name()
                for task in asyncio.all_tasks()
                if task is not asyncio.current_task() and not task.done()
            )
        )
        return tasks

    def close(self) -> None:
        """End the loop, which must have nothing left to do and nothing to complain of."""
        tasks = self.tasks
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        assert tasks == []
        assert self.complaints == []


class Pending:
    """A future of the loop's, as `zc.zk` gives results."""

    def __init__(self, loop: Loop, future: "asyncio.Future[Any]") -> None:
        self._loop = loop
        self._future = future

    def get(self, block: Any = True, timeout: float | None = None) -> Any:
        async def wait() -> Any:
            return await asyncio.wait_for(asyncio.shield(self._future), timeout)

        return self._loop.run(wait())

    result = get

    def wait(self, timeout: float | None = None) -> bool:
        async def done() -> bool:
            await asyncio.wait((self._future,), timeout=timeout)
            return self._future.done()

        is_done: bool = self._loop.run(done())
        return is_done

    def successful(self) -> bool:
        return self.ready and self._future.exception() is None

    @property
    def ready(self) -> bool:
        return self._future.done()

    @property
    def exception(self) -> BaseException | None:
        return self._future.exception() if self.ready else None

    @property
    def value(self) -> Any:
        return self._future.result() if self.successful() else None

    def rawlink(self, callback: Callable[["Pending"], object]) -> None:
        def call(_: object) -> None:
            answer = callback(self)
            if inspect.iscoroutine(answer):  # asyncio itself calls functions only
                self._loop.begin(answer)

        self._loop.call(self._future.add_done_callback, call)


class Blocking:
    """Something of `zc.zk.aio`, used from another thread than its loop's."""

    def __init__(self, loop: Loop, own: Any) -> None:
        vars(self).update(_loop=loop, _own=own)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._own, name)
        if callable(value) and not inspect.isclass(value):
            return lambda *arguments, **named: self._shown(
                self._loop.call(value, *arguments, **named)
            )
        return self._shown(value)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._own, name, value)

    def _shown(self, result: Any) -> Any:
        if isinstance(result, asyncio.Future):
            return Pending(self._loop, result)
        if isinstance(result, dict) and any(isinstance(each, _LIVE) for each in result.values()):
            return {key: BlockingLive(self._loop, each) for key, each in result.items()}
        if isinstance(result, _LIVE):
            return BlockingLive(self._loop, result)
        if isinstance(result, aio.Client | aio.Transaction | aio.RegisteredServer | aio.Retry):
            return Blocking(self._loop, result)
        return result

    def __enter__(self) -> Self:
        self._loop.call(self._own.__aenter__)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call(self._own.__aexit__, *error)

    def __repr__(self) -> str:
        return repr(self._own)

    @property  # type: ignore[misc]  # what `isinstance` asks
    def __class__(self) -> type:
        return type(self._own)


def own(shown: Any) -> Any:
    """Give what callbacks use on their loop, where a test is shown something of the asyncio face as a blocking one."""
    return vars(shown)["_own"] if isinstance(shown, Blocking) else shown


class BlockingLive(Blocking):
    """A live object."""

    def __call__(self, callback: Callable[..., Any]) -> Any:
        if not callable(callback):
            return self._own(callback)  # raises

        self._loop.call(self._own, self._shower(callback))
        return callback

    def _shower(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        showers: dict[Any, Any] = vars(self).setdefault("_showers", {})
        if callback in showers:
            return showers[callback]  # type: ignore[no-any-return]

        @functools.wraps(callback)
        def call(*arguments: Any) -> Any:
            return callback(*(self if each is self._own else each for each in arguments))

        showers[callback] = call
        return call

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def __contains__(self, name: object) -> bool:
        return name in self._own

    def __getitem__(self, name: str) -> Any:
        return self._own[name]

    def __eq__(self, other: object) -> bool:
        return bool(self._own == (other._own if isinstance(other, BlockingLive) else other))

    def __hash__(self) -> int:
        return hash(self._own)

    def keys(self) -> Any:
        return self._own.keys()


class Factory:
    """Makes clients and registries of the asyncio face, each with a loop of its own, and closes the loops."""

    def __init__(self) -> None:
        self._loops: list[Loop] = []
        self._shared: Loop | None = None

    def client(self, *arguments: Any, **options: Any) -> Any:
        """Make a client, as `zc.zk.Client` does."""
        return Blocking(self._new_loop(), aio.Client(*arguments, **options))

    def registry(self, *arguments: Any, **options: Any) -> Any:
        """Make a registry that is connected, as `zc.zk.ZooKeeper` does."""
        loops = [vars(each)["_loop"] for each in arguments if isinstance(each, Blocking)]
        loop = loops[0] if loops else self._new_loop()
        registry = aio.ZooKeeper(*map(own, arguments), **options)
        loop.call(registry.__aenter__)
        return Connected(loop, registry)

    @contextlib.contextmanager
    def one_loop(self) -> Iterator[None]:
        """Have all that is made meanwhile live on one loop."""
        self._shared = self._new_loop()
        yield
        self._shared = None

    def _new_loop(self) -> Loop:
        if self._shared is not None:
            return self._shared
        self._loops.append(Loop())
        return self._loops[-1]

    def close(self) -> None:
        """Close the loops."""
        for loop in self._loops:
            loop.close()


class Connected(Blocking):
    """A registry that was entered already."""

    def __enter__(self) -> Self:
        return self


@contextlib.contextmanager
def client_of(face: str, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Give a started client of a face; Any: of either."""
    with contextlib.closing(Factory()) as factory:
        make = Client if face == "threads" else factory.client
        with make(*arguments, **options) as client:
            yield client


@contextlib.contextmanager
def registry_of(face: str, *arguments: Any, **options: Any) -> Iterator[Any]:
    """Give a connected registry of a face; Any: of either."""
    with contextlib.closing(Factory()) as factory:
        make = ZooKeeper if face == "threads" else factory.registry
        with make(*arguments, **options) as registry:
            yield registry
