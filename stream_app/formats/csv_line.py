"""Lines of CSV whose columns the settings name: a message has one."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stream_app.events import Header, MessageError, Reason
from stream_app.formats.plain import converting

__all__ = ["CsvLine"]

_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None"})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
"""As JSON has it; most cells are such numbers. With a zero before, it is a name."""
_OTHER_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS = 18
"""A longer whole number becomes a real one: Python takes long for very long ones."""


class CsvLine:
    """A line of CSV a message.

    Parameters
    ----------
    columns : sequence of str
        Their names, in order.
    delimiter : str
        Between cells.

    Examples
    --------
    >>> CsvLine(["source", "t", "flow", "load"]).plain(b"007,1770000000,1.5,")
    {'source': '007', 't': 1770000000, 'flow': 1.5, 'load': None}
    """

    def __init__(self, columns: Sequence[str], delimiter: str = ",") -> None:
        self._columns = tuple(columns)
        self._delimiter = delimiter

    def plain(self, raw: bytes, _headers: Iterable[Header] = (), /) -> dict[str, Any]:
        """Return the cells by the names of their columns: numbers where they are, None where they are empty, else texts."""
        try:
            text = raw.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise MessageError(Reason.UNDECODABLE, f"not UTF-8: {error.reason} at {error.start}") from None
        if '"' not in text:
            cells = text.split(self._delimiter)
        else:
            try:
                (cells,) = csv.reader([text], delimiter=self._delimiter, strict=True)
            except (csv.Error, ValueError) as error:
                raise MessageError(Reason.UNDECODABLE, f"not one line of CSV: {error}") from None
        if len(cells) != len(self._columns) or "\n" in text:
            raise MessageError(
                Reason.UNDECODABLE,
                f"{len(cells)} cells; expected one line of {len(self._columns)}, between them {self._delimiter!r}",
            )
        return {name: _value(cell) for name, cell in zip(self._columns, cells, strict=True)}

    def typed(self, model: type, /) -> Callable[[bytes], Any]:
        """Return what decodes a message into a struct."""
        return converting(self.plain, model)


def _value(cell: str) -> Any:
    found = _NUMBER.fullmatch(cell)
    if found is not None:
        return int(cell) if found.lastindex is None and len(cell) <= _MOST_DIGITS else float(cell)
    cell = cell.strip()
    if cell in _MISSING:
        return None
    return float(cell) if _OTHER_NUMBER.fullmatch(cell) else cell
