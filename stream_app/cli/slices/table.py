"""Files as a table of features and errors: predictions beside their truth, in whichever file that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.errors import SourceError
from stream_app.labels import label_text
from stream_app.tables.cells import is_missing, is_number, is_word
from stream_app.tables.columns import LABEL_NAMES, TIME_NAMES, check_known, listed
from stream_app.tables.format import AS_FOUND, FileFormat
from stream_app.tables.left_out import TOLERATED
from stream_app.tables.predictions import (
    ERROR_NAMES,
    GROUPS,
    ID_NAMES,
    LATENCY_NAMES,
    PREDICTION_NAMES,
    PROBABILITY_PREFIXES,
    SOURCE_NAMES,
    TRUTH_NAMES,
    VERSION_NAMES,
    are_values,
    check_comparable,
    join_truth,
)
from stream_app.tables.truth import ODD_TRUTH, is_marked, marks_outliers
from stream_app.tables.whole import WholeTable, read_whole

__all__ = ["LabelledTable", "SliceColumns", "read_table"]

_SOURCE = "source"
_NAMES = SOURCE_NAMES | VERSION_NAMES
"""Columns that are names, also where these are numbers."""

_ABOUT = TIME_NAMES | ID_NAMES | ERROR_NAMES | LATENCY_NAMES | TRUTH_NAMES | LABEL_NAMES | {"probabilities"}
_PREFIXES = ("labels.", "probabilities.")


@dataclass(frozen=True, slots=True)
class SliceColumns:
    """What the user says about the columns; what is left out is found out.

    Parameters
    ----------
    prediction, label : str or None
        What the model said and what is true. Left out: those of the usual names.
    wrong : str or None
        In their place: 1 where the model was wrong.
    features : tuple of str
        Columns to slice by. Left out: all that are nothing else.
    categories : tuple of str
        Those of them that are no numbers, though they look like it.
    format : FileFormat
        What the user says of how files are written.
    events : Path or None
        What ``streamgauge backtest --events`` wrote of these files: its marks are the predictions.
    skip : int
        First rows of each file that are left out.
    among : str or None
        Only rows whose truth is this.
    """

    prediction: str | None = None
    label: str | None = None
    wrong: str | None = None
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    format: FileFormat = AS_FOUND
    events: Path | None = None
    skip: int = 0
    among: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledTable:
    """Rows whose truth is known.

    Parameters
    ----------
    numeric, categorical : tuple of str
        Names of the features.
    values : ndarray of float, shape (n, d)
        Missing is NaN.
    cells : ndarray of object, shape (n, k)
        Texts; missing is None.
    wrong : ndarray of bool, shape (n,)
        Whether the model was wrong.
    left_out : int
        Rows without truth or without prediction.
    large : float or None
        Of values: the absolute error above which a prediction counts as wrong.
    notes : list of str
        What was refused, what was taken as missing, and columns of numbers that are taken for categories.
    problem : str or None
        Why nearly nothing was judged: more rows were refused than taken.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    values: FloatArray
    cells: npt.NDArray[np.object_]
    wrong: BoolArray
    left_out: int
    large: float | None
    notes: list[str]
    problem: str | None


def read_table(paths: Sequence[str], said: SliceColumns) -> LabelledTable:
    """Read files, tell where the model was wrong, and settle what the features are.

    Raises
    ------
    SourceError
        If a file cannot be read, a column is missing, or no row can be used.
    """
    rows = read_whole(paths, said.format, spread=GROUPS, source=_SOURCE)
    if said.wrong is not None:
        large = None
        column = rows.need(said.wrong, (), "--wrong-column", "the mistakes")
        roles: set[str | None] = {column}
        flags = _flags(rows, column)
        told = np.array([bool(flag) for flag in flags], np.bool_)
        known = np.array([flag is not None for flag in flags], np.bool_)
        asked = np.ones(len(told), np.bool_)
    else:
        roles, known, asked, told, large = _compared(rows, said)
    asked = asked & (rows.positions() >= said.skip)
    left_out = int((asked & ~known).sum())
    known = asked & known
    count = int(known.sum())
    problem = rows.problem
    if not count:
        why = problem or f"no row has both a prediction and its truth{_among(said)}"
        raise SourceError(f"{rows.files[0]}: {why}")
    rows = rows.only(known)
    numeric, categorical = _features(rows, said, roles)
    values = [rows.numbers(name) for name in numeric]
    texts = [rows.texts(name) for name in categorical]
    return LabelledTable(
        numeric,
        categorical,
        np.array(values, dtype=np.float64).reshape(len(numeric), count).T,
        np.array(texts, dtype=object).reshape(len(categorical), count).T,
        told[known],
        left_out,
        large,
        [*rows.notes, *_mixed(rows, said, categorical)],
        problem,
    )


def _compared(
    rows: WholeTable, said: SliceColumns
) -> tuple[set[str | None], BoolArray, BoolArray, BoolArray, float | None]:
    """Return the columns of prediction and truth; of each row: are both known, is it asked for, do they differ; by how much."""
    truth_names = ("anomaly", "label") if said.events else (*TRUTH_NAMES, "anomaly")
    otherwise = ", or say where the model was wrong with --wrong-column"
    label = rows.need(said.label, truth_names, "--label-column", "the truth", otherwise)
    prediction: str | None = None
    if said.events is not None:
        predicted = _marks(said.events, rows, said)
    else:
        prediction = rows.need(said.prediction, PREDICTION_NAMES, "--prediction-column", "the prediction")
        predicted = rows.labels(prediction)
    truth = rows.labels(label) if said.events is None else _truths(rows, label)
    ident = rows.find(None, ID_NAMES, "a single column for the id")
    if ident is not None:
        truth = join_truth(rows.texts(ident), predicted, truth)
    values = said.events is None and are_values(predicted, truth, rows.files[0])
    if values and prediction is not None:
        predicted, truth = (_values(rows, *side) for side in ((prediction, predicted), (label, truth)))
    if said.events is None and not values:
        check_comparable(predicted, truth, rows.files[0])
    among = None if said.among is None else label_text(said.among)
    if among is not None:
        check_known("--among", [among], truth, "label")
    pairs = list(zip(predicted, truth, strict=True))
    known = np.array([p is not None and t is not None for p, t in pairs], np.bool_)
    asked = np.array([among is None or t == among for t in truth], np.bool_)
    # A column p_cat is the probability of the label cat; p_in, where no label is "in", is a pressure, say.
    named = {*predicted, *truth}
    probabilities = {
        column
        for column in rows.columns
        for prefix in PROBABILITY_PREFIXES
        if column.startswith(prefix) and label_text(column.removeprefix(prefix) or prefix) in named
    }
    roles = {prediction, label, *probabilities}
    if values:
        told, large = _large_errors(pairs)
        return roles, known, asked, told, large
    return roles, known, asked, np.array([p != t for p, t in pairs], np.bool_), None


def _large_errors(pairs: Sequence[tuple[str | None, str | None]]) -> tuple[BoolArray, float]:
    """Return which absolute errors of values are larger than nine in ten of all, and how large these are."""
    nan = float("nan")
    cells = [(float(nan if p is None else p), float(nan if t is None else t)) for p, t in pairs]
    errors = np.abs(np.subtract(*np.array(cells).T))
    known = errors[~np.isnan(errors)]
    large = float(np.quantile(known, 0.9)) if len(known) else 0.0
    return errors > large, large


def _truths(rows: WholeTable, column: str) -> list[str | None]:
    """Return what is true of each row, as a backtest writes its marks."""
    outliers = marks_outliers([rows.marks(column)])
    return [None if flag is None else str(int(flag)) for flag in _flags(rows, column, outliers=outliers)]


def _marks(events: Path, rows: WholeTable, said: SliceColumns) -> list[str | None]:
    """Return what a backtest said of each row."""
    marks = read_whole([str(events)], FileFormat(delimiter=","))
    cells = marks.labels(marks.need(said.prediction or "anomaly", (), "--prediction-column", "the mark"))
    if len(cells) != len(rows):
        raise SourceError(
            f"{events}: {len(cells)} rows of events, but {len(rows)} of input; give the files, and all of them, that "
            "the backtest was given"
        )
    return cells


def _features(
    rows: WholeTable, said: SliceColumns, roles: set[str | None]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell numbers from categories."""
    for option, names in (("--features", said.features), ("--categories", said.categories)):
        for name in names:
            rows.find(name, (), option)
    chosen = said.features or tuple(name for name in rows.columns if not _is_about(name, rows, roles))
    chosen = tuple(dict.fromkeys((*chosen, *said.categories)))
    categorical = tuple(
        name for name in chosen if name in {*said.categories, *_NAMES} or not _numeric(rows.columns[name])
    )
    if not chosen:
        raise SourceError(
            f"{rows.files[0]}: no column to slice by; name some with --features (there is {listed(rows.columns)})"
        )
    return tuple(name for name in chosen if name not in categorical), categorical


def _is_about(name: str, rows: WholeTable, roles: set[str | None]) -> bool:
    """Whether a column says something about the event or the prediction, and is no feature."""
    if name in roles or name.casefold() in _ABOUT or name.startswith(_PREFIXES):
        return True
    return all(is_missing(cell) for cell in rows.columns[name])


def _numeric(cells: Sequence[Any]) -> bool:
    """Whether nearly all that is there are numbers; true and false are none."""
    there, texts = _counted(cells)
    return texts * TOLERATED <= there


def _counted(cells: Sequence[Any]) -> tuple[int, int]:
    """Return how many cells are not missing, and how many of these are no numbers."""
    there = [cell for cell in cells if not is_word(cell)]
    return len(there), sum(isinstance(cell, bool) or not is_number(cell) for cell in there)


def _mixed(rows: WholeTable, said: SliceColumns, categorical: Sequence[str]) -> list[str]:
    """Say which columns are taken for categories though most of their cells are numbers."""
    notes = []
    for name in set(categorical) - {*said.categories, *_NAMES}:
        there, texts = _counted(rows.columns[name])
        if 2 * texts < there:
            notes.append(
                f"column {name!r}: {texts:,} of {there:,} cells are no numbers: taken for a category"
            )
    return sorted(notes)


def _values(rows: WholeTable, column: str, texts: Sequence[str | None]) -> list[str | None]:
    """Return labels that are numbers; rows with others are left out."""
    odd = np.array([text is not None and not is_number(text) for text in texts], np.bool_)
    rows.refuse(odd, column, "no number")
    return [None if bad else text for bad, text in zip(odd.tolist(), texts, strict=True)]


def _flags(rows: WholeTable, column: str, *, outliers: bool = False) -> list[bool | None]:
    """Return what each cell of a column of yes and no says, None where there is none."""
    cells = rows.marks(column)
    flags = [None if cell is None else is_marked(cell, outliers=outliers) for cell in cells]
    odd = [cell is not None and flag is None for cell, flag in zip(cells, flags, strict=True)]
    rows.refuse(np.array(odd, np.bool_), column, ODD_TRUTH)
    return flags


def _among(said: SliceColumns) -> str:
    return f" {said.among!r}" if said.among is not None else ""
