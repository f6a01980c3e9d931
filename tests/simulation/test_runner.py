"""What a seed gives: the same story each time, and everywhere."""

import hashlib
import os
import subprocess
import sys

import pytest

from tests.simulation.runner import play
from tests.simulation.variants import broken
from tests.sources import PROJECT

DIGEST = """
import hashlib, logging
logging.disable()
from tests.simulation.runner import play
story = "".join(play(seed, keeps_story=True).story for seed in range(5))
print(hashlib.sha256(story.encode()).hexdigest())
"""


def digest(hash_seed: str) -> str:
    """Give what five stories come to, in a process of its own."""
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "src")])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_a_seed_gives_the_same_story_whatever_the_order_of_hashes() -> None:
    stories = "".join(play(seed, keeps_story=True).story for seed in range(5))

    assert {digest("1"), digest("2")} == {hashlib.sha256(stories.encode()).hexdigest()}


@pytest.mark.slow
def test_a_history_that_goes_wrong_tells_its_whole_story() -> None:
    with broken("watches_are_not_armed_again"):
        outcome = next(each for each in map(play, range(20)) if each.problem)

    lines = outcome.story.splitlines()
    assert "seed" in outcome.story
    assert "VIOLATION" in lines[-1]
    assert any("FAULT" in line for line in lines)
    assert any("is told CONNECTED" in line for line in lines)


@pytest.mark.slow
def test_a_history_that_ends_well_keeps_no_story() -> None:
    outcome = play(0)

    assert (outcome.problem, outcome.story) == ("", "")
    assert outcome.counts["asked"] > 0
