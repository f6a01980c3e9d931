"""How long to wait between attempts at something, the plan that makes them, and how that can end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zc.zk.errors import ZooKeeperError
from zc.zk.plans import Pause, Plan, R


class ForceRetryError(ZooKeeperError):
    """Raised by a function that is being retried, to be called again."""


class RetryFailedError(ZooKeeperError):
    """There were as many attempts as were allowed; the last one's error is the cause of this one."""


class RetryInterruptedError(ZooKeeperError):
    """The retrying was given up because the `interrupt` function said so."""


InterruptedError = RetryInterruptedError  # noqa: A001 (the documented name in this module)


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
