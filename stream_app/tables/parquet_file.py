"""Parquet files, by way of pyarrow (the extra ``parquet``), whose reader refuses forged files where others abort the process."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stream_app.errors import MissingExtraError, SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, MAX_LINE_BYTES
from stream_app.tables.table import Block, TableFile

__all__ = ["ParquetTable"]


@dataclass(frozen=True, slots=True)
class ParquetTable(TableFile):
    """A Parquet file; rows are counted from 1 in messages."""

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time, holding no more in memory."""
        pa, parquet = self._pyarrow()
        try:
            begin = 0
            with self._open(pa, parquet) as file:
                for batch in file.iter_batches(size):
                    # A few kilobytes may stand for gigabytes of text, which only become so as objects.
                    row = max(1, _row_bytes(pa, batch))
                    if row > MAX_LINE_BYTES:
                        raise SourceError(
                            f"{self.path}:{begin + 1}: a row of more than {MAX_LINE_BYTES:,} bytes; is it a table at all?"
                        )
                    fitting = max(1, BLOCK_BYTES // row)
                    for first in range(0, len(batch), fitting):
                        rows = batch.slice(first, fitting)
                        places = range(begin + 1, begin + 1 + len(rows))
                        values = (_objects(pa, column) for column in rows.columns)
                        yield Block(dict(zip(rows.schema.names, values, strict=True)), places)
                        begin += len(rows)
        # Texts that are no UTF-8 and times that no calendar has show as they become objects.
        except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{self.path}: not readable as Parquet: {first_line}") from None

    def count(self) -> int | None:
        """Read the number of rows from the file's foot; unknown where that cannot be read."""
        pa, parquet = self._pyarrow()
        try:
            with self._open(pa, parquet) as file:
                return int(file.metadata.num_rows)
        except (OSError, ValueError, pa.ArrowException):
            return None

    def _open(self, pa: Any, parquet: Any) -> Any:
        # Mapped, a page that claims to be large takes no memory before it is found to be missing. Texts that repeat stay one.
        with parquet.ParquetFile(self.path, memory_map=True) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(pa, field.type)]
        return parquet.ParquetFile(self.path, memory_map=True, read_dictionary=texts)

    def _pyarrow(self) -> tuple[Any, Any]:
        try:
            import pyarrow as pa  # noqa: PLC0415  only who reads Parquet needs it
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            raise MissingExtraError(f"{self.path}: Parquet needs", "pyarrow", "parquet") from None
        return pa, parquet


def _is_text(pa: Any, kind: Any) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    )


def _row_bytes(pa: Any, batch: Any) -> int:
    """Return the bytes of a row: of texts the longest, of the others the mean."""
    total = 0
    for column in batch.columns:
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if _is_text(pa, values.type):
            total += max((len(text.as_buffer() or b"") for text in values), default=0)
        else:
            total += column.nbytes // max(len(column), 1)
    return total


def _objects(pa: Any, column: Any) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's own times have no nanoseconds.
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
