"""Spreadsheets of Excel, by way of openpyxl where the user has it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any
from zipfile import ZipFile

from stream_app.errors import SourceError
from stream_app.tables.csv_head import distinct
from stream_app.tables.table import READ_ERRORS, About, Block, TableFile

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
            # Closed where reading ends early, too: the file is open as long.
            with closing(openpyxl.load_workbook(self.path, read_only=True, data_only=True)) as book:
                rows = enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
                filled = ((line, row) for line, row in rows if any(cell is not None for cell in row))
                header = next(filled, (0, ()))[1]
                names = distinct(["" if name is None else str(name).strip() for name in header])
                while some := list(islice(filled, size)):
                    columns = {
                        name: [row[i] if i < len(row) else None for _, row in some]
                        for i, name in enumerate(names)
                    }
                    yield Block(columns, [line for line, _ in some])
        # A part of the archive that is no XML is a SyntaxError.
        except (*READ_ERRORS, ValueError, LookupError, TypeError, AttributeError, SyntaxError) as error:
            raise SourceError(f"{self.path}: not readable as a spreadsheet: {error}") from None

    def count(self) -> int | None:
        """Say nothing: counting would be reading."""
        return None
