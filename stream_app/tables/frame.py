"""Frames in memory (pandas, polars, pyarrow) as tables, by way of narwhals."""

from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw

from stream_app.errors import SourceError
from stream_app.tables.cells import is_missing, is_number
from stream_app.tables.layout import Columns
from stream_app.tables.readings import ReadingTable
from stream_app.tables.table import Block

__all__ = ["FrameTable", "frame_source", "narwhals_frame"]

_LABEL = "the frame"


def narwhals_frame(data: Any) -> nw.DataFrame[Any]:
    """Return a frame in the form that does not depend on its library.

    Raises
    ------
    SourceError
        If it is no frame, or a column has no name of its own.
    """
    try:
        frame: nw.DataFrame[Any] = nw.from_native(data, eager_only=True)
    except TypeError:
        if hasattr(data, "collect"):
            raise SourceError(f"{_LABEL} is lazy; collect it first: frame.collect()") from None
        raise SourceError(
            f"{type(data).__name__} is no table; expected a frame of pandas or polars, a pyarrow table, or the path of a file"
        ) from None
    except nw.exceptions.DuplicateError as error:
        twice = " ".join(str(error).split())
        raise SourceError(f"{_LABEL}: {twice}; rename the columns so that each has its own name") from None
    odd = [name for name in data.columns if not isinstance(name, str)] if hasattr(data, "iloc") else []
    if odd:
        raise SourceError(f"{_LABEL}: the column {odd[0]!r} is not named by a text; rename the columns")
    return frame


class FrameTable:
    """A frame; rows are counted from 0 in messages.

    Parameters
    ----------
    frame : narwhals.DataFrame
        See `narwhals_frame`.

    Examples
    --------
    >>> import polars as pl
    >>> table = FrameTable(narwhals_frame(pl.DataFrame({"ts": [10, 11], "flow": [3.0, None]})))
    >>> [dict(block.columns) for block in table.blocks(1)]
    [{'ts': [10], 'flow': [3.0]}, {'ts': [11], 'flow': [None]}]
    """

    def __init__(self, frame: nw.DataFrame[Any]) -> None:
        self._frame = frame

    @property
    def label(self) -> str:
        """What the frame is called in messages."""
        return _LABEL

    @property
    def version(self) -> str:
        """The names of its columns and the number of its rows."""
        return f"{_LABEL} of {', '.join(self._frame.columns)}, {len(self._frame)} rows"

    def place(self, line: int) -> str:
        """Say where a row stands."""
        return f"{_LABEL}, row {line}"

    def blocks(self, size: int) -> Iterator[Block]:
        """Read the rows from the beginning, at most `size` at a time."""
        for begin in range(0, len(self._frame), size):
            part = self._frame[begin : begin + size]
            columns = {name: _cells(part[name]) for name in part.columns}
            yield Block(columns, range(begin, begin + len(part)))

    def count(self) -> int | None:
        """Return how many rows there are."""
        return len(self._frame)


def frame_source(frame: nw.DataFrame[Any], columns: Columns, name: str) -> ReadingTable:
    """Return a frame as a source of readings.

    Parameters
    ----------
    frame : narwhals.DataFrame
        See `narwhals_frame`.
    columns : Columns
        What the user says of its columns.
    name : str
        Source of the rows where no column names it.

    Raises
    ------
    SourceError
        If the time is the index of a frame of pandas, a column that is named is not there, or one mixes numbers and texts.
    """
    index = nw.maybe_get_index(frame)
    if index is not None and columns.period is None and columns.time not in frame.columns:
        named = columns.time is not None and columns.time in index.names
        if named or (columns.time is None and type(index).__name__ == "DatetimeIndex"):
            raise SourceError(
                f"{_LABEL}: the time is the index; make it a column first: frame.reset_index(), and name it with "
                f"{columns.option_names.time}"
            )
    if columns.source is not None and columns.source not in frame.columns:
        raise SourceError(
            f"{_LABEL}: {columns.option_names.source}: no column {columns.source!r}; a frame of one source needs none, "
            f"and name= can say its name"
        )
    for column, kind in frame.schema.items():
        if kind == nw.Object and (not columns.channels or column in {columns.time, *columns.channels}):
            _refuse_mixture(frame[column], columns)
    return ReadingTable(FrameTable(frame), columns, name)


def _refuse_mixture(column: nw.Series[Any], columns: Columns) -> None:
    """Refuse a column of numbers and texts: which of them it is meant to hold must not depend on its first cell."""
    cells = _cells(column)
    texts = [row for row, cell in enumerate(cells) if not is_number(cell)]
    numbers = any(isinstance(cell, int | float) and not is_missing(cell) for cell in cells)
    if texts and numbers:
        raise SourceError(
            f"{_LABEL}, row {texts[0]}: column {column.name!r} has numbers and {str(cells[texts[0]])[:40]!r}; "
            f"make it one kind, or name the columns to watch with {columns.option_names.channels}"
        )


def _cells(column: nw.Series[Any]) -> Sequence[Any]:
    cells: list[Any] = column.to_list()
    if not column.is_null().any():
        return cells
    # What stands for a missing cell differs by library and type: None, NaN, NaT, NA.
    return [
        None if missing else cell for cell, missing in zip(cells, column.is_null().to_list(), strict=True)
    ]
