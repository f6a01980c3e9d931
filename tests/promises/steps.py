"""What a callback does, written once for both faces: a step has been taken when it is shown, or is awaited then."""

import inspect
import threading
from collections.abc import Callable, Generator
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


class Once:
    """Takes some steps when it is first called, and remembers how that went.

    For the asyncio face this is a coroutine function, so that the loop goes on while a step is awaited.
    """

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
        answer = None
        steps = self._steps()
        try:
            while True:
                answer = steps.send(answer)
                if isinstance(answer, Until):
                    wait_until(answer.predicate, BOUND)
        except BaseException as error:  # noqa: BLE001  # the test shows it
            self._end(error)

    async def _await(self) -> None:
        answer = None
        steps = self._steps()
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Until):
                    step = until(step.predicate, BOUND)
                answer = await step if inspect.isawaitable(step) else step
        except BaseException as error:  # noqa: BLE001  # the test shows it
            self._end(error)

    def _end(self, error: BaseException) -> None:
        self.error = None if isinstance(error, StopIteration) else error
        self.has_ended = True
