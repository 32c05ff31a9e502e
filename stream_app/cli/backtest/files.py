"""Files as rows of a backtest: the readings for the monitor, the truth for the scoring, the times as they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from producers.batch import Label, LabelColumn
from producers.sources import Columns, Files
from producers.sources.columns import LABEL_NAMES, find_layout
from producers.sources.table import Block, Table, TableSource
from stream_app.backtest import InputRows
from stream_app.core.arrays import BoolArray
from stream_app.errors import SourceError

__all__ = ["InputFile", "distinct_names", "open_files"]

_ANOMALY_NAMES = ("anomaly", "label")
_CHANGEPOINT_NAMES = ("changepoint",)
_SAMPLE = 100
_TRUE, _FALSE = frozenset({"true", "yes", "anomaly", "1"}), frozenset({"false", "no", "normal", "0", ""})


@dataclass(slots=True)
class _Tap:
    """A table that remembers the block it handed on, for what the readings made of it no longer say."""

    table: Table
    block: Block = field(default_factory=lambda: Block({}, ()))

    @property
    def path(self) -> Path:
        return self.table.path

    def blocks(self, size: int) -> Iterator[Block]:
        for block in self.table.blocks(size):
            self.block = block
            yield block

    def count(self) -> int | None:
        return self.table.count()


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of rows with the meaning of its columns settled.

    Parameters
    ----------
    path : Path
        The file.
    names_sources : bool
        Whether a column names the source of each row; else the file is a source of its own.
    """

    path: Path
    names_sources: bool
    _source: TableSource
    _tap: _Tap
    _time: str | None
    _anomaly: str | None
    _changepoint: str | None

    @property
    def total(self) -> int | None:
        """How many rows there are, for showing progress."""
        return self._source.total

    def blocks(self) -> Iterator[tuple[InputRows, list[str]]]:
        """Read rows from the beginning, with their times as the file has them.

        Raises
        ------
        SourceError
            At a cell that makes no sense; names file and line.
        """
        for batch in self._source.batches():
            rows = InputRows(
                batch.names,
                batch.source,
                batch.ts,
                batch.channels,
                batch.values,
                self._truth(batch.labels, self._anomaly),
                self._truth(batch.labels, self._changepoint),
            )
            cells = None if self._time is None else self._tap.block.columns.get(self._time)
            yield rows, [str(cell) for cell in (batch.ts.tolist() if cells is None else cells)]

    def _truth(self, labels: Any, column: str | None) -> BoolArray | None:
        if column is None:
            return None
        cells: LabelColumn = labels[column.removeprefix("labels.")]
        said = np.zeros(len(cells), dtype=np.bool_)
        for row, cell in enumerate(cells.tolist()):
            answer = _yes(cell)
            if answer is None:
                where = f"{self.path}:{self._tap.block.lines[row]}: column {column!r}"
                raise SourceError(f"{where}: {str(cell)[:40]!r} is neither 0 nor 1, true nor false")
            said[row] = answer
        return said


def open_files(
    paths: Sequence[str], columns: Columns, *, anomaly: str | None = None, changepoint: str | None = None
) -> list[InputFile]:
    """Find files and settle what their columns mean.

    Columns called anomaly, changepoint or label are truth and never readings, whatever else is named.

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
    tables = Files.find(paths, columns).tables
    names = distinct_names([(table.table.path, table.name) for table in tables])
    return [
        _open(table, name, anomaly=anomaly, changepoint=changepoint)
        for table, name in zip(tables, names, strict=True)
    ]


def _open(table: TableSource, name: str, *, anomaly: str | None, changepoint: str | None) -> InputFile:
    path, said = table.table.path, table.columns
    first = next(iter(table.table.blocks(_SAMPLE)), None)
    if first is None:
        raise SourceError(f"{path}: no rows")
    found = {
        "--label-column": _column(first, anomaly, _ANOMALY_NAMES, "--label-column", path),
        "--changepoint-column": _column(first, changepoint, _CHANGEPOINT_NAMES, "--changepoint-column", path),
    }
    # Truth in any form stays away from the monitor, also where a column of another name is chosen for it.
    truth = [column for column in found.values() if column is not None]
    truth += [
        column for column in first.columns if column.casefold() in LABEL_NAMES or column in first.labels
    ]
    said = replace(said, labels=tuple(dict.fromkeys(c for c in truth if c not in said.channels)))
    sample = {column: cells[:_SAMPLE] for column, cells in first.columns.items()}
    layout = find_layout(said, sample, str(path))
    tap = _Tap(table.table)
    return InputFile(
        path,
        layout.source is not None,
        TableSource(tap, said, name),
        tap,
        layout.time,
        found["--label-column"],
        found["--changepoint-column"],
    )


def _column(block: Block, said: str | None, usual: Sequence[str], option: str, path: Path) -> str | None:
    """Return the column with the truth: the one named, else one of the usual names, else none."""
    if said is not None:
        for name in (said, f"labels.{said}"):
            if name in block.columns:
                return name
        raise SourceError(f"{path}: {option}: no column {said!r}; the file has {', '.join(block.columns)}")
    folded = {column.casefold().removeprefix("labels."): column for column in block.columns}
    return next((folded[name] for name in usual if name in folded), None)


def _yes(cell: Label) -> bool | None:
    """Return what a cell of truth says; a missing one says no, and None is for what says neither."""
    if cell is None:
        return False
    if isinstance(cell, str):
        text = cell.strip().casefold()
        return True if text in _TRUE else False if text in _FALSE else None
    return bool(cell)


def distinct_names(files: Sequence[tuple[Path, str]]) -> list[str]:
    """Return a name for each file: the given one, with the folder where two are the same, numbered if even so."""
    names = [name for _, name in files]
    longer = [
        f"{path.absolute().parent.name}/{name}" if names.count(name) > 1 else name for path, name in files
    ]
    return [
        name if longer.count(name) == 1 else f"{name}#{longer[: i + 1].count(name)}"
        for i, name in enumerate(longer)
    ]
