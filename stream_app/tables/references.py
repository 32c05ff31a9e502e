"""Files of normal operation, which streams learn from before their first event."""

from collections.abc import Sequence

import numpy as np

from stream_app.errors import SourceError
from stream_app.events import Group, Readings
from stream_app.tables.labelled import InputTable, open_files
from stream_app.tables.layout import Columns

__all__ = ["read_reference", "reference_of"]


def read_reference(path: str, columns: Columns) -> Readings:
    """Read a file of normal operation; columns called anomaly, changepoint or label are left out.

    Parameters
    ----------
    path : str
        A CSV, JSONL or Parquet file.
    columns : Columns
        The meaning of its columns.

    Raises
    ------
    SourceError
        If it cannot be read, is empty, or has rows of several sources.
    """
    return reference_of(open_files([path], columns))


def reference_of(tables: Sequence[InputTable]) -> Readings:
    """Return the rows of tables as readings of normal operation of one source.

    Raises
    ------
    SourceError
        If they cannot be read, are none, or are of several sources.
    """
    blocks = [rows for table in tables for rows, *_ in table.blocks()]
    names = {rows.names[code] for rows in blocks for code in np.unique(rows.source).tolist()}
    if len(names) != 1:
        found = (
            f"rows of {len(names)} sources, such as {', '.join(sorted(names)[:3])}" if names else "no rows"
        )
        label = ", ".join(table.label for table in tables)
        raise SourceError(f"{label}: {found}; a reference is normal operation of one")
    ends = np.cumsum([len(rows) for rows in blocks])
    groups = [
        Group(rows.channels, np.arange(end - len(rows), end), rows.values)
        for rows, end in zip(blocks, ends.tolist(), strict=True)
    ]
    ts = np.concatenate([rows.ts for rows in blocks])
    return Readings([*names] * len(ts), ts, np.arange(len(ts)), ts, groups)
