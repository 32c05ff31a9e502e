"""Tables whose rows are put in order of time, for a monitor that takes them as they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from stream_app.tables.cells import Where
from stream_app.tables.labelled import InputTable
from stream_app.tables.left_out import LeftOut
from stream_app.tables.rows import InputRows
from stream_app.tables.table import BLOCK

__all__ = ["SortedTable", "sorted_by_time"]


@dataclass(frozen=True, slots=True)
class SortedTable(InputTable):
    """A table with its rows in order of time, and those of one time as they stand; they are all in memory while it is read."""

    def blocks(self) -> Iterator[tuple[InputRows, Sequence[Any], Where]]:
        """Read the rows in order of time; see `InputTable.blocks`."""
        found = list(InputTable.blocks(self))
        if not found:
            return
        rows = _joined([rows for rows, *_ in found])
        cells = [cell for _, times, _ in found for cell in times]
        begins = np.cumsum([0, *(len(part) for part, *_ in found)])

        def place(row: int) -> str:
            block = int(np.searchsorted(begins, row, side="right")) - 1
            return found[block][2](row - int(begins[block]))

        order = np.argsort(rows.ts, kind="stable")
        for begin in range(0, len(order), BLOCK):
            some = order[begin : begin + BLOCK].tolist()
            yield _at(rows, some), [cells[row] for row in some], _moved(place, some)


def _moved(place: Where, some: list[int]) -> Where:
    return lambda row: place(some[row])


def sorted_by_time(tables: Sequence[InputTable]) -> list[InputTable]:
    """Return tables with their rows in order of time; where a column names the sources, the tables by their first rows, too.

    Raises
    ------
    SourceError
        If one cannot be read.
    """
    found: list[InputTable] = [
        SortedTable(**{field.name: getattr(table, field.name) for field in fields(table)}) for table in tables
    ]
    if len(found) > 1 and all(table.names_sources for table in found):
        found.sort(key=_first_time)
    return found


def _first_time(table: InputTable) -> float:
    # What is left out is counted when the rows are judged.
    once = replace(table, source=replace(table.source, left=LeftOut()))
    return min(float(rows.ts.min()) for rows, *_ in InputTable.blocks(once))


def _joined(parts: Sequence[InputRows]) -> InputRows:
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    code = {name: i for i, name in enumerate(names)}
    first = parts[0]
    return InputRows(
        names,
        np.concatenate([np.array([code[name] for name in part.names])[part.source] for part in parts]),
        np.concatenate([part.ts for part in parts]),
        first.channels,
        np.concatenate([part.values for part in parts]),
        None if first.anomaly is None else np.concatenate([part.anomaly for part in parts]),
        None if first.changepoint is None else np.concatenate([part.changepoint for part in parts]),
    )


def _at(rows: InputRows, some: list[int]) -> InputRows:
    return replace(
        rows,
        source=rows.source[some],
        ts=rows.ts[some],
        values=rows.values[some],
        anomaly=None if rows.anomaly is None else rows.anomaly[some],
        changepoint=None if rows.changepoint is None else rows.changepoint[some],
    )
