"""Failure rate and latency of a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray
from stream_app.core.performance import NewestRows, RateDetector
from stream_app.monitors.predictions.columns import PredictionColumns
from stream_app.monitors.predictions.signals import Named, rate_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["ServiceLevels"]

_QUANTILES = (0.5, 0.95, 0.99)


class ServiceLevels:
    """Failures and latencies of one source, with their thresholds.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self._latencies = NewestRows(config.window, 1)
        self._attempts = 0
        self._failed = 0
        self._detectors: dict[str, RateDetector] = {}

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""
        limits = {"failures": self._config.max_failures, "latency": self._config.slow_share}
        for name, limit in limits.items():
            if name in rates and limit is not None:
                self._detectors[name] = RateDetector(limit, rates[name])

    def update(self, columns: PredictionColumns, since: int) -> list[Named]:
        """Take predictions; those after the place `since` of the batch are judged."""
        self._attempts += len(columns.row)
        self._failed += int(columns.failed.sum())
        self._latencies.append(columns.latency[~np.isnan(columns.latency), np.newaxis])
        judged = columns.row > since
        found: list[Named] = []
        for name, detector in self._detectors.items():
            seen = columns.failed.astype(np.float64)
            if name == "latency":
                slow: BoolArray = columns.latency > (self._config.max_latency or np.inf)
                seen = np.where(np.isnan(columns.latency), np.nan, slow)
            for crossing in detector.update(seen[judged]):
                at = int(np.flatnonzero(judged)[crossing.row])
                row, ts = int(columns.row[at]), float(columns.ts[at])
                found.append(rate_signal(name, crossing, row, ts, limit=detector.limit))
        return found

    def features(self) -> dict[str, float | None]:
        """Live features."""
        latencies = self._latencies.rows[:, 0]
        quantiles: list[float | None] = [None] * len(_QUANTILES)
        if len(latencies):
            quantiles = np.quantile(latencies, _QUANTILES).tolist()
        named = zip(_QUANTILES, quantiles, strict=True)
        return {
            "failures": self._failed,
            "failure_rate": self._failed / self._attempts if self._attempts else None,
            **{f"latency.p{level * 100:g}": quantile for level, quantile in named},
        }

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "latencies": self._latencies.state(),
            "attempts": self._attempts,
            "failed": self._failed,
            "detectors": {name: detector.state() for name, detector in self._detectors.items()},
        }

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`."""
        self._latencies = NewestRows.from_state(state["latencies"], self._config.window)
        self._attempts, self._failed = int(state["attempts"]), int(state["failed"])
        self.arm(rates or {})
        for name in self._detectors.keys() & state["detectors"].keys():
            self._detectors[name].resume(state["detectors"][name])
