"""Files of normal operation that streams learn from before their first event."""

import numpy as np

from producers.sources import Columns
from stream_app.cli.backtest.files import open_files
from stream_app.errors import SourceError
from stream_app.events import Group, Readings
from stream_app.settings import SensorStream, Settings

__all__ = ["read_reference", "references_of"]


def read_reference(path: str, columns: Columns) -> Readings:
    """Read a file of normal operation; columns called anomaly, changepoint or label are left out.

    Parameters
    ----------
    path : str
        A CSV, JSONL or Parquet file.
    columns : Columns
        What is said of its columns.

    Raises
    ------
    SourceError
        If it cannot be read, is empty, or has rows of several sources.
    """
    blocks = [rows for file in open_files([path], columns) for rows, _ in file.blocks()]
    names = {rows.names[code] for rows in blocks for code in np.unique(rows.source).tolist()}
    if len(names) != 1:
        found = (
            f"rows of {len(names)} sources, such as {', '.join(sorted(names)[:3])}" if names else "no rows"
        )
        raise SourceError(f"{path}: {found}; a reference is normal operation of one")
    ends = np.cumsum([len(rows) for rows in blocks])
    groups = [
        Group(rows.channels, np.arange(end - len(rows), end), rows.values)
        for rows, end in zip(blocks, ends.tolist(), strict=True)
    ]
    ts = np.concatenate([rows.ts for rows in blocks])
    return Readings([*names] * len(ts), ts, np.arange(len(ts)), ts, groups)


def references_of(settings: Settings) -> dict[str, Readings]:
    """Read the references that the streams of a monitor file name, by stream."""
    return {
        name: read_reference(stream.reference, Columns(channels=stream.channel_names or ()))
        for name, stream in settings.streams.items()
        if isinstance(stream, SensorStream) and stream.reference is not None
    }
