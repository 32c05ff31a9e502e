"""Files read as a whole: all cells by column, and where each row stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import SourceError
from stream_app.labels import label_text
from stream_app.tables.cells import Label, as_object, as_text, mark_labels, mark_numbers
from stream_app.tables.columns import listed, nearest
from stream_app.tables.files import find_tables
from stream_app.tables.format import FileFormat
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import BLOCK

__all__ = ["WholeTable", "read_whole"]

Cells: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class WholeTable:
    """All rows of some files, in their order; make it with `read_whole`.

    Parameters
    ----------
    columns : dict of str to list, length n
        Cells as the files have them, by column; None where a file has no such column.
    files : list of str, length n
        Path of the file of each row.
    lines : list of int, length n
        Line (or row) of each row in its file, counted from 1.
    left : LeftOut
        Rows that cannot be used, as they are found while columns are read.
    odd : LeftOut
        Cells in place of numbers that were taken as missing, likewise.
    refused : set of int
        Which rows are left out.
    """

    columns: dict[str, Cells]
    files: list[str]
    lines: list[int]
    left: LeftOut = field(default_factory=LeftOut)
    odd: LeftOut = field(default_factory=LeftOut)
    refused: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """Name file and line of a row."""
        return f"{self.files[row]}:{self.lines[row]}"

    def find(self, named: str | None, usual: Iterable[str], option: str) -> str | None:
        """Return the column that the user named, else the one with a usual name, if there is one.

        Raises
        ------
        SourceError
            If there is no column of the name, or several have a usual one; names those there are.
        """
        if named is not None:
            if named not in self.columns:
                raise SourceError(
                    f"{self.files[0]}: {option}: no column {named!r}; there is {listed(nearest(named, self.columns))}"
                )
            return named
        found = [name for name in sorted(usual) if name in self.columns]
        if len(found) > 1:
            raise SourceError(
                f"{self.files[0]}: {' and '.join(map(repr, found))} both fit; choose one with {option}"
            )
        return found[0] if found else None

    def need(
        self, named: str | None, usual: Iterable[str], option: str, what: str, otherwise: str = ""
    ) -> str:
        """Return the column that the user named, else the one with a usual name.

        Parameters
        ----------
        named : str or None
            What the user named.
        usual : iterable of str
            Names that are taken where the user named none.
        option, what, otherwise : str
            For messages: the option that names it, what it holds, what else the user can do.

        Raises
        ------
        SourceError
            If there is none, or several fit.
        """
        found = self.find(named, usual, option)
        if found is None:
            raise SourceError(
                f"{self.files[0]}: no column looks like {what}; name it with {option}{otherwise} "
                f"(there is {listed(self.columns)})"
            )
        return found

    def refuse(self, bad: npt.NDArray[np.bool_], column: str, reason: str) -> None:
        """Leave out rows for what a column has there, each for the first reason found."""
        fresh = [row for row in np.flatnonzero(bad).tolist() if row not in self.refused]
        if fresh:
            cell = as_text(self.columns[column][fresh[0]])
            reason = f"column {column!r}: {reason}" + (f", like {cell[:40]!r}" if cell else "")
            self.left.add(reason, len(fresh), self.where(fresh[0]))
            self.refused.update(fresh)

    @property
    def notes(self) -> list[str]:
        """What was left out, and what was taken as missing, with the first of each reason."""
        return [
            f"left out {count:,}: {reason}"
            for reason, count in [*self.left.summary.items(), *self.odd.summary.items()]
        ]

    @property
    def problem(self) -> str | None:
        """Why nearly nothing can be judged: more rows are left out than taken."""
        return self.left.problem(len(self) - len(self.refused))

    def marks(self, column: str) -> list[Label]:
        """Return a column of ground truth as it stands, None where there is none; rows with a list or an object are left out."""
        cells, bad = mark_labels(self.columns[column])
        self.refuse(bad, column, "no label")
        return cells

    def labels(self, column: str) -> list[str | None]:
        """Return a column as labels, None where there is none or the row is left out; see `stream_app.labels.label_text`."""
        return [None if cell is None else label_text(cell) for cell in self.marks(column)]

    def texts(self, column: str) -> list[str | None]:
        """Return a column as texts, None where there is none."""
        return [as_text(cell) for cell in self.columns[column]]

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """Return a column as numbers, NaN where there is none; cells that are no finite numbers are counted.

        Raises
        ------
        SourceError
            If more cells are no numbers than are.
        """
        cells = self.columns[column]
        out, bad = mark_numbers(cells)
        bad |= np.isinf(out)
        out[bad] = np.nan
        if not bad.any():
            return out
        first, count = int(np.argmax(bad)), int(bad.sum())
        cell = str(cells[first])[:40]
        if count > int(np.isfinite(out).sum()):
            raise SourceError(
                f"{self.where(first)}: column {column!r}: {cell!r} is no number, as {count:,} of its {len(cells):,} cells"
            )
        reason = f"column {column!r}: cell taken as missing, no number, like {cell!r}"
        self.odd.add(reason, count, self.where(first))
        return out

    def positions(self) -> npt.NDArray[np.int64]:
        """Return how many rows of its file are before each row, shape (n,)."""
        counts: dict[str, int] = {}
        before = []
        for file in self.files:
            before.append(counts.get(file, 0))
            counts[file] = before[-1] + 1
        return np.array(before, dtype=np.int64)

    def only(self, kept: npt.NDArray[np.bool_]) -> "WholeTable":
        """Return some of the rows; what was left out goes on being counted with those of the whole."""
        rows = np.flatnonzero(kept).tolist()
        return WholeTable(
            {name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            [self.files[row] for row in rows],
            [self.lines[row] for row in rows],
            self.left,
            self.odd,
        )


def read_whole(
    paths: Sequence[str],
    said: FileFormat | None = None,
    *,
    spread: Sequence[str] = (),
    source: str | None = None,
) -> WholeTable:
    """Read files into memory.

    Parameters
    ----------
    paths : sequence of str
        Files, directories and globs.
    said : FileFormat, optional
        What the user says of how they are written.
    spread : sequence of str
        Columns of objects, such as ``features`` of prediction events, whose keys become columns of their own.
    source : str or None
        Column to put the name of each row's file in, where there are several files without such a column.

    Raises
    ------
    SourceError
        If a file cannot be read, or there are no rows.
    """
    whole = WholeTable({}, [], [])
    tables = find_tables(paths, said)
    for table, name in tables:
        for block in table.blocks(BLOCK):
            whole.left.add_broken(block, table)
            columns = _spread(block.columns, spread)
            if source is not None and len(tables) > 1:
                columns.setdefault(source, [name] * len(block.lines))
            for column in dict.fromkeys((*whole.columns, *columns)):
                cells = whole.columns.setdefault(column, [None] * len(whole))
                cells += columns.get(column) or [None] * len(block.lines)
            whole.files.extend([table.label] * len(block.lines))
            whole.lines.extend(block.lines)
    if not len(whole):
        raise SourceError(f"{', '.join(paths)}: no rows")
    return whole


def _spread(columns: Mapping[str, Sequence[Any]], groups: Sequence[str]) -> dict[str, Sequence[Any]]:
    out: dict[str, Sequence[Any]] = {}
    for column, cells in columns.items():
        if column not in groups:
            out[column] = cells
            continue
        inside = [as_object(cell) for cell in cells]
        for name in dict.fromkeys(name for one in inside for name in one):
            out[name] = [one.get(name) for one in inside]
    return out
