"""Metrics for OpenTelemetry, with its own SDK."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from zc.zk import Client, UsageError
from zc.zk.metrics.opentelemetry import OpenTelemetryMetrics
from zc.zk.testing import Server


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider(metric_readers=[reader])
    yield provider
    provider.shutdown()


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:  # Any: points of several kinds
    """Give what was measured, by name."""
    data = reader.get_metrics_data()
    assert data is not None
    [resource] = data.resource_metrics
    [scope] = resource.scope_metrics
    return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


def test_what_a_client_does_is_exported(
    provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    metrics = OpenTelemetryMetrics(provider)

    with Server() as server, Client(server.address, metrics=metrics) as client:
        client.get("/")
        client.get("/")

    found = points(reader)
    [requests] = [
        point
        for point in found["zookeeper.client.requests"]
        if point.attributes == {"operation": "GetData", "outcome": "ok"}
    ]
    [duration] = [
        point
        for point in found["zookeeper.client.request.duration"]
        if point.attributes == {"operation": "GetData"}
    ]
    [connects] = found["zookeeper.client.connects"]
    assert requests.value == 2
    assert duration.count == 2
    assert connects.value == 1


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(UsageError, match=r"need the extra: pip install zc\.zk\[opentelemetry\]"):
        OpenTelemetryMetrics()
