"""Metrics for Prometheus, by the `prometheus-client` package (the extra `zc.zk[prometheus]`)."""

from typing import Any

from zc.zk.errors import UsageError
from zc.zk.metrics import COUNTERS, DURATIONS, LEVELS

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PrometheusMetrics:
    """Counters, histograms and gauges in a registry, prometheus-client's own unless another is given.

    Make one for each registry, and give it to all clients: names can be registered only once.
    """

    def __init__(
        self,
        registry: Any = None,  # Any: prometheus_client's type, which need not be installed
        prefix: str = "zookeeper_client",
    ) -> None:
        try:
            import prometheus_client  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise UsageError(
                "metrics for Prometheus need the extra: pip install zc.zk[prometheus]"
            ) from error
        kinds = prometheus_client
        place: dict[str, Any] = {  # Any: keywords of different types
            "registry": kinds.REGISTRY if registry is None else registry,
            "namespace": prefix,
        }
        self._counters = {
            name: kinds.Counter(name, measure.help, measure.labels, **place)
            for name, measure in COUNTERS.items()
        }
        self._histograms = {
            name: kinds.Histogram(name, measure.help, measure.labels, buckets=_BUCKETS, **place)
            for name, measure in DURATIONS.items()
        }
        self._gauges = {
            name: kinds.Gauge(name, measure.help, measure.labels, **place)
            for name, measure in LEVELS.items()
        }

    def count(self, name: str, number: int, labels: dict[str, str], /) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(number)

    def observe(self, name: str, seconds: list[float], labels: dict[str, str], /) -> None:
        """Add to a histogram."""
        histogram = self._histograms[name].labels(**labels)
        for each in seconds:
            histogram.observe(each)

    def change(self, name: str, difference: int, labels: dict[str, str], /) -> None:
        """Move a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).inc(difference)
