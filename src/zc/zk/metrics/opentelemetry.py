"""Metrics for OpenTelemetry, by its API package (the extra `zc.zk[opentelemetry]`)."""

from typing import Any

from zc.zk.errors import UsageError
from zc.zk.metrics import COUNTERS, DURATIONS, LEVELS


class OpenTelemetryMetrics:
    """Counters, histograms and up-down counters of a meter; of the global meter provider unless another is given."""

    def __init__(
        self,
        meter_provider: Any = None,  # Any: opentelemetry's type, which need not be installed
        prefix: str = "zookeeper.client",
    ) -> None:
        try:
            from opentelemetry import metrics  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise UsageError(
                "metrics for OpenTelemetry need the extra: pip install zc.zk[opentelemetry]"
            ) from error
        meter = metrics.get_meter("zc.zk", meter_provider=meter_provider)
        self._counters = {
            name: meter.create_counter(f"{prefix}.{name}", "1", measure.help)
            for name, measure in COUNTERS.items()
        }
        self._histograms = {
            name: meter.create_histogram(
                f"{prefix}.{name.removesuffix('_seconds')}.duration", "s", measure.help
            )
            for name, measure in DURATIONS.items()
        }
        self._levels = {
            name: meter.create_up_down_counter(f"{prefix}.{name}", "1", measure.help)
            for name, measure in LEVELS.items()
        }

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        """Add to a counter."""
        self._counters[name].add(number, labels)

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        """Add to a histogram."""
        for each in seconds:
            self._histograms[name].record(each, labels)

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        """Move a level."""
        self._levels[name].add(difference, labels)
