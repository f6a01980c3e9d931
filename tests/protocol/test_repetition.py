"""Like lines: the first few are told, then summaries at intervals that grow."""

import itertools
import logging

from zc.zk.protocol.repetition import Changes, Line, Repetitions
from zc.zk.protocol.requests import NEVER

LINE = Line(logging.INFO, "a:1: connection refused; trying again in 0.10 s", "a:1: refused")
OTHER = Line(logging.INFO, "b:1: connection refused", "b:1: refused")


def said(repetitions: Repetitions, every: float, seconds: float) -> list[tuple[float, str]]:
    """Let a line come again and again from the beginning on; give when what was said."""
    told = []
    for number in range(int(seconds / every)):
        text = repetitions.admit(LINE, number * every)
        if text is not None:
            told.append((number * every, text))
    return told


def test_the_first_three_lines_are_told_as_they_are() -> None:
    told = said(Repetitions(), 1.0, 10.0)

    assert told == [(0.0, LINE.text), (1.0, LINE.text), (2.0, LINE.text)]


def test_later_ones_are_summed_up_at_intervals_that_double() -> None:
    told = said(Repetitions(), 1.0, 200.0)[3:]

    assert [at for at, _ in told] == [12.0, 32.0, 72.0, 152.0]
    assert told[1][1] == f"{LINE.text} (repeated 20 times in 20 s)"


def test_no_interval_is_longer_than_ten_minutes() -> None:
    told = [at for at, _ in said(Repetitions(), 10.0, 6000.0)]

    assert max(later - at for at, later in itertools.pairwise(told)) == 600.0


def test_what_was_repeated_once_says_so() -> None:
    repetitions = Repetitions()
    said(repetitions, 1.0, 4.0)  # the last one is left out

    assert list(repetitions.left_out(5.0)) == [(LINE, f"{LINE.text} (repeated once in 3 s)")]


def test_a_line_without_a_topic_is_no_repetition() -> None:
    repetitions = Repetitions()

    told = [repetitions.admit(Line(logging.INFO, "again", ""), 0.0) for _ in range(10)]

    assert told == ["again"] * 10


def test_topics_do_not_count_for_each_other() -> None:
    repetitions = Repetitions()
    said(repetitions, 1.0, 9.0)

    assert repetitions.admit(OTHER, 9.0) == OTHER.text


def test_a_topic_that_was_quiet_for_long_begins_anew_and_owns_up_to_what_was_left_out() -> None:
    repetitions = Repetitions()
    said(repetitions, 1.0, 5.0)  # the last two are left out

    first = repetitions.admit(LINE, 104.0)
    second = repetitions.admit(LINE, 105.0)

    assert first == f"{LINE.text} (repeated 2 times in 102 s)"
    assert second == LINE.text


def test_what_was_left_out_can_be_asked_for_once() -> None:
    repetitions = Repetitions()
    said(repetitions, 1.0, 5.0)
    repetitions.admit(OTHER, 5.0)

    first, second = list(repetitions.left_out(6.0)), list(repetitions.left_out(7.0))

    assert first == [(LINE, f"{LINE.text} (repeated 2 times in 4 s)")]
    assert second == []


def test_topics_that_never_come_again_are_forgotten() -> None:
    repetitions = Repetitions()
    for _ in range(4):
        repetitions.admit(LINE, 0.0)

    for number in range(1000):
        repetitions.admit(Line(logging.INFO, "", str(number)), 0.0)

    assert list(repetitions.left_out(1.0)) == []


# --- changes of state

UP = Line(logging.INFO, "CONNECTED", "")
DOWN = Line(logging.INFO, "SUSPENDED", "")


def flapping(changes: Changes, every: float, seconds: float) -> list[tuple[float, str]]:
    """Let a connection be lost and found again and again, from the beginning on; give when what was said."""
    told = []
    for number in range(int(seconds / every)):
        at = number * every
        if changes.due_at < at:
            told.append((changes.due_at, changes.due(changes.due_at)))
        told.append((at, changes.admit((DOWN, UP)[number % 2], at)))
    return [(when, line.text) for when, line in told if line is not None]


def test_the_first_changes_are_said_as_they_are() -> None:
    told = flapping(Changes(), 0.05, 0.5)

    assert [text for _, text in told] == ["SUSPENDED", "CONNECTED"] * 5


def test_a_client_that_flaps_is_summed_up_at_intervals_that_grow() -> None:
    told = flapping(Changes(), 1.0, 3600.0)

    assert [at for at, _ in told[10:15]] == [10.0, 12.0, 16.0, 24.0, 40.0]
    assert told[12][1] == "SUSPENDED (and 3 other changes in 4 s)"
    assert len(told) < 25


def test_the_state_that_lasts_is_said_soon() -> None:
    changes = Changes()
    for _ in range(19):
        changes.admit(DOWN, 0.0)

    last = changes.admit(UP, 0.0)
    early, due_at = changes.due(0.9), changes.due_at
    said, again = changes.due(due_at), changes.due(due_at + 1.0)

    assert (last, early, again) == (None, None, None)
    assert due_at == 1.0
    assert said is not None
    assert said.text == "CONNECTED (and 9 other changes in 1 s)"


def test_a_state_that_lasts_is_said_however_long_the_client_has_flapped() -> None:
    changes = Changes()
    flapping(changes, 1.0, 3600.0)

    changes.admit(UP, 3600.0)

    assert changes.due_at <= 3610.0


def test_the_last_line_is_said_in_any_case_and_instead_of_what_was_held_back() -> None:
    changes = Changes()
    for _ in range(11):  # the last one is held back
        changes.admit(UP, 0.0)

    said = changes.admit(Line(logging.INFO, "LOST", "", is_last=True), 0.4)

    assert said is not None
    assert said.text == "LOST (and 1 other change in 0 s)"
    assert changes.due_at == NEVER


def test_after_a_quiet_time_changes_are_said_one_by_one_again() -> None:
    changes = Changes()
    flapping(changes, 0.1, 2.0)
    changes.due(changes.due_at)

    told = [changes.admit(line, 100.0) for line in (DOWN, UP, DOWN)]

    assert told == [DOWN, UP, DOWN]
