"""Newest rows of a source: those before a delivery, from its window, and those of the delivery."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.events import Group

__all__ = ["RecentRows", "SourceRows"]


@dataclass(frozen=True, slots=True)
class RecentRows:
    """Rows of a source's window, oldest first.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    written : int
        Rows of the source so far; these are the last of them.
    ts : array, shape (n,)
        Event times in epoch seconds.
    values : array, shape (n, d)
        Readings; NaN where there is none.
    most : int
        How many rows an alert tells of.
    """

    channels: tuple[str, ...]
    written: int
    ts: FloatArray
    values: FloatArray
    most: int

    def without(self, last: int) -> "RecentRows":
        """Return the rows but for the last ones."""
        if last <= 0:
            return self
        return replace(self, written=self.written - last, ts=self.ts[:-last], values=self.values[:-last])


@dataclass(frozen=True, slots=True)
class SourceRows:
    """Readings of one source in a delivery that were counted, or by which its refusals were told.

    Parameters
    ----------
    source : str
        Name of the source.
    ts : array, shape (n,)
        Event times in epoch seconds.
    offsets : array, shape (n,)
        Offsets.
    rows : array, shape (n,)
        Places in the delivery, ascending.
    counted : array of bool, shape (n,)
        Which of them were counted.
    groups : sequence of Group
        Values of the delivery.
    recent : callable
        Returns the newest rows before those that are counted here; as many as an alert tells of at least, where there are.
    """

    source: str
    ts: FloatArray
    offsets: IntArray
    rows: IntArray
    counted: BoolArray
    groups: Sequence[Group]
    recent: Callable[[], RecentRows]

    def course(self, channel: str, row: int) -> tuple[FloatArray, FloatArray] | None:
        """Return times and values of a channel in the newest rows up to one of these; None where there is no such channel.

        They are the same wherever deliveries begin.
        """
        recent = self.recent()
        past = np.full(len(recent.ts), np.nan)
        if channel in recent.channels:
            past = recent.values[:, recent.channels.index(channel)]
        elif all(channel not in group.channels for group in self.groups):
            return None
        until = np.arange(len(self.rows)) <= row
        mine = self.counted & until
        ts = np.concatenate((recent.ts, self.ts[mine]))
        values = np.concatenate((past, _values(self.groups, channel, self.rows[mine])))
        return ts[-recent.most :], values[-recent.most :]


def _values(groups: Sequence[Group], channel: str, rows: IntArray) -> FloatArray:
    """Return the values of a channel in some rows of a delivery; NaN where a row does not name it."""
    out = np.full(len(rows), np.nan)
    for group in groups:
        if channel in group.channels and len(group.rows):
            at = np.minimum(np.searchsorted(group.rows, rows), len(group.rows) - 1)
            mine = group.rows[at] == rows
            out[mine] = group.values[at[mine], group.channels.index(channel)]
    return out
