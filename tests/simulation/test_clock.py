import pytest

from tests.simulation.clock import START, Clock, StandstillError


def test_what_is_due_happens_in_its_order_and_at_its_time() -> None:
    clock = Clock()
    happened: list[tuple[str, float]] = []
    clock.after(2.0, lambda: happened.append(("second", clock.now)))
    clock.after(1.0, lambda: happened.append(("first", clock.now)))
    clock.after(1.0, lambda: happened.append(("as well", clock.now)))

    clock.run_until(START + 3)

    assert happened == [("first", START + 1), ("as well", START + 1), ("second", START + 2)]
    assert clock.now == START + 3


def test_what_is_cancelled_does_not_happen() -> None:
    clock = Clock()
    happened: list[str] = []
    alarm = clock.after(1.0, lambda: happened.append("it"))

    alarm.cancel()
    clock.run_until(START + 2)

    assert happened == []


def test_a_time_that_does_not_pass_is_noticed() -> None:
    clock = Clock()

    def again() -> None:
        clock.after(0.0, again)

    again()

    with pytest.raises(StandstillError):
        clock.run_until(START + 1)
