"""Files of predictions as the events that a worker would decode."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TypeAlias

from producers.predictions import LabelDelay, PredictionColumns, PredictionEvents, PredictionFiles
from producers.predictions.files import PredictionTable
from stream_app.errors import SettingsError
from stream_app.events import PredictionRow, Rejected, decode_predictions
from stream_app.labels import label_text
from stream_app.tables.cells import as_text
from stream_app.tables.columns import COUNTED, find_time
from stream_app.tables.files import distinct_names, find_tables
from stream_app.tables.left_out import LeftOut
from stream_app.tables.predictions import are_values
from stream_app.tables.table import BLOCK, COUNTED_TIME, CountedTable, first_rows

__all__ = ["Piece", "PredictionInput"]

Piece: TypeAlias = tuple[list[PredictionRow | Rejected], Callable[[int], str]]
"""Some events, and what says which the i-th of them is."""


class PredictionInput:
    """Files of predictions, read as a replay reads them and decoded as a worker decodes them.

    Each file is a model of its own, named after the file, unless a column names the models.

    Parameters
    ----------
    paths : sequence of str
        Files, directories and globs.
    columns : PredictionColumns
        What the user says of the columns.
    period : float or None
        Seconds between rows, where no column has the time.
    label_delay : float
        Seconds after which the truth of a row comes, as an event of its own; 0 is at once.

    Raises
    ------
    SettingsError
        If there are both a column of times and a period, or the period is no length of time.
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """

    def __init__(
        self,
        paths: Sequence[str],
        columns: PredictionColumns,
        *,
        period: float | None = None,
        label_delay: float = 0.0,
    ) -> None:
        if period is not None:
            if columns.time is not None:
                raise SettingsError(
                    "--time-column and --period exclude each other: rows have a time or are counted"
                )
            if period <= 0:
                raise SettingsError(f"--period {period:g}: expected more than 0 seconds")
            columns = replace(columns, time=COUNTED_TIME)
        self.left = LeftOut()
        """Rows that are no events, by reason."""
        self._taken = 0
        self._delay = label_delay
        found = find_tables(paths, columns.format)
        if columns.time is None:
            for table, _ in found:
                find_time(first_rows(table).sample, table.label, COUNTED)
        self.files = [table.label for table, _ in found]
        """Paths of the files that are read."""
        names = distinct_names([(table.path, name) for table, name in found])
        tables = [table if period is None else CountedTable(table, period) for table, _ in found]
        self._files = PredictionFiles(
            tuple(
                PredictionTable.open(table, columns, name, self.left)
                for table, name in zip(tables, names, strict=True)
            ),
            self.left,
        )

    @property
    def total(self) -> int | None:
        """How many rows there are, for showing progress."""
        return self._files.total

    @property
    def rows(self) -> int:
        """How many were read so far, those that are no events among them."""
        return self._taken + sum(self.left.counts.values())

    def has_values(self) -> bool:
        """Whether answers and truths are numbers, some of them with fractions: the first rows tell.

        Raises
        ------
        SourceError
            If answers are scores.
        """
        predicted, truth = set[str | None](), set[str | None]()
        for table in self._files.tables:
            for block in islice(table.table.blocks(BLOCK), 1):
                layout = table.layout(block)
                for name, texts in ((layout.prediction, predicted), (layout.label, truth)):
                    cells = () if name is None else map(as_text, block.column(name))
                    texts.update(label_text(cell) for cell in cells if cell)
        return are_values(predicted, truth, self.files[0])

    def pieces(self) -> Iterator[Piece]:
        """Read from the beginning.

        Raises
        ------
        SourceError
            If a file cannot be read, or no row of all is an event.
        """
        batches = self._read()
        for batch in LabelDelay(self._delay)(batches) if self._delay else batches:
            yield decode_predictions(batch.encode()), partial(_which, batch)

    def _read(self) -> Iterator[PredictionEvents]:
        for batch in self._files.batches():
            self._taken += len(batch)
            yield batch


def _which(batch: PredictionEvents, at: int) -> str:
    return f"{batch.names[batch.source[at]]}, id {batch.bodies[at]['id']!r}"
