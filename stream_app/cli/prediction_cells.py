"""Cells of files of predictions: gathered over files, and read as the wire has them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from producers.sources.cells import is_missing

__all__ = ["as_object", "as_text", "lengthen"]


def lengthen(
    columns: dict[str, list[Any]], block: Mapping[str, Sequence[Any]], *, before: int, rows: int
) -> None:
    """Add a block's rows to columns; what either of them has not got is None there.

    Parameters
    ----------
    columns : dict of name to cells
        Changed in place.
    block : mapping of name to cells
    before, rows : int
        How many rows the columns and the block have.

    Examples
    --------
    >>> columns = {"a": [1]}
    >>> lengthen(columns, {"b": [2]}, before=1, rows=1)
    >>> columns
    {'a': [1, None], 'b': [None, 2]}
    """
    for name in dict.fromkeys((*columns, *block)):
        cells = columns.setdefault(name, [None] * before)
        cells += block.get(name) or [None] * rows


def as_object(cell: Any) -> Mapping[str, Any]:
    """Return an object, given as such or as JSON; an empty one for anything else.

    Examples
    --------
    >>> as_object('{"age": 31}'), as_object("31")
    ({'age': 31}, {})
    """
    if isinstance(cell, str):
        try:
            cell = msgspec.json.decode(cell)
        except msgspec.DecodeError:
            return {}
    return cell if isinstance(cell, dict) else {}


def as_text(cell: Any) -> str | None:
    """Return a cell as the text that labels have on the wire; a whole number has no point.

    Examples
    --------
    >>> as_text(3.0), as_text(True), as_text(" cat "), as_text("NA")
    ('3', 'true', 'cat', None)
    """
    if is_missing(cell):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
