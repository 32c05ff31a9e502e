"""Tables of predictions: usual names of columns, and predictions beside their truth, also where that has a row of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stream_app.errors import SourceError
from stream_app.tables.cells import as_text
from stream_app.tables.whole import read_whole

__all__ = [
    "ERROR_NAMES",
    "GROUPS",
    "ID_NAMES",
    "LATENCY_NAMES",
    "PREDICTION_NAMES",
    "SOURCE_NAMES",
    "TRUTH_NAMES",
    "VERSION_NAMES",
    "PredictedRows",
    "join_truth",
    "read_predicted",
]

PREDICTION_NAMES = frozenset({"prediction", "predicted", "y_pred"})
TRUTH_NAMES = frozenset({"label", "truth", "y_true", "target"})
VERSION_NAMES = frozenset({"version", "model_version"})
ID_NAMES = frozenset({"id", "prediction_id", "event_id"})
LATENCY_NAMES = frozenset({"latency"})
ERROR_NAMES = frozenset({"error"})
SOURCE_NAMES = frozenset({"source", "model"})
GROUPS = ("features", "categories")
"""Columns of prediction events that hold an object each."""


def join_truth(
    ids: Sequence[str | None], predicted: Sequence[str | None], truth: Sequence[str | None]
) -> list[str | None]:
    """Give predictions the truth that came in a row of its own, with the same id.

    Parameters
    ----------
    ids, predicted, truth : sequence of str or None, length n
        None where a row has none.

    Returns
    -------
    list of str or None, length n
        The truth of each row.

    Examples
    --------
    >>> join_truth(["a", "b", "a"], ["cat", "dog", None], [None, "dog", "cow"])
    ['cow', 'dog', 'cow']
    """
    late = {
        ident: label
        for ident, answer, label in zip(ids, predicted, truth, strict=True)
        if ident is not None and answer is None and label is not None
    }
    return [
        late.get(ident) if label is None and ident is not None else label
        for ident, label in zip(ids, truth, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """Rows with a prediction, in the order of the files.

    Parameters
    ----------
    predicted : list of str
        What was answered.
    truth : list of str or None
        What is true, where it is known.
    by : list of str or None
        The column that was asked for: a group or a version.
    ids : list of str or None
        What was asked; None where rows have no id.
    left_out : int
        Rows without a prediction.
    """

    predicted: list[str]
    truth: list[str | None]
    by: list[str | None]
    ids: list[str | None]
    left_out: int


def read_predicted(
    paths: Sequence[str],
    *,
    by: str | None,
    usual_by: Iterable[str] = (),
    by_option: str,
    prediction: str | None = None,
    label: str | None = None,
    delimiter: str | None = None,
) -> PredictedRows:
    """Read files of predictions; a truth in a row of its own is joined by its id.

    Parameters
    ----------
    paths : sequence of str
        Files, directories or globs.
    by : str or None
        Column to read beside predictions, also inside the objects ``categories`` and ``features`` of prediction events.
    usual_by, by_option
        Its usual names, taken where `by` is None, and the option that names it.
    prediction, label : str or None
        Their columns; those of the usual names where None.
    delimiter : str or None
        Between the cells of CSV files.

    Raises
    ------
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    rows = read_whole(paths, delimiter, spread=GROUPS)
    predicted = rows.labels(rows.need(prediction, PREDICTION_NAMES, "--prediction-column", "the prediction"))
    truth = rows.labels(rows.need(label, TRUTH_NAMES, "--label-column", "the truth"))
    others = [
        as_text(cell) for cell in rows.columns[rows.need(by, usual_by, by_option, "what to compare by")]
    ]
    named = rows.find(None, ID_NAMES, "a single column for the id")
    ids = [None] * len(rows) if named is None else [as_text(cell) for cell in rows.columns[named]]
    # Rows that bring only a truth are used, not left out.
    left_out = sum(answer is None and known is None for answer, known in zip(predicted, truth, strict=True))
    kept = [
        (answer, known, other, ident)
        for answer, known, other, ident in zip(
            predicted, join_truth(ids, predicted, truth), others, ids, strict=True
        )
        if answer is not None
    ]
    if not kept:
        raise SourceError(f"{rows.files[0]}: no row has a prediction")
    return PredictedRows(
        [answer for answer, *_ in kept],
        [known for _, known, *_ in kept],
        [other for *_, other, _ in kept],
        [ident for *_, ident in kept],
        left_out,
    )
