"""Files of normal operation, which streams learn from before their first event."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError, SourceError
from stream_app.tables.cells import Label
from stream_app.tables.labelled import InputTable, open_files
from stream_app.tables.layout import Columns
from stream_app.tables.readings import ReadingRows

__all__ = ["read_reference", "reference_of"]


def read_reference(path: str, columns: Columns, categories: Sequence[str] = ()) -> ReferenceTable:
    """Read a file of normal operation; columns called anomaly, changepoint or label are left out.

    Parameters
    ----------
    path : str
        A CSV, JSONL or Parquet file.
    columns : Columns
        The meaning of its columns.
    categories : sequence of str
        Columns of categories; those that the file does not have are left out.

    Raises
    ------
    SourceError
        If it cannot be read, is empty, or has rows of several sources.
    """
    return reference_of(open_files([path], columns), categories)


def reference_of(tables: Sequence[InputTable], categories: Sequence[str] = ()) -> ReferenceTable:
    """Return the rows of tables as normal operation of one source.

    Raises
    ------
    SourceError
        If they cannot be read, are none, or are of several sources.
    """
    label = ", ".join(table.label for table in tables)
    blocks = [rows for table in tables for rows in _batches(table, categories)]
    names = {rows.names[code] for rows in blocks for code in np.unique(rows.source).tolist()}
    if len(names) != 1:
        found = (
            f"rows of {len(names)} sources, such as {', '.join(sorted(names)[:3])}" if names else "no rows"
        )
        raise SourceError(f"{label}: {found}; a reference is normal operation of one")
    channels = tuple(dict.fromkeys(name for rows in blocks for name in rows.channels))
    ends = np.cumsum([len(rows.ts) for rows in blocks])
    values = np.full((ends[-1], len(channels)), np.nan)
    for rows, end in zip(blocks, ends.tolist(), strict=True):
        values[end - len(rows.ts) : end, [channels.index(name) for name in rows.channels]] = rows.values
    texts = {
        name: tuple(text for rows in blocks for text in _texts(rows, name))
        for name in categories
        if any(name in rows.labels for rows in blocks)
    }
    try:
        return ReferenceTable(np.concatenate([rows.ts for rows in blocks]), channels, values, texts)
    except DataError as error:
        raise SourceError(f"{label}: {error}") from error


def _batches(table: InputTable, categories: Sequence[str]) -> list[ReadingRows]:
    source = table.source
    if categories:
        # A column of categories may be one of texts, as those of labels are.
        columns = source.columns
        first = next(iter(source.table.blocks(1)), None)
        wanted = [name for name in categories if first is not None and name in first.columns]
        labels = tuple(dict.fromkeys((*columns.labels, *wanted)))
        source = replace(source, columns=replace(columns, labels=labels))
    return list(source.batches())


def _texts(rows: ReadingRows, name: str) -> list[str | None]:
    if name not in rows.labels:
        return [None] * len(rows.ts)
    return [_text(label) for label in rows.labels[name].tolist()]


def _text(label: Label) -> str | None:
    """Return a category as events have it: the text, ``true`` or ``false``, or the number that is its code."""
    if label is None or isinstance(label, str):
        return label
    return str(label).lower() if isinstance(label, bool) else f"{label:.12g}"
