"""Columns of cells as columns of events: what cannot be read is marked, not raised."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from producers.batch import as_labels
from producers.sessions.batch import TextColumn
from producers.sources.cells import is_missing, moment
from stream_app.events.sensor import MAX_NAME

__all__ = ["Entities", "each", "entities", "numbers", "texts", "times"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
Entities: TypeAlias = tuple[tuple[str, ...], IntArray, Mapping[str, BoolArray]]

T = TypeVar("T")

REFUSED = {
    -1: "no entity",
    -2: f"entity of more than {MAX_NAME} characters",
    -3: "entity with unprintable characters",
    -4: "entity that is a list or an object",
}
PLAIN: set[type] = {str, int, float, bool, datetime, date, Decimal}


def entities(cells: Sequence[Any], clean: Callable[[str], str], anonymous: str | None) -> Entities:
    """Give a number to each entity, in order of their first row.

    Parameters
    ----------
    cells : sequence
    clean : callable
        Takes the text of a cell, gives the entity.
    anonymous : str or None
        Entity of rows without one.

    Returns
    -------
    names : tuple of str
    codes : ndarray of int (n,)
        Index into `names`; below zero where the cell is no entity.
    bad : mapping of reason to ndarray of bool (n,)
        Rows that cannot be used.
    """
    index: dict[str, int] = {}

    def code(cell: Any) -> int:
        text = "" if is_missing(cell) else _text(cell)
        if text is None:
            return -4
        name = clean(text) or anonymous or ""
        if not name:
            return -1
        if len(name) > MAX_NAME:
            return -2
        return index.setdefault(name, len(index)) if name.isprintable() else -3

    codes = np.array(each(cells, code), dtype=np.int64)
    return tuple(index), codes, {reason: codes == number for number, reason in REFUSED.items()}


def times(cells: Sequence[Any], form: str | None) -> FloatArray:
    """Read moments into epoch seconds; NaN where there is none."""

    def read(cell: Any) -> float:
        try:
            return moment(cell, form)
        except (ValueError, OverflowError):
            return float("nan")

    return np.array(each(cells, read), dtype=np.float64)


def numbers(cells: Sequence[Any]) -> tuple[FloatArray, BoolArray]:
    """Read numbers, NaN where there is none; and which cells are something else."""
    try:
        # Nearly every column is all numbers, and this reads it four times as fast as cell by cell.
        return np.array(list(map(float, cells)), dtype=np.float64), np.zeros(len(cells), dtype=np.bool_)
    except (TypeError, ValueError, OverflowError):
        pass
    out = np.full(len(cells), np.nan)
    bad = np.zeros(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            out[row] = float(cell)
        except OverflowError:
            out[row] = np.inf
        except (TypeError, ValueError):
            bad[row] = True
    return out, bad


def texts(cells: Sequence[Any], longest: int) -> tuple[TextColumn, BoolArray]:
    """Read texts, None where there is none; and which cells are too long or lists or objects."""

    def read(cell: Any) -> str | None:
        return "" if cell is None else _text(cell)

    read_cells = each(cells, read)
    bad = np.array([text is None or len(text) > longest for text in read_cells], dtype=np.bool_)
    return as_labels([text or None for text in read_cells]), bad


def each(cells: Sequence[Any], read: Callable[[Any], T]) -> list[T]:
    """Read every cell, equal ones once; `read` decides by the cell alone."""
    kinds = set(map(type, cells)) - {type(None)}
    if len(kinds) > 1 or not kinds <= PLAIN:
        return [read(cell) for cell in cells]
    # Entities, times and most texts come again and again.
    known = {cell: read(cell) for cell in dict.fromkeys(cells)}
    return [known[cell] for cell in cells]


def _text(cell: Any) -> str | None:
    """Return a cell as a text, whole numbers without a decimal point; None for what is no text."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float):
        return "" if isnan(cell) else str(int(cell)) if cell.is_integer() else str(cell)
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(cell) if isinstance(cell, int | date | Decimal) else None
