"""The subjects on an event loop: a bare protocol, zc.zk.aio and aiozk, as a user would write it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import aiozk

import zc.zk.aio
from bench.cutting import cut_connections
from bench.probe import Held, Probe
from bench.stage import children_path
from bench.tally import Tally
from bench.tasks import DATA_SIZE, FOLLOWING, NODES
from tests import wire
from tests.wire import Opcode

_TIMEOUT = 30.0  # seconds of session: nobody loses one who does not mean to


class OnLoop:
    """What they share: a loop that runs while something is asked for."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # Any: of whatever type
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: what that call takes
        """Make the list of paths."""
        return [f"{NODES}/node"] * count

    def get_serially(self, paths: list[Any]) -> None:
        """Get the nodes, one after the other."""
        self.run(self._get_serially(paths))

    def get_in_flight(self, paths: list[Any]) -> None:
        """Ask for all nodes, and then look at the answers."""
        self.run(self._get_in_flight(paths))

    async def _get_serially(self, paths: list[Any]) -> None:
        raise NotImplementedError

    async def _get_in_flight(self, paths: list[Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """End the session."""
        self.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        raise NotImplementedError


class ZcZkAio(OnLoop):
    """zc.zk.aio. What it does with live objects is watched: `held` says how long the loop was held meanwhile."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._lives: dict[str, zc.zk.aio.Children] = {}
        self._mark = ""
        self._reads = 0
        self.run(self._open())

    async def _open(self) -> None:
        self._client = zc.zk.aio.Client(f"127.0.0.1:{self._port}", _TIMEOUT, operation_timeout=300)
        await self._client.start()
        self._registry = await zc.zk.aio.ZooKeeper(self._client)
        self._is_complete = asyncio.Event()
        self._tally = Tally(self._is_complete)

    @property
    def client_id(self) -> tuple[int, bytes]:
        """The session's id and password."""
        identity = self._client.client_id
        assert identity is not None
        return identity

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: what that call takes
        """Make the list of paths."""
        if call in FOLLOWING:
            return list(map(children_path, range(count)))
        return super().prepare(call, count, mark)

    async def _get_serially(self, paths: list[Any]) -> None:
        for path in paths:
            await self._client.get(path)

    async def _get_in_flight(self, paths: list[Any]) -> None:
        for result in [self._client.get_async(path) for path in paths]:
            await result

    # --- live objects

    def watch_together(self, paths: list[str]) -> None:
        """Make a live object for each node, all at once, with a callback."""
        self.run(self._watch(paths))

    def watch_and_read(self, paths: list[str]) -> None:
        """Do the same, and after a cut ask for twice as many gets as well."""
        self._reads = 2 * len(paths)
        self.watch_together(paths)

    async def _watch(self, paths: list[str]) -> None:
        with Probe() as self._probe:
            self._lives = await self._registry.children_of(paths)
        assert list(self._lives) == paths, "other nodes are shown"
        assert all(len(each) == 1 for each in self._lives.values()), "other names are shown"
        for number, children in enumerate(self._lives.values()):
            children(self._seer(number))

    def _seer(self, number: int) -> Callable[[zc.zk.aio.Children], None]:
        def changed(children: zc.zk.aio.Children) -> None:
            self._tally.see_children(number, children.data)

        return changed

    def expect(self, mark: str) -> None:
        """From now on wait for each node to show the mark."""
        self._mark = mark
        self._tally.expect(mark, len(self._lives))

    def wait_until_current(self) -> None:
        """Return when each does."""
        self.run(self._wait_until_current())

    async def _wait_until_current(self) -> None:
        # To ask is the caller's own work, and holds the loop for as long as he likes; what comes of it is ours.
        reads = [self._client.get_async(f"{NODES}/node") for _ in range(self._reads)]
        with Probe() as self._probe:
            await asyncio.wait_for(self._is_complete.wait(), 300)
            data = [(await read)[0] for read in reads]
        assert data == [b"x" * DATA_SIZE] * self._reads, "something else was read"

    recover = wait_until_current

    def cut(self) -> None:
        """End the connection."""
        cut_connections(self._port)

    def held(self, seconds: float) -> tuple[Held, Held]:
        """Check what the objects show; say how long the loop was held, and how long it is in so many idle seconds."""
        if self._mark:
            assert all(each.data == [self._mark] for each in self._lives.values()), "not current"
        held = self._probe.held
        self.run(self._idle(seconds))
        return held, self._probe.held

    async def _idle(self, seconds: float) -> None:
        with Probe() as self._probe:
            await asyncio.sleep(seconds)

    async def _close(self) -> None:
        await self._registry.close()
        await self._client.stop()


class AioZk(OnLoop):
    """aiozk."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.run(self._open(port))

    async def _open(self, port: int) -> None:
        self._client = aiozk.ZKClient(f"127.0.0.1:{port}", session_timeout=_TIMEOUT)
        await self._client.start()

    async def _get_serially(self, paths: list[Any]) -> None:
        for path in paths:
            await self._client.get(path)

    async def _get_in_flight(self, paths: list[Any]) -> None:
        await asyncio.gather(*(self._client.get(path) for path in paths))

    async def _close(self) -> None:
        await self._client.close()


class BareAio(OnLoop):
    """The least that anybody can do on a loop: requests made beforehand, replies counted and not looked at."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.run(self._open(port))

    async def _open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        _, self._protocol = await loop.create_connection(_Bare, "127.0.0.1", port)
        await self._protocol.ask(wire.connect_request(0, wire.NO_PASSWORD, _TIMEOUT), 1)

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: bytes
        """Make the requests."""
        body = wire.path_watch_body(f"{NODES}/node")
        return [wire.request(xid, Opcode.GET_DATA, body) for xid in range(1, count + 1)]

    async def _get_serially(self, paths: list[Any]) -> None:
        for request in paths:
            await self._protocol.ask(request, 1)

    async def _get_in_flight(self, paths: list[Any]) -> None:
        await self._protocol.ask(b"".join(paths), len(paths))

    async def _close(self) -> None:
        await self._protocol.ask(wire.request(1, Opcode.CLOSE_SESSION), 1)
        self._protocol.close()


class _Bare(asyncio.Protocol):
    """Sends, and counts the frames that come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        self._left = 0
        self._done: asyncio.Future[None] | None = None

    def ask(self, data: bytes, count: int) -> "asyncio.Future[None]":
        """Send requests; return what is done when so many replies have come."""
        self._left = count
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._done

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        begin, size = 0, len(data)
        while size - begin >= 4:
            end = begin + 4 + int.from_bytes(data[begin : begin + 4])
            if end > size:
                break
            self._left -= 1
            begin = end
        self._rest = data[begin:]
        if self._left <= 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()
