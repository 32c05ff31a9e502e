"""What a cell says: a number, a text, a label, an object, or nothing; by itself or as a column.

What reads a column marks cells that make no sense (`mark_numbers`, `mark_texts` and the like), so that they can be
counted and their rows left out; `labels` raises at the first one and names its place.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import inf, isnan
from typing import Any, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME

__all__ = [
    "SWITCHES",
    "Entities",
    "Label",
    "LabelColumn",
    "Where",
    "as_labels",
    "as_number",
    "as_object",
    "as_text",
    "is_missing",
    "is_number",
    "is_word",
    "labels",
    "mark_entities",
    "mark_labels",
    "mark_numbers",
    "mark_objects",
    "mark_texts",
    "read_each",
    "switches",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
Label: TypeAlias = str | float | bool | None
LabelColumn: TypeAlias = npt.NDArray[np.object_]
"""Texts or labels, None where there is none; shape (n,)."""
Where: TypeAlias = Callable[[int], str]
"""Turns a row of a block into ``file:line`` for a message."""
Entities: TypeAlias = tuple[tuple[str, ...], IntArray, Mapping[str, BoolArray]]

T = TypeVar("T")

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_WORDS = frozenset(
    {
        "-",
        "--",
        "---",
        "?",
        ".",
        "#n/a",
        "#na",
        "#value!",
        "#div/0!",
        "<na>",
        "\\n",
        "nil",
        "missing",
        "unknown",
    }
    | {"unavailable", "undefined", "bad", "no data", "nodata"}
)
"""What historians, spreadsheets and databases write in place of a number; as texts they may be a class of their own."""
SWITCHES = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
"""Texts that say in place of a number whether something is on."""

_REFUSED = {
    -1: "no entity",
    -2: f"entity of more than {MAX_NAME} characters",
    -3: "entity with unprintable characters",
    -4: "entity that is a list or an object",
}
_PLAIN: set[type] = {str, int, float, bool, datetime, date, Decimal}


def is_missing(cell: Any) -> bool:
    """Whether nothing was measured: empty, NA, NaN, null or none, in any case."""
    return (
        cell is None
        or (isinstance(cell, float) and isnan(cell))
        or (isinstance(cell, str) and cell.strip().casefold() in _MISSING)
    )


def is_word(cell: Any) -> bool:
    """Whether the cell says in place of a number that there is none, like ``-``, ``#N/A``, ``Bad`` or ``unavailable``."""
    return is_missing(cell) or (isinstance(cell, str) and cell.strip().casefold() in _WORDS)


def is_number(cell: Any) -> bool:
    """Whether the cell is a number or missing."""
    if isinstance(cell, bool | int | float) or is_missing(cell):
        return True
    try:
        float(cell)
    except OverflowError:
        return True  # a whole number of more than 308 digits
    except (TypeError, ValueError):
        return False
    return True


def as_number(cell: Any) -> float:
    """Return a cell that is a number; one of more than 308 digits is infinite.

    Examples
    --------
    >>> as_number(" 1.50"), as_number(10**400)
    (1.5, inf)
    """
    try:
        return float(cell)
    except OverflowError:
        return inf


def as_labels(values: Sequence[Label]) -> LabelColumn:
    """Return a column of texts or labels that keeps each value's own type."""
    column = np.empty(len(values), dtype=np.object_)
    column[:] = list(values)
    return column


def as_object(cell: Any) -> Mapping[str, Any]:
    """Return an object, given as such or as JSON; an empty one for anything else.

    Examples
    --------
    >>> as_object('{"age": 31}'), as_object("31")
    ({'age': 31}, {})
    """
    return _object(cell) or {}


def as_text(cell: Any) -> str | None:
    """Return a cell as the text that labels have on the wire, None for a missing one; a whole number has no point.

    Examples
    --------
    >>> as_text(3.0), as_text(True), as_text(" cat "), as_text("NA")
    ('3', 'true', 'cat', None)
    """
    if is_missing(cell):
        return None
    text = _text(cell)
    return str(cell).strip() if text is None else text


def labels(cells: Sequence[Any], column: str, where: Where) -> list[Label]:
    """Read a column of ground truth: numbers as numbers, anything else as text, missing cells as None.

    Raises
    ------
    SourceError
        At a cell that is a list or an object.
    """
    out, bad = mark_labels(cells)
    if bad.any():
        row = int(np.argmax(bad))
        raise SourceError(f"{where(row)}: column {column!r}: {str(cells[row])[:40]!r} is no label")
    return out


def mark_labels(cells: Sequence[Any]) -> tuple[list[Label], BoolArray]:
    """Read ground truth, None where there is none; and which cells are lists or objects."""
    out: list[Label] = []
    bad = np.zeros(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            out.append(None)
        elif isinstance(cell, bool):
            out.append(cell)
        elif isinstance(cell, str | int | float):
            number = as_number(cell) if is_number(cell) else None
            out.append(str(cell) if number is None or not np.isfinite(number) else _whole(number))
        else:
            out.append(None)
            bad[row] = True
    return out, bad


def mark_entities(cells: Sequence[Any], clean: Callable[[str], str], anonymous: str | None) -> Entities:
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

    codes = np.array(read_each(cells, code), dtype=np.int64)
    return tuple(index), codes, {reason: codes == number for number, reason in _REFUSED.items()}


def mark_numbers(cells: Sequence[Any]) -> tuple[FloatArray, BoolArray]:
    """Read numbers, NaN where there is none (see `is_word`); and which cells are something else."""
    try:
        # Nearly every column is all numbers, and this reads it four times as fast as cell by cell.
        return np.array(list(map(float, cells)), dtype=np.float64), np.zeros(len(cells), dtype=np.bool_)
    except (TypeError, ValueError, OverflowError):
        pass
    out = np.full(len(cells), np.nan)
    bad = np.zeros(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells):
        if is_word(cell) and not isinstance(cell, float):
            continue
        try:
            out[row] = as_number(cell)
        except (TypeError, ValueError):
            bad[row] = True
    return out, bad


def switches(cells: Sequence[Any]) -> list[Any]:
    """Replace texts that say whether something is on by numbers; others stay.

    Examples
    --------
    >>> switches(["on", "OFF", True, None, "stuck"])
    [1.0, 0.0, True, None, 'stuck']
    """

    def read(cell: Any) -> Any:
        return SWITCHES.get(cell.strip().casefold(), cell) if isinstance(cell, str) else cell

    return read_each(cells, read)


def mark_texts(cells: Sequence[Any], longest: int) -> tuple[LabelColumn, BoolArray]:
    """Read texts, None where there is none; and which cells are too long or lists or objects."""

    def read(cell: Any) -> str | None:
        return "" if cell is None else _text(cell)

    read_cells = read_each(cells, read)
    bad = np.array([text is None or len(text) > longest for text in read_cells], dtype=np.bool_)
    return as_labels([text or None for text in read_cells]), bad


def mark_objects(cells: Sequence[Any]) -> tuple[list[dict[str, Any] | None], BoolArray]:
    """Read cells that hold an object each, as such or as JSON; and which cells hold something else."""
    found = [_object(cell) for cell in cells]
    bad = [
        one is None and cell is not None and not (isinstance(cell, str) and not cell.strip())
        for one, cell in zip(found, cells, strict=True)
    ]
    return found, np.array(bad, dtype=np.bool_)


def read_each(cells: Sequence[Any], read: Callable[[Any], T]) -> list[T]:
    """Read every cell, equal ones once; `read` decides by the cell alone."""
    kinds = set(map(type, cells)) - {type(None)}
    if len(kinds) > 1 or not kinds <= _PLAIN:
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


def _object(cell: Any) -> dict[str, Any] | None:
    if isinstance(cell, str):
        try:
            cell = msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError):
            return None
    return cell if isinstance(cell, dict) else None


def _whole(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
