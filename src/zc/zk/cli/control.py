"""`zk server --control`: a server that obeys the lines of its standard input."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from zc.zk.cli.parser import Parser

if TYPE_CHECKING:
    from zc.zk.testing.commands import Commands  # slow to import, and not needed by other commands


class _SignalledError(Exception):
    """The process was told to end while it waited for a line."""


class _Ending:
    """Notes that a signal came, and wakes who waits for a line then."""

    def __init__(self) -> None:
        self.has_come = False
        self.is_waiting = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.has_come = True
        if self.is_waiting:
            raise _SignalledError


def add_options(parser: Parser) -> None:
    """Add the options that concern faults."""
    parser.add_argument(
        "--control",
        action="store_true",
        help="obey the lines of the standard input, which set faults (try the line: help); "
        "end with it",
    )
    parser.add_argument(
        "--virtual-clock",
        action="store_true",
        help="with --control: time passes only by the command advance",
    )


def obey_lines(commands: "Commands") -> None:
    """Answer each line of the standard input, until it ends or SIGINT or SIGTERM comes."""
    with _signals() as ending, contextlib.suppress(_SignalledError):
        while line := _next_line(ending):
            print(commands.obey(line), flush=True)


def _next_line(ending: _Ending) -> str:
    ending.is_waiting = True  # before the look: a signal in between must not be missed
    try:
        return "" if ending.has_come else sys.stdin.readline()
    finally:
        ending.is_waiting = False


@contextlib.contextmanager
def _signals() -> Iterator[_Ending]:
    ending = _Ending()
    before = {each: signal.signal(each, ending) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
