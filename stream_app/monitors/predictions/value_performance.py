"""Performance of a model whose answers are values."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.performance import Crossing, ErrorScale, NewestRows, RateDetector, error_scores
from stream_app.monitors.predictions.answers import MILLIONTHS
from stream_app.monitors.predictions.columns import Labelled, PredictionColumns
from stream_app.monitors.predictions.error_detectors import ErrorDetectors
from stream_app.monitors.predictions.intake import Admitted, Judged
from stream_app.monitors.predictions.outcome import PredictionBatch
from stream_app.monitors.predictions.performance import Judgement, Standing, Summaries
from stream_app.monitors.predictions.quantiles import Quantiles
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["ValuePerformance"]

_TRUTH, _PREDICTED, _COVERED, _PROMISED = range(4)
"""Columns of a table of labelled values: whether the truth is within the interval, and how often that is promised."""

_HIGH, _LOW = "bias.high", "bias.low"
_SIDES = {_HIGH: 1.0, _LOW: -1.0}


class ValuePerformance:
    """Errors of one source's values: figures over windows, the baseline, and tests against it.

    Errors are cut where one in a hundred of the baseline lies beyond, so that no single one decides, and tests can bet on
    numbers between 0 and 1.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    channels = ("error", "bias")

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self._window = NewestRows(config.window, 4)
        self._first: NewestRows | None = NewestRows(config.baseline, 4)
        self._n = 0
        self._sum = 0.0
        self._rates: Mapping[str, float] = {}
        self._scale: ErrorScale | None = None
        self._baseline: dict[str, float] = {}
        self._detectors: dict[str, RateDetector] = {}
        self._errors = ErrorDetectors(config)
        self._quantiles = Quantiles(config.window)

    @property
    def told(self) -> Mapping[str, Summaries]:
        """Parts whose signals have summaries of their own: none."""
        return {}

    @property
    def weights(self) -> Mapping[str, float]:
        """Detectors that share the budget, with their weights."""
        weights = {"error": 2.0, "bias": 1.0}
        return weights if self._config.max_undercoverage is None else weights | {"coverage": 1.0}

    @property
    def labelled(self) -> int:
        """Labelled predictions so far."""
        return self._n

    @property
    def drifts(self) -> Mapping[str, int]:
        """Drifts of the errors so far, by detector."""
        return self._errors.drifts

    @property
    def cold(self) -> list[str]:
        """Why detectors of errors started cold when the state was restored."""
        return self._errors.cold

    def standing(self) -> Standing:
        """Return the mean absolute error of the window and its upper limit."""
        rows = self._window.rows
        limit = self._baseline.get("mae", math.nan) * (1.0 + self._config.max_error_rise)
        value = error_scores(rows[:, _TRUTH], rows[:, _PREDICTED]).mae
        return Standing("mean absolute error", value, limit, is_least=False, beyond=self._beyond("error"))

    def _beyond(self, name: str) -> bool:
        return name in self._detectors and self._detectors[name].beyond

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""
        self._rates = rates
        self._build()

    def update(
        self,
        block: Admitted,
        batch: PredictionBatch,
        predictions: PredictionColumns,  # noqa: ARG002 values say nothing before their truth
        since: int,
    ) -> Judgement:
        """Take events; those after the place `since` of the batch are judged."""
        judged = block.judged
        table = _table(judged)
        row = np.array([one.at for one in judged], dtype=np.int64)
        errors = table[:, _PREDICTED] - table[:, _TRUTH]
        self._window.append(table)
        self._quantiles.update(judged)
        self._n += len(table)
        # One after the other, so that the sum is the same wherever batches end.
        self._sum = float(np.cumsum(np.concatenate(([self._sum], np.abs(errors))))[-1])
        begin = 0
        if self._first is not None:
            begin = min(self._first.capacity - len(self._first), len(table))
            self._first.append(table[:begin])
            if len(self._first) == self._first.capacity:
                self._learn(self._first.rows)
                self._first = None
        figures = np.column_stack([np.abs(errors), errors])
        if self._scale is None:
            begin = len(table)
        ts = batch.ts[row]
        large = np.abs(errors[begin:]) > (math.inf if self._scale is None else self._scale.large)
        labelled = Labelled(
            row[begin:], ts[begin:], ~large, [one.item for one in judged[begin:]],
            [one.truth for one in judged[begin:]],
        )  # fmt: skip
        if self._scale is None or begin == len(table):
            return Judgement([], labelled, row, figures)
        found = self._errors.update(labelled.ts, labelled.row, self._scale.losses(errors[begin:]))
        known = labelled.row > since
        found += self._judge(self._scale, labelled, table[begin:], known)
        return Judgement(found, labelled, row, figures)

    def _learn(self, first: FloatArray) -> None:
        scores = error_scores(first[:, _TRUTH], first[:, _PREDICTED])
        promised = first[~np.isnan(first[:, _PROMISED])]
        self._baseline = asdict(scores) | {
            "n": float(len(first)),
            "coverage": float(promised[:, _COVERED].mean()) if len(promised) else math.nan,
            "promised": float(np.median(promised[:, _PROMISED])) if len(promised) else math.nan,
        }
        truth = first[:, _TRUTH]
        self._scale = ErrorScale.learn(first[:, _PREDICTED] - truth, float(np.abs(truth).max()))
        self._build()

    def _build(self) -> None:
        """Make the detectors, which need a baseline."""
        scale, config, rates = self._scale, self._config, self._rates
        if scale is None or not rates:
            return
        limits = {"error": (scale.highest_loss(config.max_error_rise), rates["error"])}
        for name, side in _SIDES.items():
            limits[name] = ((1.0 + scale.highest_shift(config.max_bias, side)) / 2.0, rates["bias"] / 2.0)
        promised = self._baseline["promised"]
        if config.max_undercoverage is not None and math.isfinite(promised):
            limits["coverage"] = (1.0 - promised + config.max_undercoverage, rates["coverage"])
        self._detectors = {
            name: RateDetector(min(max(limit, 1e-3), 1.0 - 1e-3), rate)
            for name, (limit, rate) in limits.items()
        }

    def _judge(
        self, scale: ErrorScale, labelled: Labelled, table: FloatArray, known: BoolArray
    ) -> list[Named]:
        rows = np.flatnonzero(known)
        errors = table[rows, _PREDICTED] - table[rows, _TRUTH]
        shifts = scale.shifts(errors)
        seen = {
            "error": scale.losses(errors),
            _HIGH: (1.0 + shifts) / 2.0,
            _LOW: (1.0 - shifts) / 2.0,
            "coverage": 1.0 - table[rows, _COVERED],
        }
        was = {name: detector.beyond for name, detector in self._detectors.items()}
        crossings = [
            (crossing, name)
            for name, detector in self._detectors.items()
            for crossing in detector.update(seen[name])
        ]
        found: list[Named] = []
        for crossing, name in sorted(crossings, key=lambda one: one[0].row):
            at = int(rows[crossing.row])
            other = _SIDES.keys() - {name} if name in _SIDES else ()
            was[name] = crossing.beyond
            # A bias that changes its side goes on.
            if not any(was.get(one, False) for one in other):
                found.append(self._tell(scale, name, crossing, int(labelled.row[at]), float(labelled.ts[at])))
        return found

    def _tell(self, scale: ErrorScale, name: str, crossing: Crossing, row: int, ts: float) -> Named:
        config = self._config
        figures = {"events": float(crossing.events)}
        if name == "error":
            now, before = scale.error_of(crossing.rate), scale.error_of(scale.loss)
            figures |= {"error": now, "baseline": before}
            statistic, threshold = (now - before) / (before or 1.0), config.max_error_rise
        elif name == "coverage":
            promised = self._baseline["promised"]
            figures |= {"coverage": 1.0 - crossing.rate, "promised": promised}
            statistic, threshold = promised - 1.0 + crossing.rate, config.max_undercoverage or 0.0
        else:
            shift = _SIDES[name] * (2.0 * crossing.rate - 1.0)
            figures |= {"bias": scale.bias_of(shift), "baseline": scale.bias_of(scale.shift)}
            statistic, threshold = (shift - scale.shift) / (scale.spread or 1.0), config.max_bias
        return performance_signal(
            name.partition(".")[0], row, ts, statistic=statistic, threshold=threshold,
            ended=not crossing.beyond, context=figures,
        )  # fmt: skip

    def features(self) -> dict[str, float | None]:
        """Live figures."""
        rows = self._window.rows
        scores = asdict(error_scores(rows[:, _TRUTH], rows[:, _PREDICTED]))
        promised = rows[~np.isnan(rows[:, _PROMISED])]
        values: dict[str, float | None] = {
            "labelled": self._n,
            **scores,
            "coverage": float(promised[:, _COVERED].mean()) if len(promised) else None,
            "coverage.promised": float(np.median(promised[:, _PROMISED])) if len(promised) else None,
            "all.mae": self._sum / self._n if self._n else None,
            "above_baseline": float(self._beyond("error")),
        }
        values |= {f"baseline.{name}": value for name, value in self._baseline.items()}
        values |= self._quantiles.features() | self._errors.features()
        return {name: None if value is None or math.isnan(value) else value for name, value in values.items()}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "window": self._window.state(),
            "first": None if self._first is None else self._first.state(),
            "n": self._n,
            "sum": self._sum,
            "scale": None if self._scale is None else asdict(self._scale),
            "baseline": {name: None if math.isnan(x) else x for name, x in self._baseline.items()},
            "detectors": {name: detector.state() for name, detector in self._detectors.items()},
            "errors": self._errors.state(),
            "quantiles": self._quantiles.state(),
        }

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`, with the baseline that it has."""
        self._window = NewestRows.from_state(state["window"], self._config.window)
        self._first = None
        if state["first"] is not None:
            self._first = NewestRows(self._config.baseline, 4)
            # A baseline that is shorter now than what is there is complete with the next one.
            self._first.append(NewestRows.from_state(state["first"], self._config.baseline - 1).rows)
        self._n, self._sum = int(state["n"]), float(state["sum"])
        self._scale = None if state["scale"] is None else ErrorScale(**state["scale"])
        self._baseline = {name: math.nan if x is None else float(x) for name, x in state["baseline"].items()}
        self.arm(rates or {})
        for name in self._detectors.keys() & state["detectors"].keys():
            self._detectors[name].resume(state["detectors"][name])
        self._errors.restore(state["errors"])
        self._quantiles.restore(state["quantiles"])


def _table(judged: Iterable[Judged]) -> FloatArray:
    rows = []
    for one in judged:
        truth, item = float(one.truth), one.item
        covered = promised = math.nan
        if len(item.values) > 1:
            covered = float(item.values[0] <= truth <= item.values[-1])
            promised = (item.columns[-1] - item.columns[0]) / MILLIONTHS
        rows.append((truth, float(item.predicted), covered, promised))
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)
