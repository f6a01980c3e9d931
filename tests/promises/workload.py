"""Have clients read and write at random, and remember what each call came to."""

import random
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from tests import history
from tests.history import Call, Kind, Outcome
from zc.zk import AsyncResult, Client, NetworkError, NodeExistsError, NoNodeError, ServerError, Stat

SHARED = 4  # nodes that all write to
MADE = 3  # nodes that all create others under
MOST_OF_OWN = 20  # nodes that a client leaves standing


class Worker:
    """One client, one thread, and the history of its calls; everything happens below `root`."""

    def __init__(self, client: Client, root: str, number: int, seed: int) -> None:
        self.history = history.Client(f"client {number}")
        self._client = client
        self._root = root
        self._number = number
        self._chance = random.Random(seed)
        self._writes = 0
        self._own: list[str] = []
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the call at hand; raise what should not have happened."""
        self._is_over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def prepare(self) -> None:
        """Create what all share."""
        self._write(Kind.CREATE, self._root, self._data())
        for number in range(SHARED):
            self._write(Kind.CREATE, f"{self._root}/shared-{number}", self._data())
        for number in range(MADE):
            self._write(Kind.CREATE, f"{self._root}/made-{number}", self._data())

    # --- in the worker's thread

    def _work(self) -> None:
        steps = {
            self._get: 25,
            self._get_what_may_be_gone: 10,
            self._children: 10,
            self._set: 10,
            self._compare_and_set: 20,
            self._several_at_once: 3,
            self._create: 12,
            self._delete: 10,
        }
        try:
            while not self._is_over.is_set():
                (step,) = self._chance.choices(list(steps), list(steps.values()))
                step()
        except BaseException as error:  # noqa: BLE001 (told by `stop`)
            self._failure = error

    def _shared(self) -> str:
        return f"{self._root}/shared-{self._chance.randrange(SHARED)}"

    def _data(self) -> bytes:
        self._writes += 1
        return b"%d-%d" % (self._number, self._writes)

    def _get(self) -> None:
        self._read(self._shared())

    def _get_what_may_be_gone(self) -> None:
        if self._own:
            self._read(self._chance.choice(self._own))

    def _children(self) -> None:
        path = f"{self._root}/made-{self._chance.randrange(MADE)}"

        def ask() -> dict[str, Any]:
            names, stat = self._client.get_children(path, include_data=True)
            # That of the node's own creation until there is a child.
            zxid = stat.pzxid if stat.pzxid != stat.czxid else None
            return {"children": frozenset(names), "zxid": zxid}

        self._call(Kind.CHILDREN, path, ask)

    def _set(self) -> None:
        self._write(Kind.SET, self._shared(), self._data(), expected=-1)

    def _compare_and_set(self) -> None:
        path = self._shared()
        version = self._read(path)
        if version is not None:
            self._write(Kind.SET, path, self._data(), expected=version)

    def _several_at_once(self) -> None:
        path = self._shared()
        asked = []
        for _ in range(5):
            data, began_at = self._data(), monotonic()
            asked.append((data, began_at, self._client.set_async(path, data)))
        for data, began_at, result in asked:

            def get(result: AsyncResult[Stat] = result) -> dict[str, Any]:
                # Later ones may have been answered by now: what the client has seen says nothing of this one.
                return {**status(result.get()), "seen": 0}

            self._note(Kind.SET, path, get, began_at, data, -1)

    def _create(self) -> None:
        data = self._data()
        path = f"{self._root}/made-{self._chance.randrange(MADE)}/{data.decode()}"
        self._write(Kind.CREATE, path, data, is_ephemeral=self._chance.random() < 0.3)
        self._own.append(path)

    def _delete(self) -> None:
        if len(self._own) > MOST_OF_OWN:
            path = self._own.pop(self._chance.randrange(len(self._own)))

            def delete() -> dict[str, Any]:
                self._client.delete(path)
                return {}

            self._call(Kind.DELETE, path, delete)

    def _read(self, path: str) -> int | None:
        def ask() -> dict[str, Any]:
            try:
                data, stat = self._client.get(path)
            except NoNodeError:
                return {}
            return {"data": data, "version": stat.version, "zxid": stat.mzxid}

        self._call(Kind.GET, path, ask)
        return self.history.calls[-1].version

    def _write(
        self,
        kind: Kind,
        path: str,
        data: bytes,
        *,
        expected: int | None = None,
        is_ephemeral: bool = False,
    ) -> None:
        def write() -> dict[str, Any]:
            if kind is Kind.SET:
                return status(self._client.set(path, data, -1 if expected is None else expected))
            _, stat = self._client.create(path, data, ephemeral=is_ephemeral, include_data=True)
            return {"zxid": stat.czxid}

        self._note(kind, path, write, monotonic(), data, expected)

    def _call(self, kind: Kind, path: str, ask: Callable[[], dict[str, Any]]) -> None:
        self._note(kind, path, ask, monotonic())

    def _note(
        self,
        kind: Kind,
        path: str,
        ask: Callable[[], dict[str, Any]],
        began_at: float,
        data: bytes | None = None,
        expected: int | None = None,
    ) -> None:
        self._note_session()
        outcome, answer = Outcome.DONE, {}
        try:
            answer = ask()
        except (ServerError, NodeExistsError):
            outcome = Outcome.FAILED
        except NetworkError as error:
            outcome = Outcome.UNKNOWN if error.maybe_applied else Outcome.FAILED
        self._note_session()
        given = {"data": data, "expected": expected, "seen": self._client.last_zxid}
        self.history.calls.append(
            Call(
                kind=kind,
                path=path,
                outcome=outcome,
                began_at=began_at,
                ended_at=monotonic(),
                **{**given, **answer},
            )
        )

    def _note_session(self) -> None:
        identity = self._client.client_id
        if identity is not None:
            self.history.sessions.add(identity[0])


def status(stat: Stat) -> dict[str, Any]:
    """Give what a write was answered with."""
    return {"version": stat.version, "zxid": stat.mzxid}
