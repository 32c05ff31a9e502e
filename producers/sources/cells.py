"""What a cell says: a number, a moment, a label, or nothing."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from math import isnan
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.batch import Label
from stream_app.errors import SourceError
from stream_app.events import parse_event_time
from stream_app.events.sensor import MAX_TS

__all__ = ["Where", "is_missing", "is_number", "is_time", "labels", "moment", "numbers", "times"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
Where: TypeAlias = Callable[[int], str]
"""Turns a row of a block into ``file:line`` for a message."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})

# Epoch numbers tell their unit by their size: seconds until 2099 are below the first bound, milliseconds
# since 1971 below the second, and so on.
UNITS = ((4.2e9, 1.0), (4.2e12, 1e-3), (4.2e15, 1e-6), (4.2e18, 1e-9))


def is_missing(cell: Any) -> bool:
    """Whether nothing was measured: empty, NA, NaN, null or none, in any case."""
    return (
        cell is None
        or (isinstance(cell, float) and isnan(cell))
        or (isinstance(cell, str) and cell.strip().casefold() in MISSING)
    )


def is_number(cell: Any) -> bool:
    """Whether the cell is a number or missing."""
    if isinstance(cell, bool | int | float) or is_missing(cell):
        return True
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def is_time(cell: Any) -> bool:
    """Whether the cell is a moment in one of the forms that `times` reads."""
    try:
        moment(cell)
    except ValueError:
        return False
    return True


def numbers(cells: Sequence[Any], column: str, where: Where) -> FloatArray:
    """Read a column of numbers; missing cells become NaN.

    Raises
    ------
    SourceError
        At a cell that is neither a finite number nor missing.
    """
    try:
        # Nearly every column is all numbers, and this reads it four times as fast as cell by cell.
        out = np.array([float(cell) for cell in cells], dtype=np.float64)
    except (TypeError, ValueError):
        out = np.array(
            [_number(cell, column, where, row) for row, cell in enumerate(cells)], dtype=np.float64
        )
    endless = np.flatnonzero(np.isinf(out))
    if len(endless):
        raise SourceError(f"{where(int(endless[0]))}: column {column!r}: infinity is no measurement")
    return out


def moment(cell: Any, form: str | None = None) -> float:
    """Read one moment into epoch seconds.

    Parameters
    ----------
    cell : any
        In one of the forms that `times` reads.
    form : str or None
        How the cell is written, in the words of ``strptime``, where it is none of these forms.

    Raises
    ------
    ValueError
        When it is no moment between 1970 and 2099.

    Examples
    --------
    >>> moment("1970-01-02 00:00:00"), moment("19700102", "%Y%m%d")
    (86400.0, 86400.0)
    """
    if form is not None:
        read = datetime.strptime(str(cell).strip(), form)  # noqa: DTZ007 without an offset UTC is meant
        return parse_event_time((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
    if isinstance(cell, datetime):
        return parse_event_time((cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp())
    if isinstance(cell, date):
        return parse_event_time(cell.isoformat())
    if isinstance(cell, str):
        cell = cell.strip()
        try:
            cell = float(cell)
        except ValueError:
            return parse_event_time(cell)
    if not isinstance(cell, bool) and isinstance(cell, int | float):
        for bound, unit in UNITS:
            if abs(cell) < bound:
                return parse_event_time(cell * unit)
    raise ValueError(f"{str(cell)[:40]!r} is no moment between 1970 and 2099")


def times(cells: Sequence[Any], column: str, where: Where) -> FloatArray:
    """Read a column of moments into epoch seconds.

    Epoch seconds, milliseconds, microseconds or nanoseconds (told apart by size), RFC 3339, and
    ``YYYY-MM-DD HH:MM:SS``; without an offset UTC is meant.

    Raises
    ------
    SourceError
        At a cell that is no moment between 1970 and 2099.
    """
    out = np.empty(len(cells), dtype=np.float64)
    if cells and all(type(cell) is datetime for cell in cells):
        out[:] = [(cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp() for cell in cells]
        if out.min() >= 0.0 and out.max() < MAX_TS:
            return out
    for row, cell in enumerate(cells):
        try:
            out[row] = moment(cell)
        except ValueError as error:
            raise SourceError(f"{where(row)}: column {column!r}: {error}") from None
    return out


def labels(cells: Sequence[Any], column: str, where: Where) -> list[Label]:
    """Read a column of ground truth: numbers as numbers, anything else as text, missing cells as None.

    Raises
    ------
    SourceError
        At a cell that is a list or an object.
    """
    out: list[Label] = []
    for row, cell in enumerate(cells):
        if is_missing(cell):
            out.append(None)
        elif isinstance(cell, bool):
            out.append(cell)
        elif isinstance(cell, str | int | float):
            number = float(cell) if is_number(cell) else None
            out.append(str(cell) if number is None or not np.isfinite(number) else _whole(number))
        else:
            raise SourceError(f"{where(row)}: column {column!r}: {str(cell)[:40]!r} is no label")
    return out


def _whole(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _number(cell: Any, column: str, where: Where, row: int) -> float:
    if is_missing(cell):
        return float("nan")
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise SourceError(
            f"{where(row)}: column {column!r}: {str(cell)[:40]!r} is not a number; leave the column out of the channels"
        ) from None
