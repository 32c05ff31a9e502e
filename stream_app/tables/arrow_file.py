"""Parquet and Feather files, by way of pyarrow (the extra ``parquet``), whose reader refuses forged files where others abort the process."""

from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

from stream_app.errors import MissingExtraError, SourceError
from stream_app.tables.bounded_lines import BLOCK_BYTES, MAX_LINE_BYTES
from stream_app.tables.table import About, Block, TableFile

__all__ = ["FeatherTable", "ParquetTable"]


@dataclass(frozen=True, slots=True)
class _ArrowTable(TableFile):
    """A file that pyarrow reads in batches; rows are counted from 1 in messages."""

    kind: ClassVar[str]

    @property
    def about(self) -> About:
        """Say what it is."""
        return About(self.kind)

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time."""
        pa = self._pyarrow()
        try:
            begin = 0
            # Closed where reading ends early: the file is mapped.
            with closing(self._batches(pa, size)) as batches:
                for batch in batches:
                    # A few kilobytes may stand for gigabytes of text, which only become so as objects.
                    row = max(1, _row_bytes(pa, batch))
                    if row > MAX_LINE_BYTES:
                        raise SourceError(
                            f"{self.path}:{begin + 1}: a row of more than {MAX_LINE_BYTES:,} bytes; is it a table at all?"
                        )
                    fitting = min(size, max(1, BLOCK_BYTES // row))
                    for first in range(0, len(batch), fitting):
                        rows = batch.slice(first, fitting)
                        places = range(begin + 1, begin + 1 + len(rows))
                        values = (_objects(pa, column) for column in rows.columns)
                        yield Block(dict(zip(rows.schema.names, values, strict=True)), places)
                        begin += len(rows)
        # Texts that are no UTF-8 and times that no calendar has show as they become objects.
        except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{self.path}: not readable as {self.kind}: {first_line}") from None

    @abstractmethod
    def _batches(self, pa: Any, size: int) -> Generator[Any, None, None]:
        """Read record batches."""

    def _pyarrow(self) -> Any:
        try:
            import pyarrow as pa  # noqa: PLC0415  only who reads these files needs it
        except ImportError:
            raise MissingExtraError(f"{self.path}: {self.kind} needs", "pyarrow", "parquet") from None
        return pa


class ParquetTable(_ArrowTable):
    """A Parquet file; no more than a block is held in memory."""

    kind = "Parquet"

    def count(self) -> int | None:
        """Read the number of rows from the file's foot; unknown where that cannot be read."""
        pa = self._pyarrow()
        try:
            with self._open(pa) as file:
                return int(file.metadata.num_rows)
        except (OSError, ValueError, pa.ArrowException):
            return None

    def _batches(self, pa: Any, size: int) -> Generator[Any, None, None]:
        with self._open(pa) as file:
            yield from file.iter_batches(size)

    def _open(self, pa: Any) -> Any:
        from pyarrow import parquet  # noqa: PLC0415

        # Mapped, a page that claims to be large takes no memory before it is found to be missing. Texts that repeat stay one.
        with parquet.ParquetFile(self.path, memory_map=True) as file:
            texts = [field.name for field in file.schema_arrow if _is_text(pa, field.type)]
        return parquet.ParquetFile(self.path, memory_map=True, read_dictionary=texts)


class FeatherTable(_ArrowTable):
    """A Feather file (version 2, the file format of Arrow); a batch of the file is held in memory."""

    kind = "Feather"

    def count(self) -> int | None:
        """Say nothing: counting would be reading."""
        return None

    def _batches(self, pa: Any, _: int) -> Generator[Any, None, None]:
        with pa.memory_map(str(self.path)) as mapped, pa.ipc.open_file(mapped) as file:
            for at in range(file.num_record_batches):
                yield file.get_batch(at)


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
