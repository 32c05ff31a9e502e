"""What answers of a model are: classes, or values."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from stream_app.core.performance import Labels
from stream_app.events import PredictionRow
from stream_app.labels import has_fraction
from stream_app.settings.predictions import PredictionStream

__all__ = ["MAX_LABELS", "MILLIONTHS", "Answers", "Unlabelled", "answers_of"]

MAX_LABELS = 1024
"""Labels of a source that are counted each on its own; all others are counted as one."""

_MAX_VALUE = 1e100
"""Largest value: sums of squares of as many as there can ever be stay finite."""

MILLIONTHS = 1_000_000
"""Levels of quantiles are kept as whole numbers of these."""


class Unlabelled(NamedTuple):
    """A prediction that waits for its label; a tuple, because one is made for every event.

    Parameters
    ----------
    version : str
        Version of the model.
    predicted : str
        The predicted label, or the predicted value as text.
    code : int
        Code of the predicted label; 0 of a value.
    columns : tuple of int
        Numbers of the labels that have a probability, or millionths of the quantiles' levels; empty without any.
    values : tuple of float
        Probabilities of the labels, or the quantiles.
    features, categories : mapping
        What the model saw.
    """

    version: str
    predicted: str
    code: int
    columns: tuple[int, ...]
    values: tuple[float, ...]
    features: Mapping[str, float | None]
    categories: Mapping[str, str | None]


class Answers(Protocol):
    """How answers and truths of one source are read."""

    labels: Labels
    """Codes of its classes; none of values."""

    def odd(self, row: PredictionRow) -> str | None:
        """Say what is wrong with the answer or the truth of an event, if anything is."""

    def unlabelled(self, row: PredictionRow, predicted: str) -> Unlabelled:
        """Return a prediction that waits for its truth."""


def answers_of(config: PredictionStream, known: Sequence[str] = ()) -> Answers:
    """Return what the answers of a stream are; `known` are labels met before, by code."""
    return ValueAnswers() if config.task == "regression" else ClassAnswers(config.labels, known)


class ClassAnswers:
    """Answers that are one of some classes.

    Parameters
    ----------
    declared : sequence of str or None
        Valid labels; any if None.
    known : sequence of str
        Labels met before, by code.
    """

    def __init__(self, declared: Sequence[str] | None, known: Sequence[str]) -> None:
        self.labels = Labels(MAX_LABELS, known)
        self._declared = None if declared is None else frozenset(declared)

    def odd(self, row: PredictionRow) -> str | None:
        """Say which label is not declared, or which number is no class."""
        named = [label for label in (row.prediction, row.label) if label is not None]
        if self._declared is None:
            value = next((label for label in named if has_fraction(label)), None)
            if value is None:
                return None
            return f'{value} is a number with a fraction, and no class; task = "regression" watches values'
        named += [label for label, _ in row.probabilities or ()]
        unknown = next((label for label in named if label not in self._declared), None)
        if unknown is None:
            return None
        return f"the label {unknown[:80]!r} is not among the {len(self._declared)} declared ones"

    def unlabelled(self, row: PredictionRow, predicted: str) -> Unlabelled:
        """Return a prediction with its probabilities, by the codes of their labels."""
        columns: tuple[int, ...] = ()
        values: tuple[float, ...] = ()
        if row.probabilities:
            names, values = zip(*row.probabilities, strict=True)
            columns = self.labels.columns(names)
        code = self.labels.code(predicted)
        return Unlabelled(row.version, predicted, code, columns, values, row.features, row.categories)


class ValueAnswers:
    """Answers that are numbers."""

    def __init__(self) -> None:
        self.labels = Labels(0)

    def odd(self, row: PredictionRow) -> str | None:
        """Say which answer or truth is no number."""
        named = [label for label in (row.prediction, row.label) if label is not None]
        text = next((label for label in named if not abs(_number(label)) <= _MAX_VALUE), None)
        return (
            None
            if text is None
            else f"{text[:80]!r} is no number, and a regression has values; at most 1e100"
        )

    def unlabelled(self, row: PredictionRow, predicted: str) -> Unlabelled:
        """Return a prediction with its quantiles; the value is among its features, whose drift is watched."""
        quantiles = row.quantiles or ()
        features: Mapping[str, float | None] = {"prediction": float(predicted), **row.features}
        return Unlabelled(
            row.version,
            predicted,
            0,
            tuple(round(level * MILLIONTHS) for level, _ in quantiles),
            tuple(value for _, value in quantiles),
            features,
            row.categories,
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
