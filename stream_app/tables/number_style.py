"""Numbers as people write them: with decimal commas, separators of thousands, percent signs and units."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.errors import SourceError
from stream_app.tables.cells import is_number, is_word

__all__ = ["NumberStyle", "find_styles"]

_MARKS = "'\u2019 \u00a0\u2009\u202f"
"""Apostrophes and spaces between thousands."""

_PATTERNS = {
    ",": re.compile(rf"[+-]?(?:\d{{1,3}}(?:[.{_MARKS}]\d{{3}})+|\d+)?(?:,\d+)?(?:[eE][+-]?\d+)?"),
    ".": re.compile(rf"[+-]?(?:\d{{1,3}}(?:[,{_MARKS}]\d{{3}})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?"),
}
"""A number, by what stands before its fraction."""

_PLAIN = {
    ",": str.maketrans({",": ".", **dict.fromkeys(f".{_MARKS}")}),
    ".": str.maketrans(dict.fromkeys(f",{_MARKS}")),
}
"""How a number that fits its pattern becomes one of Python's."""

_UNIT = re.compile(r"(?P<number>.*[\d.,])\s*(?P<unit>[^\d.,\s].*)")
_UNITS = frozenset(
    {
        *("%", "‰", "°c", "°f", "c", "k", "bar", "mbar", "pa", "kpa", "hpa", "mpa", "psi", "v"),
        *("mv", "kv", "a", "ma", "w", "kw", "mw", "wh", "kwh", "mwh", "va", "kva", "var", "kvar"),
        *("hz", "khz", "mhz", "rpm", "1/min", "l/min", "l/s", "l/h", "m3/h", "m³/h", "m3", "m³", "l", "ml"),
        *("m/s", "m/s2", "m/s²", "mm/s", "g", "mm", "cm", "m", "km", "kg", "t", "ms", "s", "min"),
        *("h", "ppm", "ppb", "db", "lx", "lux", "n", "nm"),
    }
)
"""Units that may stand behind numbers; texts behind a number are classes otherwise, like ``36 months``."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : str
        ``.`` or ``,``.
    unit : str
        Behind each number.
    """

    decimal: str
    unit: str = ""

    def plain(self, cell: Any) -> Any:
        """Return a number as Python writes it; what is none stays as it is.

        Examples
        --------
        >>> NumberStyle(",", "%").plain("1.234,5 %"), NumberStyle(",").plain("05.01.2024")
        ('1234.5', '05.01.2024')
        """
        if not isinstance(cell, str):
            return cell
        text = cell.strip()
        if self.unit:
            text = text.removesuffix(self.unit).rstrip()
        return (
            text.translate(_PLAIN[self.decimal]) if _PATTERNS[self.decimal].fullmatch(text) and text else cell
        )


def find_styles(
    sample: Mapping[str, Sequence[Any]], file: str, decimal: str | None = None
) -> dict[str, NumberStyle]:
    """Find how numbers are written that Python does not read as they stand.

    Parameters
    ----------
    sample : mapping of column to its first cells
    file : str
        For messages.
    decimal : str or None
        What stands before fractions, where the user says it.

    Returns
    -------
    dict of str to NumberStyle
        Only of columns that need one.

    Raises
    ------
    SourceError
        If a comma may stand for thousands or for a fraction.

    Examples
    --------
    >>> find_styles({"flow": ["3,5", "1.234,5"], "mode": ["a", "b"]}, "a.csv")
    {'flow': NumberStyle(decimal=',', unit='')}
    >>> find_styles({"flow": ["1,234", "2,345"]}, "a.csv")
    Traceback (most recent call last):
    stream_app.errors.SourceError: a.csv: column 'flow': the comma of '1,234' may stand for thousands or for a fraction; choose with --decimal . or --decimal ,
    """
    if decimal not in {None, ".", ","}:
        raise SourceError(f"--decimal {decimal}: expected . or ,")
    columns = {name: found for name, cells in sample.items() if (found := _numbers(cells))}
    fits = {mark: _only(columns, mark) for mark in _PATTERNS}
    # Evidence for the file: a column that only one of both marks can read.
    marks = {mark for mark, other in ((",", "."), (".", ",")) if fits[mark] - fits[other]}
    if decimal is None and len(marks) == 1:
        decimal = marks.pop()
    styles = {}
    for name, (texts, unit) in columns.items():
        able = [mark for mark in _PATTERNS if name in fits[mark]]
        mark = decimal if decimal in able else able[0] if len(able) == 1 else None
        if mark is None and able:
            if all(map(is_number, texts)):
                mark = "."
            else:
                example = next(text for text in texts if not is_number(text))
                if "," in example:
                    raise SourceError(
                        f"{file}: column {name!r}: the comma of {example!r} may stand for thousands or for a fraction; "
                        "choose with --decimal . or --decimal ,"
                    )
                mark = "."
        if mark is not None and (unit or mark == "," or not all(map(is_number, texts))):
            styles[name] = NumberStyle(mark, unit)
    return styles


def _only(columns: Mapping[str, tuple[list[str], str]], mark: str) -> set[str]:
    """Return the columns that are read with one mark, but for a cell in twenty."""
    fits: Callable[[str], Any] = _PATTERNS[mark].fullmatch
    return {
        name
        for name, (texts, _) in columns.items()
        if sum(fits(text) is None for text in texts) <= len(texts) // 20
    }


def _numbers(cells: Sequence[Any]) -> tuple[list[str], str] | None:
    """Return the numbers of a column as texts and the unit behind each of them; None where it has no texts like that."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and not is_word(cell)]
    if not texts or not any(text[-1].isdigit() or text[0].isdigit() for text in texts[:20]):
        return None
    cut = [_UNIT.fullmatch(text) for text in texts]
    units = {one["unit"].strip() for one in cut if one is not None and not is_number(one.string)}
    if len(units) == 1 and (unit := next(iter(units))).casefold() in _UNITS:
        return [
            text if one is None else one["number"].strip() for text, one in zip(texts, cut, strict=True)
        ], unit
    return texts, ""
