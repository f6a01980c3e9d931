"""How long answers took."""


class Latency:
    """Figures in milliseconds, of which `longest`, `shortest` and `last` are whole."""

    __slots__ = ("count", "last", "longest", "shortest", "total")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.count = self.last = self.longest = self.shortest = 0
        self.total = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Take note of `count` answers that took `seconds` each."""
        self.last = int(seconds * 1000)
        self.shortest = min(self.shortest, self.last) if self.count else self.last
        self.longest = max(self.longest, self.last)
        self.count += count
        self.total += seconds * 1000 * count

    @property
    def average(self) -> float:
        """The mean, to a ten-thousandth."""
        return round(self.total / self.count, 4) if self.count else 0.0
