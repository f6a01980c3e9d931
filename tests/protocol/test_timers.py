from zc.zk.protocol.requests import NEVER
from zc.zk.protocol.timers import Timers


def test_nothing_is_due_where_nothing_was_asked_for() -> None:
    timers = Timers()

    timers.run(1e9)

    assert timers.next() == NEVER


def test_calls_are_made_in_the_order_of_their_times() -> None:
    made: list[str] = []
    timers = Timers()
    timers.add(3.0, lambda: made.append("third"))
    timers.add(1.0, lambda: made.append("first"))
    timers.add(2.0, lambda: made.append("second"))

    timers.run(3.0)

    assert made == ["first", "second", "third"]


def test_calls_of_one_time_are_made_in_the_order_of_asking() -> None:
    made: list[int] = []
    timers = Timers()
    for number in range(10):
        timers.add(1.0, lambda number=number: made.append(number))  # type: ignore[misc]  # bound now

    timers.run(1.0)

    assert made == list(range(10))


def test_a_call_is_made_once_and_not_before_its_time() -> None:
    made: list[str] = []
    timers = Timers()
    timers.add(2.0, lambda: made.append("made"))

    timers.run(1.9)
    early = list(made)
    timers.run(2.0)
    timers.run(5.0)

    assert early == []
    assert made == ["made"]


def test_the_next_call_is_known() -> None:
    timers = Timers()
    timers.add(5.0, lambda: None)
    timers.add(4.0, lambda: None)

    assert timers.next() == 4.0


def test_a_call_may_ask_for_another_one_that_is_due_already() -> None:
    made: list[str] = []
    timers = Timers()
    timers.add(1.0, lambda: timers.add(1.0, lambda: made.append("second")))

    timers.run(1.0)

    assert made == ["second"]
