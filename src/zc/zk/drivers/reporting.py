"""Hands what a session measured to the user's metrics, on a callback thread."""

import logging
from collections.abc import Callable
from typing import Any

from zc.zk.drivers.running import Driver
from zc.zk.metrics import COUNTERS, DURATIONS, Metrics
from zc.zk.protocol.measuring import MeasuredSession

log = logging.getLogger("zc.zk")


class Reporter:
    """Takes a session's reports to `metrics`; the session and the callbacks hold it."""

    def __init__(self, metrics: Metrics, session: MeasuredSession, driver: Driver) -> None:
        self._metrics = metrics
        self._session = session
        self._driver = driver
        self._failures = 0  # of callbacks, reported so far
        self._levels: dict[str, int] = {}  # the same
        self._has_complained = False
        session.on_due = self._post
        driver.callbacks.on_failure = self._callback_failed

    def _post(self) -> None:
        self._driver.callbacks.post(self, self._report)

    def _callback_failed(self) -> None:
        with self._driver.lock:
            self._session.remember_to_report()

    def _report(self) -> None:
        with self._driver.lock:
            report = self._session.take_report()
        failures = self._driver.callbacks.failures
        if failures > self._failures:
            report.counts["callback_failures",] = failures - self._failures
            self._failures = failures
        for (name, *values), number in report.counts.items():
            labels = dict(zip(COUNTERS[name].labels, values, strict=True))
            self._tell(self._metrics.count, name, number, labels)
        (name,) = DURATIONS
        for operation, seconds in report.durations.items():
            self._tell(self._metrics.observe, name, seconds, {"operation": operation})
        for name, level in report.levels.items():
            if difference := level - self._levels.get(name, 0):
                self._tell(self._metrics.change, name, difference, {})
        self._levels = report.levels

    def _tell(self, method: Callable[..., None], name: str, *values: Any) -> None:
        try:
            method(name, *values)
        except Exception:
            if not self._has_complained:
                self._has_complained = True
                log.exception("metrics failed at %s; further errors are not logged", name)
