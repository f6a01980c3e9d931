"""Operations of every kind, as a tape says them."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.tape import Tape
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, WatcherType

Made = ops.Operation[Any]  # Any: replies of every type
_SCHEMES = ("digest", "ip", "sasl", "world", "")


class Told(ops.Watch):
    """A watch that counts what it is told."""

    def __init__(self) -> None:
        self.events = 0

    def fire(self, event: object) -> None:
        self.events += 1


def operation(tape: Tape) -> Made:
    """Give an operation of any kind that a user's call can mean."""
    return tape.choose(_MAKERS)(tape)


def _watch(tape: Tape) -> Told | None:
    return Told() if tape.below(2) else None


def _write(tape: Tape) -> Made:
    return tape.choose(_WRITES)(tape)


def _batch(tape: Tape, makers: tuple[Callable[[Tape], Made], ...]) -> tuple[Made, ...]:
    return tuple(tape.choose(makers)(tape) for _ in range(tape.below(5)))


_WRITES: tuple[Callable[[Tape], Made], ...] = (
    lambda tape: ops.Create(tape.path(), tape.data(), tape.acl(), tape.flags()),
    lambda tape: ops.Create(tape.path()),
    lambda tape: ops.Create2(tape.path(), tape.data(), tape.acl(), tape.flags()),
    lambda tape: ops.CreateContainer(tape.path(), tape.data(), tape.acl()),
    lambda tape: ops.CreateTTL(tape.path(), tape.data(), tape.acl(), ttl=1 + tape.below(99)),
    lambda tape: ops.Delete(tape.path(), tape.version()),
    lambda tape: ops.Delete(tape.path()),
    lambda tape: ops.SetData(tape.path(), tape.data(), tape.version()),
    lambda tape: ops.SetData(tape.path(), tape.data()),
    lambda tape: ops.Check(tape.path(), tape.version()),
)
_READS: tuple[Callable[[Tape], Made], ...] = (
    lambda tape: ops.GetData(tape.path()),
    lambda tape: ops.GetChildren(tape.path()),
)
_MAKERS: tuple[Callable[[Tape], Made], ...] = (
    _write,
    _write,
    _write,
    _write,
    lambda tape: ops.Multi(_batch(tape, _WRITES)),
    lambda tape: ops.MultiRead(_batch(tape, _READS)),
    lambda tape: ops.SetACL(tape.path(), tape.acl(), tape.version()),
    lambda tape: ops.GetData(tape.path(), _watch(tape)),
    lambda tape: ops.Exists(tape.path(), _watch(tape)),
    lambda tape: ops.GetChildren(tape.path(), _watch(tape)),
    lambda tape: ops.GetChildren2(tape.path(), _watch(tape)),
    lambda tape: ops.GetACL(tape.path()),
    lambda tape: ops.Sync(tape.path()),
    lambda tape: ops.AddWatch(tape.path(), Told(), tape.choose(list(AddWatchMode))),
    lambda tape: ops.RemoveWatches(tape.path(), tape.choose(list(WatcherType))),
    lambda tape: ops.CheckWatches(tape.path(), tape.choose(list(WatcherType))),
    lambda tape: ops.GetEphemerals(tape.path()),
    lambda tape: ops.GetAllChildrenNumber(tape.path()),
    lambda tape: ops.WhoAmI(),
    lambda tape: ops.Auth(tape.choose(_SCHEMES), tape.blob()),
    lambda tape: ops.Sasl(tape.blob()),
    lambda tape: ops.SetWatches(
        tape.number(8), *((tape.path(), tape.path())[: tape.below(3)] for _ in range(3))
    ),
    lambda tape: ops.SetWatches2(
        tape.number(8), *((tape.path(), tape.path())[: tape.below(3)] for _ in range(5))
    ),
    lambda tape: ops.CloseSession(),
    lambda tape: ops.Ping(),
)
