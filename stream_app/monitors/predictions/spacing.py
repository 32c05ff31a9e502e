"""The spacing of a source's events, by which a budget per time becomes one per event."""

from collections.abc import Sequence

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["PERIOD_ROWS", "median_spacing"]

PERIOD_ROWS = 32
"""Events from which it is taken."""


def median_spacing(ts: Sequence[float] | FloatArray) -> float:
    """Return the median of the seconds between events, those at the same time left out; 1 if all are at the same.

    Parameters
    ----------
    ts : sequence of float
        Event times in epoch seconds, in any order.

    Examples
    --------
    >>> median_spacing([10.0, 40.0, 20.0, 20.0])
    15.0
    """
    gaps = np.diff(np.sort(ts))
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0
