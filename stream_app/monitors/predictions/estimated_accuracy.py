"""Accuracy of a model without labels."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.performance import AccuracyEstimator, NewestRows, RateDetector
from stream_app.errors import DataError
from stream_app.monitors.predictions.accuracy import FIRST_P, PREDICTED, RIGHT, TRUTH
from stream_app.monitors.predictions.columns import MAX_CLASSES, PredictionColumns
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["EstimatedAccuracy"]

_DEVIATIONS = 1.645


class EstimatedAccuracy:
    """Estimated accuracy of the newest predictions of one source, calibrated on its baseline.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self._newest = NewestRows(config.window, 1)
        self._rates: Mapping[str, float] = {}
        self._estimator: AccuracyEstimator | None = None
        self._expected = math.nan
        self._detector: RateDetector | None = None

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""
        self._rates = rates

    def learn(self, first: FloatArray) -> None:
        """Calibrate on a table of labelled predictions, as `Accuracy.update` gives it."""
        known = first[_known(first[:, FIRST_P:])]
        k = _classes(known)
        p = np.pad(known[:, FIRST_P:], ((0, 0), (0, max(0, k - known.shape[1] + FIRST_P))))[:, :k]
        predicted, truth = known[:, PREDICTED].astype(np.int64), known[:, TRUTH].astype(np.int64)
        try:
            self._estimator = AccuracyEstimator.fit(p, predicted, truth, class_mix=self._config.class_mix)
        except DataError:
            # Too few predictions with probabilities: there is nothing to estimate from.
            return
        chance = self._estimator.confidence(p, predicted)
        self._expected = float(chance.mean()) - _DEVIATIONS * float(chance.std()) / math.sqrt(len(chance))
        self._build()

    def _build(self) -> None:
        if "estimated_accuracy" in self._rates and math.isfinite(self._expected):
            limit = min(max(1.0 - self._expected + self._config.max_drop, 1e-3), 1.0 - 1e-3)
            self._detector = RateDetector(limit, self._rates["estimated_accuracy"])

    def update(self, columns: PredictionColumns, since: int) -> list[Named]:
        """Take predictions; those after the place `since` of the batch are judged."""
        known = _known(columns.p)
        table = np.column_stack([columns.predicted.astype(np.float64), columns.p])
        self._newest.append(table[known])
        if self._detector is None or self._estimator is None:
            return []
        rows = np.flatnonzero(known & (columns.answered > since))
        chance = self._estimator.confidence(columns.p[rows], columns.predicted[rows])
        found: list[Named] = []
        for crossing in self._detector.update(1.0 - chance):
            row = int(columns.answered[rows[crossing.row]])
            at = int(np.searchsorted(columns.row, row))
            estimate = 1.0 - crossing.rate
            found.append(
                performance_signal(
                    "estimated_accuracy", row, float(columns.ts[at]), statistic=self._expected - estimate,
                    threshold=self._config.max_drop, ended=not crossing.beyond,
                    context={"accuracy": estimate, "baseline": self._expected, "events": float(crossing.events)},
                )
            )  # fmt: skip
        return found

    def features(self, labelled: FloatArray) -> dict[str, float | None]:
        """Live figures: the estimate, and its value for labelled predictions, to compare with their truth."""
        estimator = self._estimator
        values: dict[str, float | None] = dict.fromkeys(
            (
                "estimated_accuracy", "estimated_accuracy.by_confidence", "estimated_accuracy.by_class_mix",
                "estimated_accuracy.labelled", "estimated_accuracy.error",
            )
        )  # fmt: skip
        if estimator is None:
            return values
        newest = self._newest.rows
        if len(newest):
            estimate = estimator.estimate(newest[:, 1:], newest[:, 0].astype(np.int64))
            values["estimated_accuracy"] = estimate.accuracy
            values["estimated_accuracy.by_confidence"] = estimate.by_confidence
            values["estimated_accuracy.by_class_mix"] = estimate.by_class_mix
        judged = labelled[_known(labelled[:, FIRST_P:])]
        if len(judged):
            then = estimator.estimate(judged[:, FIRST_P:], judged[:, PREDICTED].astype(np.int64)).accuracy
            values["estimated_accuracy.labelled"] = then
            values["estimated_accuracy.error"] = then - float(judged[:, RIGHT].mean())
        return values

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "newest": self._newest.state(),
            "estimator": None if self._estimator is None else self._estimator.state(),
            "expected": None if math.isnan(self._expected) else self._expected,
            "detector": None if self._detector is None else self._detector.state(),
        }

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`."""
        self._newest = NewestRows.from_state(state["newest"], self._config.window)
        if state["estimator"] is not None:
            self._estimator = AccuracyEstimator.from_state(state["estimator"])
            self._estimator.class_mix = self._config.class_mix
        self._expected = math.nan if state["expected"] is None else float(state["expected"])
        self.arm(rates or {})
        self._build()
        if self._detector is not None and state["detector"] is not None:
            self._detector.resume(state["detector"])


def _known(p: FloatArray) -> BoolArray:
    """Which rows have probabilities."""
    return np.asarray(p.any(axis=1), dtype=np.bool_)


def _classes(known: FloatArray) -> int:
    """Count the classes that the rows themselves name, so that it does not matter what a batch names after them."""
    used = np.flatnonzero(known[:, FIRST_P:].any(axis=0))
    named = known[:, [TRUTH, PREDICTED]]
    within = named[named < MAX_CLASSES]
    return int(max(used.max(initial=0), within.max(initial=0))) + 1
