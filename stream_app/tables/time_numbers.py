"""Numbers that say a moment: epoch seconds and their fractions, days of spreadsheets; never digits of a date in silence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.tables.cells import mark_numbers

__all__ = ["NUMBERS", "find_unit", "scale_of"]

FloatArray = npt.NDArray[np.float64]

NUMBERS: Mapping[str, tuple[float, float]] = {
    "s": (1.0, 0.0),
    "ms": (1e-3, 0.0),
    "us": (1e-6, 0.0),
    "ns": (1e-9, 0.0),
    # Days since 1899-12-30, in local time.
    "excel": (86400.0, -25569 * 86400.0),
}
"""Factor and term that make epoch seconds of a number, by the name of its form."""

# Seconds until 2099 are below the first bound, milliseconds since 1971 below the second, and so on.
_BOUNDS = ((4.2e9, "s"), (4.2e12, "ms"), (4.2e15, "us"), (4.2e18, "ns"))

_DIGITS: Mapping[int, tuple[str, ...]] = {
    6: ("%y%m%d", "%d%m%y", "%m%d%y"),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    10: ("%Y%m%d%H", "%y%m%d%H%M"),
    12: ("%Y%m%d%H%M", "%y%m%d%H%M%S"),
    14: ("%Y%m%d%H%M%S",),
}
"""Dates of digits only, by their number."""

_DIGITS_LOST = 0.05
"""Seconds that the sixth digit of a day's fraction stands for, about."""

_EXCEL = (20_000.0, 60_000.0)
"""Days of spreadsheets from 1954 to 2064."""


def scale_of(form: str, raw: FloatArray) -> tuple[FloatArray, bool]:
    """Make epoch seconds of numbers, and say whether these are of local time."""
    factor, term = NUMBERS[form]
    if form == "excel":
        # A second is the 86,400th part of a day, of which a cell shows a few digits.
        times = np.where(np.isfinite(raw), raw, np.nan) * factor + term
        whole = np.round(times)
        return np.where(np.abs(times - whole) < _DIGITS_LOST, whole, np.round(times, 3)), True
    # Divided, a count of milliseconds is rounded once.
    return (raw if factor == 1.0 else raw / round(1.0 / factor)), False


def find_unit(cells: Sequence[Any], where: str) -> str:
    """Find the unit of times that are numbers, by their size.

    Parameters
    ----------
    cells : sequence
        Numbers, or texts of them.
    where : str
        For messages.

    Raises
    ------
    SourceError
        If they are dates of digits or days of spreadsheets as well; names the option that tells.

    Examples
    --------
    >>> find_unit(["1583748873000"], "a.csv")
    'ms'
    >>> find_unit(["20240105", "20240106"], "a.csv")
    Traceback (most recent call last):
    stream_app.errors.SourceError: a.csv: '20240105' could be a date or epoch seconds; choose with --time-format %Y%m%d or --time-format s
    """
    values, _ = mark_numbers(cells)
    middle = float(np.median(np.abs(values)))
    unit = next((name for bound, name in _BOUNDS if middle < bound), "ns")
    form = _date_form([_digits(cell) for cell in cells])
    name = {"s": "epoch seconds", "ms": "epoch milliseconds", "us": "epoch microseconds"}.get(unit, unit)
    if form is not None:
        raise SourceError(
            f"{where}: {str(cells[0])[:40]!r} could be a date or {name}; "
            f"choose with --time-format {form} or --time-format {unit}"
        )
    if all(_EXCEL[0] <= value < _EXCEL[1] for value in values):
        raise SourceError(
            f"{where}: {str(cells[0])[:40]!r} could be a day of a spreadsheet or {name}; "
            "choose with --time-format excel or --time-format s"
        )
    return unit


def _digits(cell: Any) -> str:
    text = str(cell).strip()
    return text.removesuffix(".0")


def _date_form(texts: Sequence[str]) -> str | None:
    """Return the form of dates that all texts have, if there is one."""
    lengths = {len(text) for text in texts}
    if len(lengths) != 1 or not all(text.isdecimal() for text in texts):
        return None
    forms = _DIGITS.get(lengths.pop(), ())
    return next((form for form in forms if all(_is_date(text, form) for text in texts)), None)


def _is_date(text: str, form: str) -> bool:
    try:
        return 1970 <= datetime.strptime(text, form).year < 2099  # noqa: DTZ007 only the digits are looked at
    except ValueError:
        return False
