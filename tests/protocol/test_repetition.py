"""Like lines: the first few are told, then summaries at intervals that grow."""

import itertools
import logging

from zc.zk.protocol.repetition import Line, Repetitions

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
