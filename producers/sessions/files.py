"""Files of session events as one source, in their order or sorted by time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from producers.batch import as_labels
from producers.sessions.batch import SessionEvents
from producers.sessions.columns import SessionColumns
from producers.sessions.left_out import LeftOut
from producers.sessions.table import SessionTable
from producers.sources.files import Several, find_tables
from producers.sources.table import BLOCK

__all__ = ["SessionFiles"]


@dataclass(frozen=True, slots=True)
class SessionFiles(Several[SessionTable]):
    """Several files, replayed one after another; make it with `SessionFiles.find`.

    Parameters
    ----------
    tables : tuple of SessionTable
    left : LeftOut
        The rows of all of them that are no events.

    Examples
    --------
    >>> SessionFiles.find(["no/such.csv"], SessionColumns())
    Traceback (most recent call last):
    stream_app.errors.SourceError: no/such.csv: no such file or directory
    """

    left: LeftOut

    @classmethod
    def find(cls, paths: Sequence[str], columns: SessionColumns, preset: str | None = None) -> "SessionFiles":
        """Gather the files that paths, directories and globs name, and settle what their columns mean.

        Parameters
        ----------
        paths : sequence of str
        columns : SessionColumns
            What the user says about them.
        preset : str or None
            Name of the shop they are of; left out, it is known by the columns.

        Raises
        ------
        SettingsError
            When there is no such shop.
        SourceError
            When a path is not there or of no known format, or a column is missing or in doubt.
        """
        left = LeftOut()
        found = find_tables(paths, columns.delimiter)
        return cls(
            tuple(SessionTable.open(table, columns, name, preset=preset, left=left) for table, name in found),
            left,
        )

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many of the rows read so far were no events, by reason and first place."""
        return self.left.told

    def batches(self) -> Iterator[SessionEvents]:
        """Read from the beginning; a batch may be empty.

        Raises
        ------
        SourceError
            When a file cannot be read, or no row of all is an event.
        """
        batches = (batch for table in self.tables for batch in table.batches())
        sort = any(table.columns.sort for table in self.tables)
        return self.left.check(_sorted(batches) if sort else batches)


def _sorted(batches: Iterator[SessionEvents]) -> Iterator[SessionEvents]:
    """Hold all events, then hand them on in the order of their times; those of one time as they came."""
    held = []
    for batch in batches:
        held.append(batch)
        # An empty one lets whoever asks look at the network and at Ctrl-C.
        yield SessionEvents.none()
    whole = _joined([batch for batch in held if len(batch)])
    held.clear()
    order = np.argsort(whole.ts, kind="stable")
    for begin in range(0, len(order), BLOCK):
        part = whole.take(order[begin : begin + BLOCK])
        codes, source = np.unique(part.source, return_inverse=True)
        yield replace(part, names=tuple(whole.names[code] for code in codes.tolist()), source=source)


def _joined(batches: Sequence[SessionEvents]) -> SessionEvents:
    """Return one batch of all: with the values and attributes of each, missing where a batch has not got them."""
    if not batches:
        return SessionEvents.none()
    index: dict[str, int] = {}
    sources = []
    for batch in batches:
        codes = np.array([index.setdefault(name, len(index)) for name in batch.names], dtype=np.int64)
        sources.append(codes[batch.source])
    channels = tuple(dict.fromkeys(channel for batch in batches for channel in batch.channels))
    keys = dict.fromkeys(key for batch in batches for key in batch.attributes)
    tables = []
    for batch in batches:
        table = np.full((len(batch), len(channels)), np.nan)
        table[:, [channels.index(channel) for channel in batch.channels]] = batch.values
        tables.append(table)
    attributes = {
        key: np.concatenate([batch.attributes.get(key, as_labels([None] * len(batch))) for batch in batches])
        for key in keys
    }
    return SessionEvents(
        tuple(index),
        np.concatenate(sources),
        np.concatenate([batch.ts for batch in batches]),
        np.concatenate([batch.types for batch in batches]),
        np.concatenate([batch.ids for batch in batches]),
        channels,
        np.concatenate(tables),
        attributes,
    )
