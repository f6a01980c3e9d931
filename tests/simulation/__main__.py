"""Plays many seeds: `python -m tests.simulation SEEDS [--from K]`; `--seed K` plays one and shows its story."""

import argparse
import logging
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

from tests.simulation.runner import Outcome, play

_REPORT_EVERY = 500  # seeds: what is known is not lost when time runs out


def main() -> int:
    """Play, and print a summary; the first failing seeds with their stories."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=200, help="how many (200)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first one (0)")
    parser.add_argument("--seed", type=int, help="play this one, and show its story")
    parser.add_argument("--stories", type=int, default=1, help="how many failing ones to show (1)")
    options = parser.parse_args()
    logging.disable()  # the story tells it all
    if options.seed is not None:
        return _play_one(options.seed)
    began_at = monotonic()
    counts: Counter[str] = Counter()
    failed: list[Outcome] = []
    last = options.first + options.seeds
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(play, range(options.first, last), chunksize=10):
            counts += outcome.counts
            played = outcome.seed + 1 - options.first
            if outcome.problem:
                failed.append(outcome)
                print(f"seed {outcome.seed} failed", flush=True)  # the others may take long
            if played % _REPORT_EVERY == 0:
                print(f"{played} seeds played, {len(failed)} failed", flush=True)
    for outcome in failed[: options.stories]:
        print(outcome.story, end="\n\n")
    _summarize(counts)
    for outcome in failed:
        print(f"FAILED seed {outcome.seed}: {outcome.problem.strip().splitlines()[-1]}")
        print(f"    again: python -m tests.simulation --seed {outcome.seed}")
    seconds = monotonic() - began_at
    print(
        f"{options.seeds} seeds from {options.first}, {len(failed)} failed, "
        f"{seconds:.1f} s, {options.seeds / seconds:.1f} seeds/s"
    )
    return bool(failed)


def _play_one(seed: int) -> int:
    outcome = play(seed)
    print(outcome.story or "all promises held")
    print(outcome.problem)
    return bool(outcome.problem)


def _summarize(counts: Counter[str]) -> None:
    for what, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        print(f"{count:9}  {what}")


if __name__ == "__main__":
    sys.exit(main())
