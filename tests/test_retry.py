from itertools import islice

import pytest

from tests.playbook import Playbook, Tree
from zc.zk.errors import BadVersionError, NoNodeError
from zc.zk.operations import GetData
from zc.zk.plans import Pause, Plan
from zc.zk.retry import Backoff, again


def no_chance() -> float:
    return 0.0


def reading() -> Plan[bytes]:
    data, _ = yield from GetData("/a")
    return data


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = Backoff(0.5, 2, 3.0).pauses(no_chance)

    assert list(islice(pauses, 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_first_pause_is_no_longer_than_the_longest() -> None:
    assert next(Backoff(5.0, 2, 3.0).pauses(no_chance)) == 3.0


def test_chance_leaves_out_up_to_the_jitter() -> None:
    assert next(Backoff(1.0, jitter=0.4).pauses(lambda: 1.0)) == pytest.approx(0.6)


def test_a_plan_that_succeeds_is_run_once() -> None:
    play = Playbook(Tree("/a"), again(reading, (NoNodeError,), iter([1.0])))

    assert play.run() == b""
    assert play.steps == [GetData("/a")]


def test_a_plan_that_fails_is_run_again_after_each_pause() -> None:
    play = Playbook(Tree(), again(reading, (NoNodeError,), iter([1.0, 2.0])))

    with pytest.raises(NoNodeError):
        play.run()

    pauses = [step.seconds for step in play.steps if isinstance(step, Pause)]
    assert pauses == [1.0, 2.0]
    assert play.steps.count(GetData("/a")) == 3


def test_another_error_ends_it_at_once() -> None:
    play = Playbook(Tree(), again(reading, (BadVersionError,), iter([1.0])))

    with pytest.raises(NoNodeError):
        play.run()

    assert play.steps == [GetData("/a")]
