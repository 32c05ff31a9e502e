"""Parquet files, by way of polars (the extra ``parquet``)."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from stream_app.errors import MissingExtraError, SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, MAX_LINE_BYTES
from stream_app.tables.table import Block, TableFile

__all__ = ["ParquetTable"]


@dataclass(frozen=True, slots=True)
class ParquetTable(TableFile):
    """A Parquet file; rows are counted from 1 in messages."""

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time, holding no more in memory."""
        pl = self._polars()
        try:
            frame = pl.scan_parquet(self.path)
            begin = 0
            while len(part := frame.slice(begin, size).collect()):
                # A few kilobytes may stand for gigabytes of text, which only become so as objects.
                fitting = max(1, len(part) * BLOCK_BYTES // max(part.estimated_size(), BLOCK_BYTES))
                for rows in part.iter_slices(fitting):
                    if rows.estimated_size() > max(BLOCK_BYTES, len(rows) * MAX_LINE_BYTES):
                        raise SourceError(
                            f"{self.path}:{begin + 1}: a row of more than {MAX_LINE_BYTES:,} bytes; is it a table at all?"
                        )
                    places = range(begin + 1, begin + 1 + len(rows))
                    yield Block({name: rows[name].to_list() for name in rows.columns}, places)
                    begin += len(rows)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise SourceError(f"{self.path}: not readable as Parquet: {str(error).splitlines()[0]}") from None

    def count(self) -> int | None:
        """Read the number of rows from the file's foot; unknown where that cannot be read."""
        pl = self._polars()
        try:
            return int(pl.scan_parquet(self.path).select(pl.len()).collect().item())
        except (OSError, pl.exceptions.PolarsError):
            return None

    def _polars(self) -> ModuleType:
        try:
            import polars  # noqa: ICN001, PLC0415  only who reads Parquet needs it
        except ImportError:
            raise MissingExtraError(f"{self.path}: Parquet needs", "polars", "parquet") from None
        return polars
