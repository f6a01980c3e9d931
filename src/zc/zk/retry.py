"""How long to wait between attempts at something, the plan that makes them, and how that can end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zc.zk.errors import NetworkError, ZooKeeperError
from zc.zk.operations import Operation
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


def widened(plan: Plan[R]) -> Plan[R]:
    """Run a plan; an error of the network says that it may have been applied, where a step before it was or may be.

    To whoever asked for all of it, what the last step left undone is not the whole truth.
    """
    is_written = False
    try:
        step = next(plan)
        while True:
            try:
                answer = yield step
            except ZooKeeperError as error:
                is_written = is_written or error.maybe_applied
                step = plan.throw(error)
            except BaseException as error:  # noqa: BLE001 (the plan decides what becomes of it)
                step = plan.throw(error)
            else:
                is_written = is_written or (isinstance(step, Operation) and not step.is_read)
                step = plan.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result
    except NetworkError as error:
        error.maybe_applied = error.maybe_applied or is_written
        raise


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
