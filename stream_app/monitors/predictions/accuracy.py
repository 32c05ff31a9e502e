"""Accuracy of a model from labels."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.performance import (
    BetaBinomial,
    Crossing,
    NewestRows,
    RateDetector,
    calibration_error,
    class_scores,
    log_loss,
)
from stream_app.monitors.predictions.columns import LabelledColumns
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["Accuracy", "Baseline"]

_CREDIBLE = 0.95
_DEVIATIONS = 1.645
"""Standard errors at which a normal distribution leaves as much on one side as `_CREDIBLE` leaves."""

TRUTH, PREDICTED, RIGHT, CONFIDENCE, P_TRUE, FIRST_P = range(6)
"""Columns of a table of labelled predictions."""

_CLASSES_TOLD = 20
"""Models of more classes have no live features of each class: readers could not use them."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Baseline of a model's scores.

    Parameters
    ----------
    accuracy, low : float
        Right predictions, and what their true rate is at least, credibly; the same where the accuracy was given.
    n : int
        Number of predictions.
    f1, log_loss, ece : float
        Over them; NaN without probabilities.
    gap, gap_high : float
        Mean confidence less accuracy, and what it is at most, credibly.
    """

    accuracy: float
    low: float
    n: int
    f1: float
    log_loss: float
    ece: float
    gap: float
    gap_high: float


class Accuracy:
    """Accuracy of one source: scores over windows, the baseline, and its test.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._config = config
        self._window = NewestRows(config.window, FIRST_P)
        self._first: NewestRows | None = NewestRows(config.baseline, FIRST_P)
        self._n = self._right = 0
        self._loss = 0.0
        self._lossy = 0
        self._rates: Mapping[str, float] = {}
        self._accuracy: RateDetector | None = None
        self._calibration: RateDetector | None = None
        self.baseline: Baseline | None = None

    @property
    def labelled(self) -> int:
        """Labelled predictions so far."""
        return self._n

    @property
    def below(self) -> bool:
        """Whether the accuracy is credibly too far below the baseline."""
        return self._accuracy is not None and self._accuracy.beyond

    def standing(self) -> tuple[float, float]:
        """Return the accuracy of the window and its lower limit; NaN if unknown."""
        rows = self._window.rows
        now = float(rows[:, RIGHT].sum()) / len(rows) if len(rows) else math.nan
        expected = self._config.baseline_accuracy
        if expected is None and self.baseline is not None:
            expected = self.baseline.accuracy
        return now, math.nan if expected is None else expected - self._config.max_drop

    @property
    def rows(self) -> FloatArray:
        """The newest labelled predictions."""
        return self._window.rows

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""
        self._rates = rates
        given = self._config.baseline_accuracy
        if given is not None:
            self._accuracy = RateDetector(_limit(1.0 - given + self._config.max_drop), rates["accuracy"])

    def update(
        self, columns: LabelledColumns, since: int
    ) -> tuple[list[Named], tuple[int, FloatArray] | None]:
        """Take labelled predictions; those after the place `since` of the batch are judged.

        Returns
        -------
        signals : list of (detector, Signal)
            What was seen.
        learned : (int, ndarray) or None
            Where the baseline was complete, the place in the batch and the table of its predictions.
        """
        table = _table(columns)
        self._count(table)
        found: list[Named] = []
        learned = None
        if self._first is not None:
            wanted = self._first.capacity - len(self._first)
            self._first.append(table[:wanted])
            if len(self._first) == self._first.capacity:
                at = int(columns.row[wanted - 1])
                learned = at, self._first.rows
                found += self._judge(columns, table, columns.row > since, until=at)
                self._learn(self._first.rows)
                self._first = None
                since = max(since, at)
        return found + self._judge(columns, table, columns.row > since), learned

    def _count(self, table: FloatArray) -> None:
        self._window.append(table)
        self._n += len(table)
        self._right += int(table[:, RIGHT].sum())
        known = ~np.isnan(table[:, P_TRUE])
        least = float(np.finfo(np.float64).eps)
        losses = -np.log(np.clip(table[known, P_TRUE], least, 1.0 - least))
        # One after the other, so that the sum is the same wherever batches end.
        self._loss = float(np.cumsum(np.concatenate(([self._loss], losses)))[-1])
        self._lossy += len(losses)

    def _learn(self, first: FloatArray) -> None:
        n, right = len(first), int(first[:, RIGHT].sum())
        given = self._config.baseline_accuracy
        known = first[~np.isnan(first[:, CONFIDENCE])]
        gaps = known[:, CONFIDENCE] - known[:, RIGHT]
        gap = float(gaps.mean()) if len(gaps) else math.nan
        error = float(gaps.std()) / math.sqrt(len(gaps)) if len(gaps) else math.nan
        self.baseline = Baseline(
            accuracy=right / n if given is None else given,
            low=BetaBinomial(right, n).quantile(1.0 - _CREDIBLE) if given is None else given,
            n=n,
            f1=_scores(first)[2],
            log_loss=log_loss(known[:, P_TRUE]),
            ece=calibration_error(known[:, CONFIDENCE], known[:, RIGHT] > 0.5),
            gap=gap,
            gap_high=gap + _DEVIATIONS * error,
        )
        self._build()

    def _build(self) -> None:
        """Make the detectors that need a baseline."""
        baseline, config = self.baseline, self._config
        if baseline is None or not self._rates:
            return
        if config.baseline_accuracy is None:
            self._accuracy = RateDetector(
                _limit(1.0 - baseline.low + config.max_drop), self._rates["accuracy"]
            )
        if "calibration" in self._rates and config.max_overconfidence and math.isfinite(baseline.gap_high):
            limit = _limit((1.0 + baseline.gap_high + config.max_overconfidence) / 2.0)
            self._calibration = RateDetector(limit, self._rates["calibration"])

    def _judge(
        self, columns: LabelledColumns, table: FloatArray, judged: BoolArray, *, until: int | None = None
    ) -> list[Named]:
        if until is not None:
            judged = judged & (columns.row <= until)
        rows = np.flatnonzero(judged)
        found: list[Named] = []
        if self._accuracy is not None:
            for crossing in self._accuracy.update(1.0 - table[rows, RIGHT]):
                at = int(rows[crossing.row])
                found.append(self._tell_accuracy(crossing, int(columns.row[at]), float(columns.ts[at])))
        if self._calibration is not None:
            shifted = (table[rows, CONFIDENCE] - table[rows, RIGHT] + 1.0) / 2.0
            for crossing in self._calibration.update(shifted):
                at = int(rows[crossing.row])
                found.append(self._tell_calibration(crossing, int(columns.row[at]), float(columns.ts[at])))
        return found

    def _tell_accuracy(self, crossing: Crossing, row: int, ts: float) -> Named:
        given = self._config.baseline_accuracy
        expected = given if self.baseline is None else self.baseline.accuracy
        accuracy = 1.0 - crossing.rate
        low, high = BetaBinomial(round(accuracy * crossing.events), crossing.events).interval(_CREDIBLE)
        return performance_signal(
            "accuracy", row, ts, statistic=(expected or 0.0) - accuracy, threshold=self._config.max_drop,
            ended=not crossing.beyond,
            context={
                "accuracy": accuracy, "baseline": expected or 0.0, "low": low, "high": high,
                "events": float(crossing.events),
            },
        )  # fmt: skip

    def _tell_calibration(self, crossing: Crossing, row: int, ts: float) -> Named:
        gap = 2.0 * crossing.rate - 1.0
        before = 0.0 if self.baseline is None else self.baseline.gap
        return performance_signal(
            "calibration", row, ts, statistic=gap - before, threshold=self._config.max_overconfidence or 0.0,
            ended=not crossing.beyond,
            context={"overconfidence": gap, "baseline": before, "events": float(crossing.events)},
        )  # fmt: skip

    def features(self, labels: list[str]) -> dict[str, float | None]:
        """Live figures; `labels` by their numbers."""
        rows = self._window.rows
        n, right = len(rows), int(rows[:, RIGHT].sum())
        known = rows[~np.isnan(rows[:, CONFIDENCE])]
        precision, recall, f1 = _scores(rows)
        low, high = BetaBinomial(right, n).interval(_CREDIBLE) if n else (None, None)
        values: dict[str, float | None] = {
            "labelled": self._n,
            "accuracy": right / n if n else None,
            "accuracy.low": low,
            "accuracy.high": high,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "log_loss": log_loss(known[:, P_TRUE]),
            "ece": calibration_error(known[:, CONFIDENCE], known[:, RIGHT] > 0.5),
            "all.accuracy": self._right / self._n if self._n else None,
            "all.log_loss": self._loss / self._lossy if self._lossy else None,
            "below_baseline": float(self.below),
        }
        values |= _class_features(rows, labels)
        if self.baseline is not None:
            values |= {f"baseline.{name}": value for name, value in asdict(self.baseline).items()}
        return {name: None if value is None or math.isnan(value) else value for name, value in values.items()}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "window": self._window.state(),
            "first": None if self._first is None else self._first.state(),
            "n": self._n,
            "right": self._right,
            "loss": self._loss,
            "lossy": self._lossy,
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "accuracy": None if self._accuracy is None else self._accuracy.state(),
            "calibration": None if self._calibration is None else self._calibration.state(),
        }

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`, with the baseline that it has."""
        self._window = NewestRows.from_state(state["window"], self._config.window)
        first = state["first"]
        self._first = None
        if first is not None:
            self._first = NewestRows(self._config.baseline, FIRST_P)
            # A baseline that is shorter now than what is there is complete with the next one.
            self._first.append(NewestRows.from_state(first, self._config.baseline - 1).rows)
        self._n, self._right, self._lossy = int(state["n"]), int(state["right"]), int(state["lossy"])
        self._loss = float(state["loss"])
        stored = state["baseline"]
        if stored is not None:
            self.baseline = Baseline(**{field.name: stored[field.name] for field in fields(Baseline)})
        if rates is not None:
            self.arm(rates)
            self._build()
        for detector, stood in (
            (self._accuracy, state["accuracy"]),
            (self._calibration, state["calibration"]),
        ):
            if detector is not None and stood is not None:
                detector.resume(stood)


def _limit(rate: float) -> float:
    """Keep a limit away from certainty, where no bet can be made."""
    return min(max(rate, 1e-3), 1.0 - 1e-3)


def _table(columns: LabelledColumns) -> FloatArray:
    head = (columns.truth, columns.predicted, columns.right, columns.confidence, columns.p_true)
    return np.column_stack([*(column.astype(np.float64) for column in head), columns.p])


def _scores(rows: FloatArray) -> tuple[float, float, float]:
    return class_scores(rows[:, TRUTH].astype(np.int64), rows[:, PREDICTED].astype(np.int64)).macro


def _class_features(rows: FloatArray, labels: list[str]) -> dict[str, float | None]:
    if len(labels) > _CLASSES_TOLD:
        return {}
    scores = class_scores(rows[:, TRUTH].astype(np.int64), rows[:, PREDICTED].astype(np.int64))
    values: dict[str, float | None] = {}
    for i, code in enumerate(scores.classes.tolist()):
        name = labels[code]
        values[f"class.{name}.precision"] = float(scores.precision[i])
        values[f"class.{name}.recall"] = float(scores.recall[i])
        values[f"class.{name}.f1"] = float(scores.f1[i])
    return values
