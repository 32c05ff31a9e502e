"""Spreadsheets of Excel, by way of openpyxl where the user has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any
from zipfile import ZipFile

from stream_app.errors import SourceError
from stream_app.tables.table import About, Block, TableFile

__all__ = ["ExcelTable", "is_excel"]


def is_excel(file: Any) -> bool:
    """Whether an archive is a spreadsheet."""
    with ZipFile(file) as archive:
        return any(name.startswith("xl/") for name in archive.namelist())


@dataclass(frozen=True, slots=True)
class ExcelTable(TableFile):
    """The first sheet of a spreadsheet; its first row has the names of the columns."""

    @property
    def about(self) -> About:
        """Say what it is."""
        return About("Excel, its first sheet")

    def blocks(self, size: int) -> Iterator[Block]:
        """Read at most `size` rows at a time; empty rows are passed over."""
        try:
            openpyxl = import_module("openpyxl")
        except ImportError:
            raise SourceError(
                f"{self.path}: a spreadsheet needs openpyxl; pip install openpyxl, or save the sheet as CSV"
            ) from None
        try:
            book = openpyxl.load_workbook(self.path, read_only=True, data_only=True)
            rows = enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
            filled = ((line, row) for line, row in rows if any(cell is not None for cell in row))
            header = next(filled, (0, ()))[1]
            names = [
                str(name).strip() if name is not None else f"column {i + 1}" for i, name in enumerate(header)
            ]
            while some := list(islice(filled, size)):
                columns = {
                    name: [row[i] if i < len(row) else None for _, row in some]
                    for i, name in enumerate(names)
                }
                yield Block(columns, [line for line, _ in some])
            book.close()
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise SourceError(f"{self.path}: not readable as a spreadsheet: {error}") from None

    def count(self) -> int | None:
        """Say nothing: counting would be reading."""
        return None
