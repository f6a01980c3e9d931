"""See when an ensemble serves, by clients of the tests' own, and so for how long only the tested one was not served.

How long members elect is their affair: a busy machine has made it ten seconds.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from time import monotonic
from typing import Self

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError
from tests.ensemble import Ensemble
from tests.waiting import wait_until
from tests.wire import Opcode

PATH = "/lookout"
NODE_EXISTS = -110
_EVERY = 0.01  # seconds
_PATIENCE = 0.5  # seconds, with one member
_SHORT = 0.1  # seconds without a write that are none of the ensemble


class Lookout:
    """Writes to whatever member takes it, all through its context; `done_at` says when that went well."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.done_at: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.done_at, 10.0, "a first write")
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def blame(self, begin: float, end: float) -> float:
        """Give for how many seconds of this time others were served."""
        outages = _outages([*self.done_at, monotonic()])
        return end - begin - sum(max(0.0, min(end, b) - max(begin, a)) for a, b in outages)

    def worst_gap(self, done_at: Sequence[float]) -> float:
        """Give for how many seconds others were served, in the worst case, between two of these moments."""
        return max(self.blame(before, after) for before, after in pairwise(done_at))

    def _watch(self) -> None:
        while not self._is_over.is_set():
            for member in self._ensemble.members:
                with suppress(OSError, EOFError, SessionRefusedError):
                    self._write_to(member.port)
            self._is_over.wait(_EVERY)

    def _write_to(self, port: int) -> None:
        with BareClient.connect(port, timeout=4.0, patience=_PATIENCE) as client:
            client.call(Opcode.CREATE, wire.create_body(PATH, b""))
            while (
                not self._is_over.wait(_EVERY)
                and not client.call(Opcode.SET_DATA, wire.set_data_body(PATH, b"")).err
            ):
                self.done_at.append(monotonic())


def _outages(done_at: Sequence[float]) -> list[tuple[float, float]]:
    return [(a, b) for a, b in pairwise(done_at) if b - a > _SHORT]
