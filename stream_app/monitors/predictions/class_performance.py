"""Performance of a model whose answers are classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.performance import Labels
from stream_app.monitors.predictions.accuracy import Accuracy
from stream_app.monitors.predictions.columns import PredictionColumns, labelled_columns
from stream_app.monitors.predictions.error_detectors import ErrorDetectors
from stream_app.monitors.predictions.estimated_accuracy import EstimatedAccuracy
from stream_app.monitors.predictions.intake import Admitted
from stream_app.monitors.predictions.label_sets import LabelSets
from stream_app.monitors.predictions.outcome import PredictionBatch
from stream_app.monitors.predictions.performance import Judgement, Standing
from stream_app.settings.predictions import PredictionStream

__all__ = ["ClassPerformance"]


class ClassPerformance:
    """Accuracy of one source, with labels and without, and its errors.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    labels : Labels
        Codes of the classes, which the intake gives.
    """

    channels = ("accuracy", "confidence")

    def __init__(self, config: PredictionStream, labels: Labels) -> None:
        self._config = config
        self._labels = labels
        self._accuracy = Accuracy(config)
        self._estimated = EstimatedAccuracy(config)
        self._errors = ErrorDetectors(config)
        self._label_sets = LabelSets()

    @property
    def told(self) -> Mapping[str, LabelSets]:
        """Parts whose signals have summaries of their own, by detector."""
        return {"labels": self._label_sets}

    @property
    def weights(self) -> Mapping[str, float]:
        """Detectors that share the budget; the one that is sure of itself gets most."""
        weights = {"accuracy": 2.0, "estimated_accuracy": 1.0}
        return weights if self._config.max_overconfidence is None else weights | {"calibration": 1.0}

    @property
    def labelled(self) -> int:
        """Labelled predictions so far."""
        return self._accuracy.labelled

    @property
    def drifts(self) -> Mapping[str, int]:
        """Drifts of the errors so far, by detector."""
        return self._errors.drifts

    @property
    def cold(self) -> list[str]:
        """Why detectors of errors started cold when the state was restored."""
        return self._errors.cold

    def standing(self) -> Standing:
        """Return the accuracy of the window and its lower limit."""
        value, limit = self._accuracy.standing()
        return Standing("accuracy", value, limit, is_least=True, beyond=self._accuracy.below)

    def arm(self, rates: Mapping[str, float]) -> None:
        """Start the tests, with these false-alarm rates per event."""
        self._accuracy.arm(rates)
        self._estimated.arm(rates)

    def update(
        self, block: Admitted, batch: PredictionBatch, predictions: PredictionColumns, since: int
    ) -> Judgement:
        """Take events; those after the place `since` of the batch are judged."""
        columns = labelled_columns(block, batch, len(self._labels))
        found = self._errors.update(columns.ts, columns.row, (~columns.right).astype(np.float64))
        judged, learned = self._accuracy.update(columns, since)
        found += judged
        if learned is not None:
            since, first = max(since, learned[0]), learned[1]
            self._estimated.learn(first)
        found += self._estimated.update(predictions, since)
        found += self._label_sets.update(columns)
        figures = np.column_stack([columns.right.astype(np.float64), columns.confidence])
        return Judgement(found, columns, columns.row, figures)

    def features(self) -> dict[str, float | None]:
        """Live figures."""
        values = self._accuracy.features(self._labels.names) | self._errors.features()
        return values | self._estimated.features(self._accuracy.rows)

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "accuracy": self._accuracy.state(),
            "estimated_accuracy": self._estimated.state(),
            "errors": self._errors.state(),
            "label_sets": self._label_sets.state(),
        }

    def restore(self, state: Mapping[str, Any], rates: Mapping[str, float] | None) -> None:
        """Restore from `state`, with the baseline that it has."""
        self._accuracy.restore(state["accuracy"], rates)
        self._estimated.restore(state["estimated_accuracy"], rates)
        self._errors.restore(state["errors"])
        self._label_sets.restore(state["label_sets"])
