"""Has a fuzzer look for bytes that break something: `python -m tests.fuzz frames|log --seconds N`.

It sees which lines and comparisons an input reaches, and keeps those inputs that reach new ones, in `.fuzz`, for the
next time. An input that breaks something is left there as `crash-…`; `python -m tests.fuzz TARGET FILE` plays it again.
"""

import argparse
import logging
import random
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["zc.zk"]):
    from tests.fuzz import targets

FOLDER = Path(".fuzz")
SEEDS = 300
_LONGEST = 1000  # bytes of an input


def main() -> None:
    """Fuzz for so long, or play the inputs that are given."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("inputs", nargs="*", type=Path, help="play these, and end")
    parser.add_argument("--seconds", type=int, default=60, help="how long (60)")
    options = parser.parse_args()
    logging.disable()  # what a harness does not insist on is nobody's business here
    play = targets.TARGETS[options.target]
    if options.inputs:
        for each in options.inputs:
            play(each.read_bytes())
        return
    _fuzz(options.target, play, options.seconds)


def _fuzz(name: str, play: Callable[[bytes], None], seconds: int) -> None:
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    dice = random.Random(1)
    for number in range(SEEDS):
        (corpus / f"seed-{number}").write_bytes(dice.randbytes(dice.randrange(_LONGEST)))
    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        f"-artifact_prefix={FOLDER}/",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
