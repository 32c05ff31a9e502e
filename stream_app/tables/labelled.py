"""Tables as rows of a backtest: the readings for the monitor, the truth for the scoring, the times as they stand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.tables.cells import Label, LabelColumn, Where, labels, read_each
from stream_app.tables.columns import LABEL_NAMES, listed, nearest
from stream_app.tables.files import distinct_names, find_tables
from stream_app.tables.layout import Columns, find_layout
from stream_app.tables.readings import ReadingTable
from stream_app.tables.rows import InputRows
from stream_app.tables.table import BLOCK, Block, first_rows
from stream_app.tables.truth import ODD_TRUTH, is_marked, marks_outliers

__all__ = ["InputTable", "open_files", "open_table"]

BoolArray: TypeAlias = npt.NDArray[np.bool_]

_ANOMALY_NAMES = ("anomaly", "label")
_CHANGEPOINT_NAMES = ("changepoint",)


@dataclass(frozen=True, slots=True)
class InputTable:
    """A table with the meaning of its columns settled; see `open_table`.

    Parameters
    ----------
    source : ReadingTable
        Reads the rows.
    time, source_column : str or None
        Columns with the event time and with the name of each row's source; without the latter the table is one source.
    anomaly, changepoint : str or None
        Columns with the truth.
    outliers : frozenset of str
        Those of them where -1 marks an anomaly and 1 a normal row.
    """

    source: ReadingTable
    time: str | None
    source_column: str | None
    anomaly: str | None
    changepoint: str | None
    outliers: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """What the table is called in messages: the path of a file."""
        return self.source.table.label

    @property
    def names_sources(self) -> bool:
        """Whether a column names the source of each row; else the table is a source of its own."""
        return self.source_column is not None

    @property
    def total(self) -> int | None:
        """How many rows there are, for showing progress."""
        return self.source.total

    def blocks(self) -> Iterator[tuple[InputRows, Sequence[Any], Where]]:
        """Read rows from the beginning, with their times as the table has them, and what says where the i-th stands.

        Raises
        ------
        SourceError
            At a cell that makes no sense; names the table and the row.
        """
        for block, batch in self.source.pairs():
            rows = InputRows(
                batch.names,
                batch.source,
                batch.ts,
                batch.channels,
                batch.values,
                self._truth(block, batch.labels, self.anomaly),
                self._truth(block, batch.labels, self.changepoint),
            )
            cells = None if self.time is None else block.columns.get(self.time)
            yield rows, batch.ts.tolist() if cells is None else cells, partial(self._place, block)

    def _place(self, block: Block, row: int) -> str:
        return self.source.table.place(block.lines[row])

    def _truth(self, block: Block, labels: Mapping[str, LabelColumn], column: str | None) -> BoolArray | None:
        if column is None:
            return None
        cells = labels[column.removeprefix("labels.")]
        truth = np.zeros(len(cells), dtype=np.bool_)
        outliers = column in self.outliers
        said = read_each(cells.tolist(), lambda cell: is_marked(cell, outliers=outliers))
        for row, answer in enumerate(said):
            if answer is None:
                where = f"{self._place(block, row)}: column {column!r}"
                raise SourceError(f"{where}: {str(cells[row])[:40]!r} is {ODD_TRUTH}")
            truth[row] = answer
        return truth


def open_files(
    paths: Sequence[str], columns: Columns, *, anomaly: str | None = None, changepoint: str | None = None
) -> list[InputTable]:
    """Find files and settle what their columns mean; see `open_table`.

    Parameters
    ----------
    paths : sequence of str
        Files, directories and globs.
    columns : Columns
        What the user says of the columns; its labels are left to this function.
    anomaly, changepoint : str or None
        Columns with the truth.

    Raises
    ------
    SourceError
        If a file cannot be read or a column is not there.
    """
    found = find_tables(paths, columns.format)
    names = distinct_names([(table.path, name) for table, name in found])
    return [
        open_table(ReadingTable(table, columns, name), anomaly=anomaly, changepoint=changepoint)
        for (table, _), name in zip(found, names, strict=True)
    ]


def open_table(
    source: ReadingTable, *, anomaly: str | None = None, changepoint: str | None = None
) -> InputTable:
    """Settle what the columns of a table mean.

    Columns called anomaly, changepoint or label are truth and never readings, whatever else is named.

    Parameters
    ----------
    source : ReadingTable
        The table and what the user says of its columns.
    anomaly, changepoint : str or None
        Columns with the truth.

    Raises
    ------
    SourceError
        If the table cannot be read, has no rows or a column is not there.
    """
    label, options = source.table.label, source.columns
    first = first_rows(source.table)
    found = (
        _column(first, anomaly, _ANOMALY_NAMES, options.option_names.labels, label),
        _column(first, changepoint, _CHANGEPOINT_NAMES, options.option_names.changepoint, label),
    )
    # Truth in any form stays away from the monitor, also where a column of another name is chosen for it.
    truth = [column for column in found if column is not None]
    truth += [
        column for column in first.columns if column.casefold() in LABEL_NAMES or column in first.labels
    ]
    options = replace(options, labels=tuple(dict.fromkeys(c for c in truth if c not in options.channels)))
    layout = find_layout(options, first.sample, label)
    outliers = frozenset(column for column in found if column is not None and _marks_outliers(source, column))
    return InputTable(replace(source, columns=options), layout.time, layout.source, *found, outliers)


def _marks_outliers(source: ReadingTable, column: str) -> bool:
    def cells(block: Block) -> list[Label]:
        return labels(block.column(column), column, lambda row: source.table.place(block.lines[row]))

    return marks_outliers(map(cells, source.table.blocks(BLOCK)))


def _column(block: Block, named: str | None, usual: Sequence[str], option: str, label: str) -> str | None:
    """Return the column with the truth: the one named, else one of the usual names, else none."""
    if named is not None:
        for name in (named, f"labels.{named}"):
            if name in block.columns:
                return name
        raise SourceError(
            f"{label}: {option}: no column {named!r}; there is {listed(nearest(named, block.columns))}"
        )
    folded = {column.casefold().removeprefix("labels."): column for column in block.columns}
    return next((folded[name] for name in usual if name in folded), None)
