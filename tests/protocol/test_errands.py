from collections.abc import Callable

import pytest

from zc.zk.errors import ConnectionLoss, NoWatcherError, OperationTimeoutError
from zc.zk.operations import Operation, RemoveWatches
from zc.zk.protocol.errands import Behind
from zc.zk.protocol.requests import NEVER, Request, encode


class Told(Request):
    """A request whose owner is told how often it was answered."""

    __slots__ = ("answers",)

    def __init__(self, operation: Operation[None]) -> None:
        super().__init__(operation, encode(operation, ""), 7.0)
        self.answers = 0

    def resolve(self, answer: object) -> None:
        super().resolve(answer)
        self.answers += 1


def errand(done: Callable[[], None] | None = None) -> tuple[Behind, Told]:
    asked = Told(RemoveWatches("/a"))
    return Behind(RemoveWatches("/a"), "", asked, done), asked


def test_whoever_asked_is_told_once_and_has_the_same_deadline() -> None:
    behind, asked = errand()

    behind.resolve(None)
    behind.resolve(None)

    assert behind.deadline == 7.0
    assert asked.answers == 1


@pytest.mark.parametrize("error", [NoWatcherError("/a"), ConnectionLoss("/a")])
def test_no_error_concerns_whoever_asked(error: Exception) -> None:
    behind, asked = errand()

    behind.fail(error)

    assert behind.ended
    assert asked.answers == 1


@pytest.mark.parametrize(("error", "times"), [(NoWatcherError("/a"), 1), (ConnectionLoss("/a"), 0)])
def test_what_follows_a_reply_follows_a_refusal_and_no_lost_connection(
    error: Exception, times: int
) -> None:
    followed: list[None] = []
    behind, _ = errand(lambda: followed.append(None))

    behind.fail(error)

    assert len(followed) == times


def test_after_its_deadline_the_reply_is_still_waited_for() -> None:
    followed: list[None] = []
    behind, asked = errand(lambda: followed.append(None))

    behind.fail(OperationTimeoutError("/a"))
    late = behind.deadline, behind.ended
    behind.resolve(None)

    assert late == (NEVER, False)
    assert asked.answers == 1
    assert len(followed) == 1


def test_it_is_made_on_one_connection_only() -> None:
    behind, _ = errand()

    assert not behind.is_repeatable
