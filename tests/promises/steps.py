"""What a callback does, written once for both faces: a step has been taken when it is shown, or is awaited then."""

import contextlib
import inspect
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from tests.aio.looping import until
from tests.waiting import wait_until

BOUND = 5.0  # seconds for each thing that is waited for
Steps = Generator[
    Any, Any, None
]  # Any: whatever a call returns, and what came of it when that was awaited


@dataclass(frozen=True)
class Until:
    """A step: to wait until something is true."""

    predicate: Callable[[], object]


def take(steps: Steps, face: str) -> Any:
    """Take steps now, or for the asyncio face in the coroutine that is returned, so that its loop goes on meanwhile."""
    return _taken(steps) if face == "threads" else _awaited(steps)


def _taken(steps: Steps) -> None:
    with contextlib.suppress(StopIteration):
        step = next(steps)
        while True:
            if isinstance(step, Until):
                wait_until(step.predicate, BOUND)
            step = steps.send(step)


async def _awaited(steps: Steps) -> None:
    with contextlib.suppress(StopIteration):
        step = next(steps)
        while True:
            if isinstance(step, Until):
                step = until(step.predicate, BOUND)
            step = steps.send(await step if inspect.isawaitable(step) else step)


class Once:
    """A callback that takes some steps when it is first called, and remembers how that went."""

    def __init__(self, steps: Callable[[], Steps], face: str = "threads") -> None:
        self._steps = steps
        self._face = face
        self._lock = threading.Lock()
        self.began = False
        self.has_ended = False
        self.error: BaseException | None = None

    def __call__(self, *_: object) -> Any:
        with self._lock:
            if self.began:
                return None
            self.began = True
        return self._take() if self._face == "threads" else self._await()

    def _take(self) -> None:
        with self._noted():
            _taken(self._steps())

    async def _await(self) -> None:
        with self._noted():
            await _awaited(self._steps())

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001  # the test shows it
            self.error = error
        self.has_ended = True
