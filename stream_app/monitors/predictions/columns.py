"""Admitted events of one delivery, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.monitors.predictions.answers import Unlabelled
from stream_app.monitors.predictions.intake import Admitted
from stream_app.monitors.predictions.outcome import PredictionBatch

__all__ = [
    "MAX_CLASSES",
    "Labelled",
    "LabelledColumns",
    "PredictionColumns",
    "labelled_columns",
    "prediction_columns",
]

MAX_CLASSES = 100
"""Labels whose probabilities are kept all; models with more are judged, but not estimated without labels."""


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """Predictions of one delivery, failures among them.

    Parameters
    ----------
    row : array of int, shape (n,)
        Their places in the batch.
    ts : array, shape (n,)
        Event times.
    failed : array of bool, shape (n,)
        Whether the model failed.
    latency : array, shape (n,)
        Seconds; NaN if the event has none.
    answered : array of int, shape (m,)
        Places in the batch of those that have a prediction.
    predicted : array of int, shape (m,)
        Their predicted labels.
    p : array, shape (m, k)
        Their probabilities; zeros where there are none.
    items : sequence of Unlabelled
        The predictions themselves.
    """

    row: IntArray
    ts: FloatArray
    failed: BoolArray
    latency: FloatArray
    answered: IntArray
    predicted: IntArray
    p: FloatArray
    items: Sequence[Unlabelled]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Predictions whose truth came in one delivery.

    Parameters
    ----------
    row : array of int, shape (n,)
        Places in the batch of the events that brought the truth.
    ts : array, shape (n,)
        Event times, seconds.
    right : array of bool, shape (n,)
        Whether the prediction was; of a value, whether its error was none of the large ones.
    items : sequence of Unlabelled
        The predictions themselves.
    truths : sequence of str
        What is true.
    """

    row: IntArray
    ts: FloatArray
    right: BoolArray
    items: Sequence[Unlabelled]
    truths: Sequence[str]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class LabelledColumns(Labelled):
    """Predicted classes whose truth came in one delivery.

    Parameters
    ----------
    truth, predicted : array of int, shape (n,)
        Numbers of the labels.
    confidence, p_true : array, shape (n,)
        Probability of the predicted and of the true label; NaN without probabilities.
    p : array, shape (n, k)
        All probabilities; zeros where there are none.
    """

    truth: IntArray
    predicted: IntArray
    confidence: FloatArray
    p_true: FloatArray
    p: FloatArray


def prediction_columns(admitted: Admitted, batch: PredictionBatch, labels: int) -> PredictionColumns:
    """Return the predictions of a delivery as columns; `labels` is the number of known labels."""
    row = np.array([at for at, _ in admitted.attempts], dtype=np.int64)
    items = [item for _, item in admitted.predictions]
    return PredictionColumns(
        row,
        batch.ts[row],
        np.array([event.failed for _, event in admitted.attempts], dtype=np.bool_),
        np.array([event.latency for _, event in admitted.attempts], dtype=np.float64),
        np.array([at for at, _ in admitted.predictions], dtype=np.int64),
        np.array([item.code for item in items], dtype=np.int64),
        _probabilities(items, labels),
        items,
    )


def labelled_columns(admitted: Admitted, batch: PredictionBatch, labels: int) -> LabelledColumns:
    """Return the labelled predictions of a delivery as columns; `labels` is the number of known labels."""
    judged = admitted.judged
    items = [one.item for one in judged]
    row = np.array([one.at for one in judged], dtype=np.int64)
    nan = float("nan")
    return LabelledColumns(
        row,
        batch.ts[row],
        np.array([one.item.predicted == one.truth for one in judged], dtype=np.bool_),
        items,
        [one.truth for one in judged],
        np.array([one.code for one in judged], dtype=np.int64),
        np.array([item.code for item in items], dtype=np.int64),
        np.array(
            [item.values[item.columns.index(item.code)] if item.values else nan for item in items], np.float64
        ),
        # A label to which the model gives no probability has none.
        np.array(
            [
                (one.item.values[one.item.columns.index(one.code)] if one.code in one.item.columns else 0.0)
                if one.item.values
                else nan
                for one in judged
            ],
            np.float64,
        ),
        _probabilities(items, labels),
    )


def _probabilities(items: Sequence[Unlabelled], labels: int) -> FloatArray:
    """Return probabilities by label, shape (n, k); zeros for what has none, or more labels than are kept."""
    p = np.zeros((len(items), min(labels, MAX_CLASSES)))
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for i, item in enumerate(items):
        rows_of.setdefault(item.columns, []).append(i)
    for columns, rows in rows_of.items():
        if columns and max(columns) < MAX_CLASSES:
            p[np.ix_(rows, columns)] = [items[i].values for i in rows]
    return p
