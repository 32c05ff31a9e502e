"""Ring buffer of the newest rows of one source."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Field, Layout
from stream_app.core.kernel import kernel

__all__ = ["RING", "window_layout", "window_places", "window_push"]

RING = np.dtype([("written", np.int64), ("newest", np.float64)])
"""Rows that were written so far, and the newest event time among them."""


def window_layout(channels: int, rows: int) -> Layout:
    """Return the arrays of a window of at most `rows` rows."""
    fresh = np.zeros((), RING)
    fresh["newest"] = -np.inf
    return {
        "window": Field(RING, initial=fresh),
        "window.ts": Field(np.dtype(np.float64), (rows,)),
        "window.values": Field(np.dtype(np.float64), (rows, channels), np.nan),
    }


@kernel
def window_push(
    ring: Any, times: FloatArray, table: npt.NDArray[np.float64], ts: float, values: FloatArray
) -> None:
    """Put a row in the place of the oldest.

    Rows may come slightly out of order; a window by time reaches back from the newest event time.

    Parameters
    ----------
    ring : RING
        The window's record.
    times : array, shape (rows,)
        Event times, seconds.
    table : array, shape (rows, d)
        Readings of the d channels.
    ts : float
        Event time of the row.
    values : array, shape (d,)
        The row; NaN is missing.
    """
    place = ring["written"] % len(times)
    times[place] = ts
    for j in range(len(values)):
        table[place, j] = values[j]
    ring["written"] += 1
    ring["newest"] = max(ring["newest"], ts)


def window_places(written: int, rows: int) -> IntArray:
    """Return the places of the rows that a window of `rows` holds after so many were written, oldest first.

    Examples
    --------
    >>> window_places(2, 3).tolist(), window_places(4, 3).tolist()
    ([0, 1], [1, 2, 0])
    """
    kept = min(max(written, 0), rows)
    return np.arange(written - kept, written) % rows
