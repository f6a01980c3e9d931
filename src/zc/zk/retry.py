"""How long to wait between attempts at something, and the plan that makes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zc.zk.plans import Pause, Plan, R


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that grow, in seconds: the first, each next `factor` times as long, none longer than `longest`.

    A random part of each, up to `jitter` of it, is left out: many who failed together shall not come back together.
    """

    first: float = 0.1
    factor: float = 2.0
    longest: float = 2.0
    jitter: float = 0.4

    def pauses(self, chance: Callable[[], float]) -> Iterator[float]:
        """Yield one pause after the other, without end; `chance` returns a number between 0 and 1."""
        pause = min(self.first, self.longest)
        while True:
            yield pause * (1 - self.jitter * chance())
            pause = min(pause * self.factor, self.longest)


def again(
    make: Callable[[], Plan[R]], errors: tuple[type[Exception], ...], pauses: Iterator[float]
) -> Plan[R]:
    """Run the plan that `make` returns; when it ends in one of `errors`, pause and run another.

    When there are no more pauses the error is raised. Only what may safely happen twice belongs here.
    """
    while True:
        try:
            return (yield from make())
        except errors:
            pause = next(pauses, None)
            if pause is None:
                raise
            yield from Pause(pause)
