"""Predictions beside their labels, which come with them, before them or later."""

from collections import OrderedDict
from typing import Any

from msgspec.structs import replace

from stream_app.events import PredictionRow

__all__ = ["LabelledPredictions"]


class LabelledPredictions:
    """Joins the events of one model by their ids.

    The first prediction and the first label of an id count, as in the worker's monitor; how long a label takes does not
    matter here, since nothing has to be judged by a deadline.

    Parameters
    ----------
    source : str
        The model, as events name it; events of others are passed over.
    most : int
        Predictions without a label that are remembered, and labels without a prediction; the oldest go first.

    Examples
    --------
    >>> joined = LabelledPredictions("digits", most=10)
    >>> joined.add(PredictionRow("digits", 1.0, "a", prediction="7", features={"ink": 0.2}))
    >>> row = joined.add(PredictionRow("digits", 9.0, "a", label="1"))
    >>> row.ts, row.prediction, row.label, row.features
    (1.0, '7', '1', {'ink': 0.2})
    """

    def __init__(self, source: str, *, most: int) -> None:
        self.source = source
        self._most = most
        self._waiting: OrderedDict[str, PredictionRow] = OrderedDict()
        self._early: OrderedDict[str, str] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()
        self.predictions = 0
        """Predictions of the model so far."""
        self.labels = 0
        """Labels so far, with a prediction or without."""

    def add(self, row: PredictionRow) -> PredictionRow | None:
        """Take an event; return the prediction with its label if now both are there."""
        if row.source != self.source or row.id in self._done:
            return None
        answered = row.prediction is not None or row.failed
        self.predictions += answered
        self.labels += row.label is not None
        if not answered:
            return self._label(row)
        if row.id in self._waiting:
            return None
        label = row.label or self._early.pop(row.id, None)
        if label is None:
            _remember(self._waiting, row.id, row, self._most)
            return None
        return self._joined(row, label)

    def _label(self, row: PredictionRow) -> PredictionRow | None:
        if row.label is None:
            return None
        found = self._waiting.pop(row.id, None)
        if found is not None:
            return self._joined(found, row.label)
        if row.id not in self._early:
            _remember(self._early, row.id, row.label, self._most)
        # A row of a file may have features and a label, and nobody's answer.
        return self._joined(row, self._early.pop(row.id)) if row.features else None

    def _joined(self, row: PredictionRow, label: str) -> PredictionRow:
        _remember(self._done, row.id, None, self._most)
        return row if row.label == label else replace(row, label=label)


def _remember(kept: OrderedDict[str, Any], key: str, value: Any, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
