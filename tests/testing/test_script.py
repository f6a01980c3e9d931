"""Faults as lines of text."""

import re

import pytest

from zc.zk.errors import ArgumentError
from zc.zk.server import requestfaults, serverfaults
from zc.zk.server.conditions import Conditions
from zc.zk.server.effects import Effect
from zc.zk.testing.script import EFFECTS, number, read_fault, read_script, seconds


def test_every_fault_has_its_name() -> None:
    kinds = {
        value.name
        for module in (requestfaults, serverfaults)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Effect) and value is not Effect
    }

    assert set(EFFECTS) == kinds


@pytest.mark.parametrize(
    ("line", "effect", "conditions"),
    [
        ("delay 0.5", requestfaults.Delay(0.5), Conditions()),
        ("  error  -0x10 times=3", requestfaults.Error(-16), Conditions(times=3)),
        ("error", requestfaults.Error(), Conditions()),
        ("garbage 00ff", requestfaults.Garbage(b"\0\xff"), Conditions()),
        ("wrong_xid 7 skip=1", requestfaults.WrongXid(7), Conditions(skip=1)),
        ("oversize 0x7f", requestfaults.Oversize(127), Conditions()),
        ("restart wipe after=2", serverfaults.Restart(wipe=True), Conditions(after=2.0)),
        ("restart at_zxid=0x10", serverfaults.Restart(), Conditions(at_zxid=16)),
        ("go_back 9", serverfaults.GoBack(9), Conditions()),
        (
            "error operation=get,set path=/a=b session=0x1 after_writes=2 lasting=3",
            requestfaults.Error(),
            Conditions(operation="get,set", path="/a=b", session=1, after_writes=2, lasting=3.0),
        ),
    ],
)
def test_a_line_is_a_name_arguments_and_conditions(
    line: str, effect: Effect, conditions: Conditions
) -> None:
    assert read_fault(line) == (effect, conditions)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "no fault is called '', only delay, drop_after"),
        ("stal", "no fault is called 'stal'"),
        ("stall 1", "stall has the wrong number of arguments"),
        ("delay", "delay has the wrong number of arguments"),
        ("delay 1 2", "delay has the wrong number of arguments"),
        ("delay x", "'x' is not a time in seconds"),
        ("delay nan", "a delay must be a time in seconds, not nan"),
        ("error x", "'x' is not a whole number"),
        ("garbage xyz", "'xyz' is not hexadecimal"),
        ("restart now", "'now' is not the word wipe"),
        ("stall until=1", "no condition is called 'until', only operation, path"),
        ("stall times=x", "'x' is not a whole number"),
        ("stall path=a", "path 'a' does not begin with a slash"),
    ],
)
def test_a_mistake_is_told_in_one_line(line: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}") as caught:
        read_fault(line)

    assert "\n" not in str(caught.value)


def test_a_script_has_comments_and_empty_lines() -> None:
    assert read_script("\n# two\n  delay 1\n\n  delay 2  \n") == [
        (requestfaults.Delay(1.0), Conditions()),
        (requestfaults.Delay(2.0), Conditions()),
    ]


def test_a_mistake_in_a_script_names_its_line() -> None:
    with pytest.raises(ArgumentError, match=r"^line 3: "):
        read_script("delay 1\n\ndelay x\n")


def test_numbers_and_times_are_read() -> None:
    assert (number("-12"), number("0x1f"), seconds("2.5")) == (-12, 31, 2.5)
