"""Tables, files and frames alike: their formats, the meaning of their columns, and their rows."""

from stream_app.tables.columns import OptionNames
from stream_app.tables.files import distinct_names, find_tables
from stream_app.tables.format import FileFormat
from stream_app.tables.labelled import InputTable, open_files, open_table
from stream_app.tables.layout import Columns
from stream_app.tables.references import read_reference, reference_of
from stream_app.tables.rows import InputRows
from stream_app.tables.sorting import sorted_by_time

__all__ = [
    "Columns",
    "FileFormat",
    "InputRows",
    "InputTable",
    "OptionNames",
    "distinct_names",
    "find_tables",
    "open_files",
    "open_table",
    "read_reference",
    "reference_of",
    "sorted_by_time",
]
