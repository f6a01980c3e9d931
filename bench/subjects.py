"""The two libraries, doing what is measured as a user would write it."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from kazoo.client import KazooClient

import zc.zk
from bench.bare import Bare
from bench.cutting import cut_connections
from bench.loops import AioZk, BareAio, ZcZkAio
from bench.stage import children_path, data_path
from bench.tally import Tally
from bench.tasks import DATA_SIZE, FOLLOWING, NODES, TRANSACTION

TIMEOUT = 30.0  # seconds of session: nobody loses one who does not mean to


class Subject(Protocol):
    """Who is measured. `prepare` is not timed; what it returns is given to the call."""

    @property
    def client_id(self) -> tuple[int, bytes]:
        """The session's id and password."""

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: what that call takes
        """Make ready what `call` is given."""

    def touch(self) -> None:
        """Ask for something small, so that what every session needs once is there."""

    def expect(self, mark: str) -> None:
        """From now on wait for each watched node to show the mark."""

    def wait_until_current(self) -> None:
        """Return when each does."""

    def cut(self) -> None:
        """End the connection, from outside the library."""

    def recover(self) -> None:
        """After a cut, return when each watched node shows the mark."""

    def close(self) -> None:
        """End the session."""


class Library:
    """A client library; both have the same names for what is done here."""

    def __init__(self, client: Any, port: int) -> None:  # Any: kazoo has no types
        self._client = client
        self._port = port
        self._is_complete = threading.Event()
        self._tally = Tally(self._is_complete)
        self._count = 0
        self._watches: list[Any] = []
        client.start()

    def close(self) -> None:
        """End the session."""
        self._client.stop()

    @property
    def client_id(self) -> tuple[int, bytes]:
        """The session's id and password."""
        session_id, password = self._client.client_id
        return session_id, password

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: what that call takes
        """Make the list of paths."""
        self._count = count
        if call in ("get_serially", "get_in_flight"):
            return [f"{NODES}/node"] * count
        if call in ("create_in_flight", "create_in_transactions"):
            return [f"{NODES}/ephemeral/{mark}-{number}" for number in range(count)]
        if call in FOLLOWING:
            return [children_path(number) for number in range(count)]
        return [data_path(number) for number in range(count)]

    def touch(self) -> None:
        """Ask for something small, so that what every session needs once is there."""
        self._client.exists("/")

    def get_serially(self, paths: list[str]) -> None:
        """Get the nodes, one after the other."""
        for path in paths:
            self._client.get(path)

    def get_in_flight(self, paths: list[str]) -> None:
        """Ask for all nodes, and then look at the answers."""
        for result in [self._client.get_async(path) for path in paths]:
            result.get()

    def create_in_flight(self, paths: list[str]) -> None:
        """Ask for all nodes to be created, and then look at the answers."""
        for result in [self._client.create_async(path, b"", ephemeral=True) for path in paths]:
            result.get()

    def create_in_transactions(self, paths: list[str]) -> None:
        """Create the nodes in transactions, one after the other."""
        for begin in range(0, len(paths), TRANSACTION):
            transaction = self._client.transaction()
            for path in paths[begin : begin + TRANSACTION]:
                transaction.create(path, b"", ephemeral=True)
            transaction.commit()

    def watch_data(self, paths: list[str]) -> None:
        """Set a live watch on each node's data."""
        for number, path in enumerate(paths):
            self._watches.append(self._watch_one(path, number))

    def watch_data_in_flight(self, paths: list[str]) -> None:
        """Set a live watch on each node's data, in as few round trips as the library can."""
        self.watch_data(paths)

    def watch_idly(self, paths: list[str]) -> None:
        """Set a live watch on each node's data, with one function for all: it is not to be weighed."""
        self._watches.extend(self._client.DataWatch(path, _ignore) for path in paths)

    def watch_all(self, paths: list[str]) -> None:
        """Be told of changes of each node by what needs least."""
        self.watch_idly(paths)

    def _watch_one(self, path: str, number: int) -> Any:  # Any: a watch
        return self._client.DataWatch(path, self._seer(number))

    def _seer(self, number: int) -> Callable[[bytes | None, object], None]:
        def changed(data: bytes | None, _stat: object) -> None:
            self._tally.see_data(number, data)

        return changed

    # --- following changes

    def expect(self, mark: str) -> None:
        """From now on wait for each watched node to show the mark."""
        self._tally.expect(mark, self._count)

    def wait_until_current(self) -> None:
        """Return when each watched node shows the mark."""
        assert self._is_complete.wait(300), "not current after 300 s"

    recover = wait_until_current

    def cut(self) -> None:
        """End the connection."""
        cut_connections(self._port)


def _ignore(*_: object) -> None:
    pass


class ZcZk(Library):
    """zc.zk."""

    def __init__(self, port: int) -> None:
        client = zc.zk.Client(f"127.0.0.1:{port}", TIMEOUT, operation_timeout=300)
        super().__init__(client, port)
        self._registry = zc.zk.ZooKeeper(client)
        self._reads = 0

    def watch_data_in_flight(self, paths: list[str]) -> None:
        """Set a live watch on each node's data, all read at once."""
        functions = {path: self._seer(number) for number, path in enumerate(paths)}
        self._watches.append(self._client.data_watches(functions))

    def watch_all(self, paths: list[str]) -> None:
        """Set one watch on all that is below the node above."""
        self._client.add_watch(NODES, _ignore, zc.zk.AddWatchMode.PERSISTENT_RECURSIVE)

    def watch_children(self, paths: list[str]) -> None:
        """Set a live object with a callback on each node."""
        for number, path in enumerate(paths):
            self._watches.append(self._follow(path, number))

    def _follow(self, path: str, number: int) -> Any:  # Any: a function
        return self._registry.children(path)(self._seer_of_children(number))

    def _seer_of_children(self, number: int) -> Callable[[zc.zk.Children], None]:
        def changed(children: zc.zk.Children) -> None:
            self._tally.see_children(number, children.data)

        return changed

    def watch_together(self, paths: list[str]) -> None:
        """Make a live object for each node, all at once, with a callback."""
        lives = self._registry.children_of(paths)
        for number, children in enumerate(lives.values()):
            children(self._seer_of_children(number))

    def watch_and_read(self, paths: list[str]) -> None:
        """Do the same, and after a cut ask for twice as many gets as well."""
        self._reads = 2 * len(paths)
        self.watch_together(paths)

    def recover(self) -> None:
        """After a cut, return when each watched node shows the mark, and what is asked for was read."""
        reads = [self._client.get_async(f"{NODES}/node") for _ in range(self._reads)]
        self.wait_until_current()
        assert all(read.get()[0] == b"x" * DATA_SIZE for read in reads), "something else was read"


class Kazoo(Library):
    """kazoo."""

    def __init__(self, port: int) -> None:
        super().__init__(KazooClient(f"127.0.0.1:{port}", TIMEOUT), port)

    def watch_children(self, paths: list[str]) -> None:
        """Set a ChildrenWatch on each node."""
        for number, path in enumerate(paths):
            self._watches.append(self._follow(path, number))

    def _follow(self, path: str, number: int) -> Any:  # Any: a watch
        def changed(names: list[str]) -> None:
            self._tally.see_children(number, names)

        return self._client.ChildrenWatch(path, changed)


MAKERS: dict[str, Callable[[int], Any]] = {  # Any: those on a loop do not do it all
    "zc.zk": ZcZk,
    "kazoo": Kazoo,
    "bare": Bare,
    "zc.zk.aio": ZcZkAio,
    "aiozk": AioZk,
    "bare.aio": BareAio,
}
