"""Files of predictions as one source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from producers.predictions.batch import PredictionEvents
from producers.predictions.columns import PredictionColumns
from producers.predictions.table import PredictionTable
from producers.sessions.left_out import LeftOut
from producers.sources.files import Several, find_tables

__all__ = ["PredictionFiles"]


@dataclass(frozen=True, slots=True)
class PredictionFiles(Several[PredictionTable]):
    """Several files, replayed one after another; make it with `PredictionFiles.find`.

    Each file is a model of its own, named after the file, unless a column or ``--source`` says otherwise.

    Parameters
    ----------
    tables : tuple of PredictionTable
    left : LeftOut
        The rows of all of them that are no events.
    """

    left: LeftOut

    @classmethod
    def find(cls, paths: Sequence[str], columns: PredictionColumns) -> "PredictionFiles":
        """Gather the files that paths, directories and globs name, and settle what their columns mean.

        Raises
        ------
        SourceError
            When a path is not there or of no known format, or a column is missing or in doubt.
        """
        left = LeftOut()
        found = find_tables(paths, columns.delimiter)
        return cls(tuple(PredictionTable.open(table, columns, name, left) for table, name in found), left)

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far were no events, by reason and first place."""
        return self.left.told

    def batches(self) -> Iterator[PredictionEvents]:
        """Read from the beginning; a batch may be empty.

        Raises
        ------
        SourceError
            When a file cannot be read, or no row of all is an event.
        """
        return self.left.check(batch for table in self.tables for batch in table.batches())
