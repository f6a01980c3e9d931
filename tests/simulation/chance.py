"""Dice that fall the same way for a seed, on every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

X = TypeVar("X")


class Chance:
    """All is made of `Random.random`: the one sequence of numbers that Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def happens(self, probability: float) -> bool:
        """Say whether something of that probability happens this time."""
        return self.random() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return low + (high - low) * self.random()

    def number(self, low: int, high: int) -> int:
        """Return a whole number, both bounds included."""
        return low + int(self.random() * (high - low + 1))

    def one_of(self, choices: Sequence[X]) -> X:
        """Return one of some."""
        return choices[int(self.random() * len(choices))]

    def weighted(self, choices: Sequence[tuple[float, X]]) -> X:
        """Return one of some, which have weights."""
        left = self.random() * sum(weight for weight, _ in choices)
        for weight, choice in choices:
            left -= weight
            if left < 0:
                return choice
        return choices[-1][1]

    def bytes(self, count: int) -> bytes:
        """Return some bytes."""
        return bytes(int(self.random() * 256) for _ in range(count))

    def child(self) -> "Chance":
        """Return dice of their own, so that what is thrown there changes nothing here."""
        return Chance(int(self.random() * (1 << 53)))
