"""Files as a table of features and errors: predictions beside their truth, in whichever file that is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.predictions.columns import (
    ERROR_NAMES,
    ID_NAMES,
    LATENCY_NAMES,
    PREDICTION_NAMES,
    SOURCE_NAMES,
    VERSION_NAMES,
)
from producers.predictions.columns import LABEL_NAMES as TRUTH_NAMES
from producers.sources.cells import is_missing, is_number, labels, numbers
from producers.sources.columns import LABEL_NAMES, TIME_NAMES, listed
from producers.sources.files import find_tables
from producers.sources.table import BLOCK
from stream_app.cli.prediction_cells import as_object, as_text, lengthen
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.errors import SourceError

__all__ = ["LabelledTable", "SliceColumns", "read_table"]

Cells: TypeAlias = list[Any]

_SOURCE = "source"
_NAMES = SOURCE_NAMES | VERSION_NAMES
"""Columns that are names, also where these are numbers."""

_GROUPS = ("features", "categories")
_ABOUT = TIME_NAMES | ID_NAMES | ERROR_NAMES | LATENCY_NAMES | TRUTH_NAMES | LABEL_NAMES | {"probabilities"}
_PREFIXES = ("labels.", "probabilities.")
_RIGHT = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


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
    delimiter : str or None
        Between the cells of a CSV file.
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
    delimiter: str | None = None
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
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    values: FloatArray
    cells: npt.NDArray[np.object_]
    wrong: BoolArray
    left_out: int


@dataclass(slots=True)
class _Rows:
    """All rows of some files: cells by column, and where each row stands."""

    columns: dict[str, Cells]
    files: list[Path]
    lines: list[int]

    def where(self, row: int) -> str:
        return f"{self.files[row]}:{self.lines[row]}"

    def find(self, said: str | None, usual: Iterable[str], option: str) -> str | None:
        """Return the column that was named, else the one with a usual name."""
        there = f"there is {listed(self.columns)}"
        if said is not None:
            if said not in self.columns:
                raise SourceError(f"{self.files[0]}: {option}: no column {said!r}; {there}")
            return said
        found = [name for name in usual if name in self.columns]
        if len(found) > 1:
            raise SourceError(
                f"{self.files[0]}: {' and '.join(map(repr, found))} both fit; choose one with {option}"
            )
        return found[0] if found else None

    def position(self) -> npt.NDArray[np.int64]:
        """Return how many rows of its file are before each row."""
        counts: dict[Path, int] = {}
        before = []
        for file in self.files:
            before.append(counts.get(file, 0))
            counts[file] = before[-1] + 1
        return np.array(before, dtype=np.int64)

    def only(self, kept: BoolArray) -> "_Rows":
        at = np.flatnonzero(kept).tolist()
        return _Rows(
            {name: [cells[row] for row in at] for name, cells in self.columns.items()},
            [self.files[row] for row in at],
            [self.lines[row] for row in at],
        )


def read_table(paths: Sequence[str], said: SliceColumns) -> LabelledTable:
    """Read files, tell where the model was wrong, and settle what the features are.

    Raises
    ------
    SourceError
        If a file cannot be read, a column is missing, or a cell makes no sense; names file and line.
    """
    rows = _read(paths, said.delimiter)
    if said.wrong is not None:
        column = rows.find(said.wrong, (), "--wrong-column")
        roles, told = {column}, _flags(rows, str(column))
        known = asked = np.ones(len(told), np.bool_)
    else:
        roles, known, asked, told = _compared(rows, said)
    asked = asked & (rows.position() >= said.skip)
    left_out = int((asked & ~known).sum())
    known = asked & known
    if not known.any():
        raise SourceError(f"{rows.files[0]}: no row has both a prediction and its truth{_among(said)}")
    rows = rows.only(known)
    numeric, categorical = _features(rows, said, roles)
    values = [numbers(rows.columns[name], name, rows.where) for name in numeric]
    texts = [[as_text(cell) for cell in rows.columns[name]] for name in categorical]
    count = len(rows.lines)
    return LabelledTable(
        numeric,
        categorical,
        np.array(values, dtype=np.float64).reshape(len(numeric), count).T,
        np.array(texts, dtype=object).reshape(len(categorical), count).T,
        told[known],
        left_out,
    )


def _read(paths: Sequence[str], delimiter: str | None) -> _Rows:
    rows = _Rows({}, [], [])
    tables = find_tables(paths, delimiter)
    for table, name in tables:
        for block in table.blocks(BLOCK):
            columns = _flat(block.columns)
            if len(tables) > 1:
                columns.setdefault(_SOURCE, [name] * len(block.lines))
            lengthen(rows.columns, columns, before=len(rows.lines), rows=len(block.lines))
            rows.files += [table.path] * len(block.lines)
            rows.lines += block.lines
    if not rows.lines:
        raise SourceError(f"{', '.join(paths)}: no rows")
    return rows


def _flat(columns: Mapping[str, Sequence[Any]]) -> dict[str, Cells]:
    """Spread the objects of prediction events into columns."""
    flat: dict[str, Cells] = {}
    for column, cells in columns.items():
        if column not in _GROUPS:
            flat[column] = list(cells)
            continue
        inside = [as_object(cell) for cell in cells]
        for name in dict.fromkeys(name for one in inside for name in one):
            flat[name] = [one.get(name) for one in inside]
    return flat


def _compared(rows: _Rows, said: SliceColumns) -> tuple[set[str | None], BoolArray, BoolArray, BoolArray]:
    """Return the columns of prediction and truth, and of each row: are both known, is it asked for, do they differ."""
    truth_names = ("anomaly", "label") if said.events else (*sorted(TRUTH_NAMES), "anomaly")
    label = rows.find(said.label, truth_names, "--label-column")
    if label is None:
        raise SourceError(
            f"{rows.files[0]}: no column looks like the truth; name it with --label-column, or say where the model was "
            f"wrong with --wrong-column (there is {listed(rows.columns)})"
        )
    if said.events is not None:
        prediction, predicted = None, _marks(said.events, rows, said)
    else:
        prediction = rows.find(said.prediction, sorted(PREDICTION_NAMES), "--prediction-column")
        if prediction is None:
            raise SourceError(
                f"{rows.files[0]}: no column looks like the prediction; name it with --prediction-column "
                f"(there is {listed(rows.columns)})"
            )
        predicted = _labels(rows, prediction)
    truth = _joined(rows, _labels(rows, label), predicted)
    pairs = list(zip(predicted, truth, strict=True))
    known = np.array([p is not None and t is not None for p, t in pairs], np.bool_)
    asked = np.array([said.among is None or t == said.among for t in truth], np.bool_)
    # A column p_cat is the probability of the label cat; p_in, where no label is "in", is a pressure, say.
    probabilities = {f"p_{text}" for text in {*predicted, *truth}}
    return {prediction, label, *probabilities}, known, asked, np.array([p != t for p, t in pairs], np.bool_)


def _joined(rows: _Rows, truth: list[str | None], predicted: list[str | None]) -> list[str | None]:
    """Give predictions the truth that came in a row of its own, with the same id."""
    ident = rows.find(None, sorted(ID_NAMES), "a single column for the id")
    if ident is None:
        return truth
    late = {
        event: told
        for event, told, said in zip(rows.columns[ident], truth, predicted, strict=True)
        if told is not None and said is None and not is_missing(event)
    }
    return [
        late.get(event) if told is None else told
        for event, told in zip(rows.columns[ident], truth, strict=True)
    ]


def _marks(events: Path, rows: _Rows, said: SliceColumns) -> list[str | None]:
    """Return what a backtest said of each row."""
    marks = _read([str(events)], ",")
    cells = _labels(marks, str(marks.find(said.prediction or "anomaly", (), "--prediction-column")))
    if len(cells) != len(rows.lines):
        raise SourceError(
            f"{events}: {len(cells)} rows of events, but {len(rows.lines)} of input; give the files, and all of them, that "
            "the backtest was given"
        )
    return cells


def _features(
    rows: _Rows, said: SliceColumns, roles: set[str | None]
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


def _is_about(name: str, rows: _Rows, roles: set[str | None]) -> bool:
    """Whether a column says something about the event or the prediction, and is no feature."""
    if name in roles or name.casefold() in _ABOUT or name.startswith(_PREFIXES):
        return True
    return all(is_missing(cell) for cell in rows.columns[name])


def _numeric(cells: Cells) -> bool:
    """Whether there are only numbers; true and false are none."""
    return all(is_number(cell) and not isinstance(cell, bool) for cell in cells)


def _labels(rows: _Rows, column: str) -> list[str | None]:
    return [
        None if cell is None else as_text(cell) for cell in labels(rows.columns[column], column, rows.where)
    ]


def _flags(rows: _Rows, column: str) -> BoolArray:
    said = [_RIGHT.get((as_text(cell) or "").casefold()) for cell in rows.columns[column]]
    for row, flag in enumerate(said):
        if flag is None:
            cell = str(rows.columns[column][row])[:40]
            raise SourceError(
                f"{rows.where(row)}: column {column!r}: {cell!r} is neither 0 nor 1, true nor false"
            )
    return np.array(said, np.bool_)


def _among(said: SliceColumns) -> str:
    return f" {said.among!r}" if said.among is not None else ""
