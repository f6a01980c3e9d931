"""Metrics for Prometheus, with its own client package."""

import sys

import prometheus_client
import pytest

from zc.zk import Client, NoNodeError, UsageError
from zc.zk.metrics.prometheus import PrometheusMetrics
from zc.zk.testing import Server


@pytest.fixture
def registry() -> prometheus_client.CollectorRegistry:
    return prometheus_client.CollectorRegistry()


def test_what_a_client_does_can_be_scraped(registry: prometheus_client.CollectorRegistry) -> None:
    metrics = PrometheusMetrics(registry)

    with Server() as server, Client(server.address, metrics=metrics) as client:
        address = server.address
        client.get("/")
        with pytest.raises(NoNodeError):
            client.get("/missing")

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"zookeeper_client_{name}", labels)

    assert value("requests_total", operation="GetData", outcome="ok") == 1
    assert value("requests_total", operation="GetData", outcome="NoNodeError") == 1
    assert value("request_seconds_count", operation="GetData") == 2
    assert value("connection_attempts_total", server=address, outcome="connected") == 1
    assert value("connects_total") == 1
    assert value("connected") == 0
    text = prometheus_client.generate_latest(registry).decode()
    assert "# HELP zookeeper_client_expiries_total Sessions that ended against our will" in text


def test_the_prefix_can_be_chosen(registry: prometheus_client.CollectorRegistry) -> None:
    PrometheusMetrics(registry, prefix="zk").count("restores", 2, {})

    assert registry.get_sample_value("zk_restores_total") == 2


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(UsageError, match=r"need the extra: pip install zc\.zk\[prometheus\]"):
        PrometheusMetrics()
