import contextlib
from itertools import islice

import pytest

from tests.playbook import Playbook, Tree, failing
from zc.zk.errors import BadVersionError, ConnectionLoss, NoNodeError, OperationTimeoutError
from zc.zk.operations import GetData, SetData
from zc.zk.plans import Pause, Plan
from zc.zk.retry import Backoff, again, widened


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


# widened


def writing() -> Plan[bytes]:
    yield from SetData("/a", b"x")
    return (yield from reading())


def test_a_widened_plan_gives_its_result() -> None:
    assert Playbook(Tree("/a"), widened(writing())).run() == b"x"


def test_an_error_after_a_write_says_that_it_may_have_been_applied() -> None:
    play = Playbook(Tree("/a"), widened(writing()))
    play.before.append((GetData, failing(OperationTimeoutError("/a"))))

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert caught.value.maybe_applied


def test_an_error_before_any_write_says_that_nothing_was_applied() -> None:
    play = Playbook(Tree("/a"), widened(writing()))
    play.before.append((SetData, failing(OperationTimeoutError("/a"))))

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert not caught.value.maybe_applied


def test_an_error_after_a_write_that_may_have_been_applied_says_so() -> None:
    def insisting() -> Plan[bytes]:
        with contextlib.suppress(ConnectionLoss):
            yield from SetData("/a", b"x")
        return (yield from reading())

    play = Playbook(Tree("/a"), widened(insisting()))
    play.before += [
        (SetData, failing(ConnectionLoss(maybe_applied=True))),
        (GetData, failing(OperationTimeoutError("/a"))),
    ]

    with pytest.raises(OperationTimeoutError) as caught:
        play.run()

    assert caught.value.maybe_applied


def test_a_refusal_after_a_write_is_a_refusal() -> None:
    play = Playbook(Tree("/a"), widened(writing()))
    play.before.append((GetData, failing(NoNodeError("/a"))))

    with pytest.raises(NoNodeError) as caught:
        play.run()

    assert not caught.value.maybe_applied


def test_what_interrupts_a_widened_plan_is_thrown_into_it() -> None:
    cleaned = []

    def careful() -> Plan[None]:
        try:
            yield from SetData("/a", b"x")
        finally:
            cleaned.append(True)

    plan = widened(careful())
    next(plan)

    with pytest.raises(KeyboardInterrupt):
        plan.throw(KeyboardInterrupt())

    assert cleaned
