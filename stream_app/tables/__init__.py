"""Tables, files and frames alike, as what monitors and backtests take."""

from stream_app.tables.labelled import InputTable, distinct_names, open_files, open_table
from stream_app.tables.references import read_reference, reference_of, references_of
from stream_app.tables.rows import InputRows

__all__ = [
    "InputRows",
    "InputTable",
    "distinct_names",
    "open_files",
    "open_table",
    "read_reference",
    "reference_of",
    "references_of",
]
