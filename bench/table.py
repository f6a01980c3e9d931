"""Prints what was measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from bench.tasks import FACES, LOOPS, SUBJECTS, TARGETS, Result, Round, Target, Task

Measured = Mapping[str, Sequence[Round]]  # by the name of the task
_LOOP_PAIRS = (
    ("zc.zk.aio", "bare.aio"),
    ("aiozk", "bare.aio"),
    ("aiozk", "zc.zk.aio"),
    ("zc.zk", "zc.zk.aio"),
)
_TITLE = 48
_COLUMN = 12


def table(tasks: Sequence[Task], counts: Mapping[str, int], measured: Measured) -> str:
    """Give the table of ratios, that of sizes, and the list of targets, as text."""
    parts = [
        _times(tasks, counts, measured),
        _sizes([task for task in tasks if task.subjects == SUBJECTS], measured),
        _holds([task for task in tasks if task.subjects == FACES], measured),
        _targets(measured),
    ]
    return "\n\n".join(part for part in parts if part)


def _times(tasks: Sequence[Task], counts: Mapping[str, int], measured: Measured) -> str:
    kinds = (
        (SUBJECTS, "bare", (("zc.zk", "bare"), ("kazoo", "bare"), ("kazoo", "zc.zk"))),
        (LOOPS, "bare.aio", _LOOP_PAIRS),
    )
    parts = []
    for subjects, base, pairs in kinds:
        of_kind = [task for task in tasks if task.subjects == subjects]
        parts += _times_of(of_kind, counts, measured, base, pairs)
    return "\n".join(parts)


def _times_of(
    tasks: Sequence[Task],
    counts: Mapping[str, int],
    measured: Measured,
    base: str,
    pairs: Sequence[tuple[str, str]],
) -> list[str]:
    groups = [base, *(f"{above} / {below}" for above, below in pairs)]
    head = [
        " " * _TITLE + "".join(f"{group:>{2 * _COLUMN}}" for group in groups),
        " " * _TITLE + f"{'wall':>{_COLUMN}}{'client CPU':>{_COLUMN}}" * len(groups),
    ]
    lines = [
        _line(task, counts[task.name], measured[task.name], base, pairs)
        for task in tasks
        if task.kind != "memory" and measured.get(task.name)
    ]
    return [*head, *lines] if lines else []


def _line(
    task: Task, count: int, rounds: Sequence[Round], base: str, pairs: Sequence[tuple[str, str]]
) -> str:
    cells = [f"{task.title:<{_TITLE}}"]
    cells += [_each(rounds, base, lambda result: result.wall / count)]
    cells += [_each(rounds, base, lambda result: result.cpu / count)]
    for above, below in pairs:
        cells += [_ratio(rounds, above, below, lambda result: result.wall)]
        cells += [_ratio(rounds, above, below, lambda result: result.cpu)]
    return "".join(cells)


def _each(rounds: Sequence[Round], base: str, measure: Callable[[Result], float]) -> str:
    values = [measure(each[base]) for each in rounds if base in each]
    return f"{median(values) * 1e6:>{_COLUMN - 3}.1f} us" if values else " " * _COLUMN


def _ratio(
    rounds: Sequence[Round], above: str, below: str, measure: Callable[[Result], float]
) -> str:
    # Of each round by itself: what slows the machine down slows all subjects of a round down.
    values = [
        measure(each[above]) / measure(each[below])
        for each in rounds
        if above in each and below in each
    ]
    return f"{median(values):>{_COLUMN}.2f}" if values else f"{'-':>{_COLUMN}}"


def _sizes(tasks: Sequence[Task], measured: Measured) -> str:
    head = " " * _TITLE + "".join(f"{subject:>{_COLUMN}}" for subject in SUBJECTS)
    lines = []
    for task in tasks:
        rounds = measured.get(task.name, ())
        if not rounds:
            continue
        if task.kind == "memory":
            title = f"{task.title}: bytes resident"
            lines += [_row(title, rounds, lambda r: r.resident)]
            lines += [_row("    bytes allocated by Python", rounds, lambda r: r.traced, 1)]
        elif task.kind == "recover":
            lines += [_row(f"{task.title}: s", rounds, lambda r: r.wall, 2)]
            lines += [_row("  threads added", rounds, lambda r: r.threads)]
    return "\n".join([head, *lines]) if lines else ""


def _holds(tasks: Sequence[Task], measured: Measured) -> str:
    titles = [*(f"{face}: s" for face in FACES), "held: ms", "least", "most"]
    titles += ["of CPU", "most", "garbage", "idle"]
    head = " " * _TITLE + "".join(f"{title:>{_COLUMN}}" for title in titles)
    lines = [
        f"{task.title:<{_TITLE}}" + "".join(_held(measured[task.name]))
        for task in tasks
        if measured.get(task.name)
    ]
    return "\n".join([head, *lines]) if lines else ""


def _held(rounds: Sequence[Round]) -> Iterator[str]:
    for face in FACES:
        yield f"{median(each[face].wall for each in rounds):>{_COLUMN}.2f}"
    results = [each[FACES[0]] for each in rounds]
    held = [result.held for result in results]
    cpu = [result.held_cpu for result in results]
    values = [median(held), min(held), max(held), median(cpu), max(cpu)]
    values += [median(result.collection for result in results)]
    values += [median(result.held_idle for result in results)]
    yield from (f"{1000 * value:>{_COLUMN}.1f}" for value in values)


def _row(
    title: str, rounds: Sequence[Round], measure: Callable[[Result], float], places: int = 0
) -> str:
    cells = [f"{title:<{_TITLE}}"]
    for subject in SUBJECTS:
        values = [measure(each[subject]) for each in rounds if subject in each]
        cells.append(f"{median(values):>{_COLUMN}.{places}f}" if values else f"{'-':>{_COLUMN}}")
    return "".join(cells)


def _targets(measured: Measured) -> str:
    lines = []
    for target in TARGETS:
        rounds = _rounds(target, measured)
        if rounds:
            value = median(map(target.measure, rounds))
            line = promise(target.text, value, target.bound, target.unit, is_floor=target.is_floor)
            lines.append(line)
    return "\n".join(lines)


def promise(
    text: str, value: float, bound: float, unit: str = "", *, is_floor: bool = False
) -> str:
    """Give the line that says whether a value keeps within its bound."""
    verdict = "yes" if (value >= bound if is_floor else value <= bound) else "NO"
    limit = f"{'>=' if is_floor else '<='} {bound:g} {unit}"
    return f"{verdict:<4}{text:<{_TITLE}}{value:>{_COLUMN}.2f}   ({limit.strip()})"


def _rounds(target: Target, measured: Measured) -> Sequence[Round]:
    rounds = measured.get(target.task, ())
    if not target.against:
        return rounds
    return [
        {**each, **{f"{subject} {target.against}": result for subject, result in other.items()}}
        for each, other in zip(rounds, measured.get(target.against, ()), strict=False)
    ]
