"""What the ready adapters and the documentation agree on."""

import re

from zc.zk.metrics import COUNTERS, DURATIONS, LEVELS


def test_every_name_is_told_apart_and_explained() -> None:
    names = [*COUNTERS, *DURATIONS, *LEVELS]

    assert len(names) == len(set(names))
    for measure in (*COUNTERS.values(), *DURATIONS.values(), *LEVELS.values()):
        assert measure.help


def test_every_name_suits_both_systems() -> None:
    for name in (*COUNTERS, *DURATIONS, *LEVELS):
        assert re.fullmatch("[a-z][a-z_]*[a-z]", name)
