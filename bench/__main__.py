"""`python -m bench`: measure all subjects at all tasks in one run, then the two servers, and print two tables."""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from bench import match
from bench.cores import apart
from bench.crew import Hand
from bench.match import Match
from bench.scores import score_table
from bench.stage import Stage
from bench.table import table
from bench.tasks import FACES, TASKS, Result, Round, Task

_ROUNDS, _HEAVY_ROUNDS = 7, 3
_QUICK_ROUNDS = 2
_WARM_UP = ("serial", "gets", "creates", "multis", "watches", "updates")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code says nothing about speed."""
    arguments = _parse(argv)
    names = arguments.only or [*(task.name for task in TASKS), *match.NAMES]
    if tasks := [task for task in TASKS if task.name in names]:
        print(_compare_clients(tasks, arguments))
    if servers := [name for name in match.NAMES if name in names]:
        print(score_table(Match(servers, arguments.rounds, quick=arguments.quick).run()))
    return 0


def _compare_clients(tasks: Sequence[Task], arguments: argparse.Namespace) -> str:
    counts = {task.name: task.quick_count if arguments.quick else task.count for task in TASKS}
    bench = Bench(counts, arguments.rounds, quick=arguments.quick)
    with Stage() as stage:
        stage.furnish(max(counts.values()), max(counts.values()))
        _say(_versions(stage))
        measured = bench.run(stage, tasks)
    return table(tasks, counts, measured)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    names = [*(task.name for task in TASKS), *match.NAMES]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts and few rounds")
    parser.add_argument("--only", action="append", choices=names, help="one task; can be repeated")
    parser.add_argument("--rounds", type=int, help="how often each task is done by each subject")
    return parser.parse_args(argv)


class Bench:
    """How often and how much is measured."""

    def __init__(self, counts: dict[str, int], rounds: int | None, *, quick: bool) -> None:
        self._counts = counts
        self._rounds = rounds
        self._is_quick = quick
        self._marks = 0

    def run(self, stage: Stage, tasks: Sequence[Task]) -> dict[str, list[Round]]:
        """Measure task by task; within one the subjects take turns, round by round."""
        with ExitStack() as stack:
            names = dict.fromkeys(name for task in tasks for name in task.subjects)
            hands = {name: stack.enter_context(Hand(name, stage)) for name in names}
            self._warm_up(hands)
            return {task.name: self._measure_in_place(task, hands, stage) for task in tasks}

    def _warm_up(self, hands: dict[str, Hand]) -> None:
        # The server's compiler needs some ten thousand requests of a kind before it is through.
        _say("warming up")
        for task in TASKS:
            if task.name in _WARM_UP:
                for _ in range(1 if self._is_quick else 3):
                    for name in hands.keys() & set(task.subjects):
                        hands[name].do(task, self._counts[task.name], self._mark())

    def _measure_in_place(self, task: Task, hands: dict[str, Hand], stage: Stage) -> list[Round]:
        if task.subjects != FACES:
            return self._measure(task, hands, stage)
        # A loop that waits for its processor would look like one that is held.
        subjects = [hands[name].process_id for name in task.subjects]
        with apart(subjects, [stage.server.process_id, os.getpid()]):
            return self._measure(task, hands, stage)

    def _measure(self, task: Task, hands: dict[str, Hand], stage: Stage) -> list[Round]:
        subjects = list(task.subjects)
        rounds = []
        for number in range(self._rounds_of(task)):
            _say(f"{task.title.strip()}, round {number + 1}")
            turn = number % len(subjects)
            order = subjects[turn:] + subjects[:turn]
            if task.kind == "memory":
                rounds.append({name: self._weigh(task, name, stage) for name in order})
            else:
                count = self._counts[task.name]
                rounds.append({name: hands[name].do(task, count, self._mark()) for name in order})
        return rounds

    def _weigh(self, task: Task, subject: str, stage: Stage) -> Result:
        # In fresh processes: memory that was freed before would be used again, and not be seen.
        count = self._counts[task.name]
        with Hand(subject, stage) as hand:
            resident = hand.do(task, count, self._mark()).resident
        with Hand(subject, stage) as hand:
            traced = hand.do(task, count, self._mark(), traced=True).traced
        return Result(resident=resident, traced=traced)

    def _rounds_of(self, task: Task) -> int:
        if self._rounds is not None:
            return self._rounds
        if self._is_quick:
            return _QUICK_ROUNDS
        return _HEAVY_ROUNDS if task.is_heavy else _ROUNDS

    def _mark(self) -> str:
        self._marks += 1
        return f"mark{self._marks:04}"


def _versions(stage: Stage) -> str:
    server = stage.server.words(b"srvr").splitlines()[0].partition(",")[0]
    return f"Python {platform.python_version()}, {server}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
