"""Prints how the embedded server does beside Apache's, and what is wanted of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median

from bench.crowd import WATCHES, Outcome
from bench.match import Burst, Round, Scores, Start
from bench.servers import MAKERS, TICK
from bench.table import promise

_TITLE = 56
_COLUMN = 12
_MOST_RESIDENT = 500  # MB
_MOST_TO_START = 150  # ms


def score_table(scores: Scores) -> str:
    """Give the tables of rates, of sessions and of starts, and the list of targets, as text."""
    parts = [
        _paces(scores.paces),
        _crowds(scores.crowds),
        _starts(scores.starts),
        "\n".join(_targets(scores)),
    ]
    return "\n\n".join(part for part in parts if part)


def _paces(paces: Mapping[Burst, Sequence[Round]]) -> str:
    titles = (*MAKERS, "rate: ratio", "least", "most", "CPU: ratio", "load busy")
    lines = [_pace(burst, rounds) for burst, rounds in paces.items()]
    return "\n".join([_row("", titles), *lines]) if lines else ""


def _pace(burst: Burst, rounds: Sequence[Round]) -> str:
    rates = [f"{median(each[name].rate for each in rounds):,.0f}/s" for name in MAKERS]
    ratios = [_ratio(each) for each in rounds]
    cpu = median(each["Apache"].cpu / each["embedded"].cpu for each in rounds)
    shown = [f"{value:.2f}" for value in (median(ratios), min(ratios), max(ratios), cpu)]
    # Beside the server that leaves it less to spare: a load that is busy all the time is what would be measured.
    busy = median(max(pace.load for pace in each.values()) for each in rounds)
    return _row(burst.title, [*rates, *shown, f"{busy:.0%}"])


def _ratio(paces: Round) -> float:
    # Within one round: what slows the machine down slows both servers down.
    return paces["embedded"].rate / paces["Apache"].rate


def _crowds(crowds: Mapping[str, Outcome]) -> str:
    if not crowds:
        return ""

    def row(text: str, show: Callable[[Outcome], str]) -> str:
        return _row(text, map(show, crowds.values()))

    size, silent = crowds["embedded"].size, crowds["embedded"].silent
    return "\n".join(
        [
            _row("", crowds),
            row(f"{size:,} sessions, {size * WATCHES:,} watches: MB, at most", lambda each: f"{_megabytes(each):.0f}"),
            row(f"  {silent:,} fell silent: not ended", lambda each: f"{each.missed}"),
            row(f"  {size - silent:,} pinged: ended", lambda each: f"{each.wronged}"),
            row("  the first end after its time-out: s", lambda each: f"{each.earliest:.2f}"),
            row("  the last", lambda each: f"{each.latest:.2f}"),
        ]
    )  # fmt: skip


def _megabytes(outcome: Outcome) -> float:
    return outcome.resident / 1e6


def _starts(starts: Mapping[str, Sequence[Start]]) -> str:
    if not starts:
        return ""

    def row(text: str, show: Callable[[Sequence[Start]], float]) -> str:
        return _row(text, [f"{show(each) * 1000:.0f}" for each in starts.values()])

    return "\n".join(
        [
            _row("", starts),
            row("ready after the start of its process: ms", lambda each: median(_walls(each))),
            row("  at best", lambda each: min(_walls(each))),
            row("  at worst", lambda each: max(_walls(each))),
            row("  of CPU time", lambda each: median(start.cpu for start in each)),
        ]
    )


def _walls(starts: Sequence[Start]) -> list[float]:
    return [start.wall for start in starts]


def _targets(scores: Scores) -> Iterator[str]:
    for burst, rounds in scores.paces.items():
        yield promise(burst.wanted, median(map(_ratio, rounds)), burst.floor, is_floor=True)
    if scores.crowds:
        crowd = scores.crowds["embedded"]
        yield promise(f"{crowd.size:,} sessions: resident", _megabytes(crowd), _MOST_RESIDENT, "MB")
        yield promise("  not ended, or wrongly", crowd.missed + crowd.wronged, 0)
        yield promise("  none ends before its time-out", crowd.earliest, 0, "s", is_floor=True)
        # One tick is promised; as much again for the way there and back on a busy machine.
        yield promise("  each ends within two ticks of it", crowd.latest, 2 * TICK, "s")
    if scores.starts:
        start = median(_walls(scores.starts["embedded"])) * 1000
        yield promise("ready after the start of its process", start, _MOST_TO_START, "ms")


def _row(title: str, cells: Iterable[str]) -> str:
    return f"{title:<{_TITLE}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)
