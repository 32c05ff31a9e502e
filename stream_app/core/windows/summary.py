"""Statistics of the rows of a window."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.kernel import allocating_kernel, kernel

__all__ = ["STATISTICS", "summarise"]

STATISTICS = (
    "count", "missing", "mean", "std", "min", "max", "last", "slope", "q05", "q50", "q95",
)  # fmt: skip
"""Names of the statistics of a channel, in their order.

- ``count``, the number of observed values, and ``missing``, the share of rows without one;
- ``mean``, ``std``, ``min`` and ``max`` of the observed values; ``std`` has ``count - 1`` in its denominator and
  needs two of them;
- ``last``, the observed value with the newest event time, of equal times the one that arrived last;
- ``slope``, the least-squares slope per second of event time, which needs two different times;
- ``q05``, ``q50`` and ``q95``, quantiles by linear interpolation between order statistics (type 7).
"""

_SAFE = 2.0**400
"""Up to this magnitude, squares of a window's values can be summed without overflow."""


@allocating_kernel
def summarise(
    rings: npt.NDArray[Any],
    times: npt.NDArray[np.float64],
    tables: npt.NDArray[np.float64],
    slots: IntArray,
    seconds: float,
    out: npt.NDArray[np.float64],
) -> None:
    """Compute the statistics of the windows of some sources.

    The variance takes two passes, so a small spread on a large level keeps its digits. Values beyond 2**400 are
    scaled by a power of two for the computation: a channel of 1e300 has a mean and a standard deviation as any other.

    Parameters
    ----------
    rings : array of RING, shape (slots,)
    times : array, shape (slots, rows)
    tables : array, shape (slots, rows, d)
    slots : array of int, shape (m,)
        Slots of the sources.
    seconds : float
        Length of the windows in event time: a window has the rows with ``newest - seconds < ts``. Infinite for all rows.
    out : array, shape (m, d, 11)
        Takes the statistics, see `STATISTICS`; NaN where one cannot be computed.
    """
    rows = times.shape[1]
    x = np.empty(rows)
    t = np.empty(rows)
    inside = np.empty(rows, dtype=np.int64)
    for i in range(len(slots)):
        slot = slots[i]
        ring = rings[slot]
        kept = min(ring["written"], rows)
        first = ring["written"] - kept
        begin = ring["newest"] - seconds
        n = 0
        # In order of arrival.
        for k in range(kept):
            place = (first + k) % rows
            if times[slot, place] > begin:
                inside[n] = place
                n += 1
        for j in range(tables.shape[2]):
            count = 0
            for k in range(n):
                value = tables[slot, inside[k], j]
                if np.isfinite(value):
                    x[count] = value
                    t[count] = times[slot, inside[k]]
                    count += 1
            _channel(x, t, count, n, out[i, j])


@allocating_kernel
def _channel(x: FloatArray, t: FloatArray, count: int, rows: int, out: FloatArray) -> None:
    """Compute the statistics of `count` values at their times; `x` is sorted afterwards."""
    out[:] = np.nan
    out[0] = count
    if rows > 0:
        out[1] = (rows - count) / rows
    if count == 0:
        return
    low, high = x[0], x[0]
    last, newest = x[0], t[0]
    for k in range(count):
        low, high = min(low, x[k]), max(high, x[k])
        if t[k] >= newest:
            last, newest = x[k], t[k]
    out[4], out[5], out[6] = low, high, last
    scale = 1.0
    largest = max(abs(low), abs(high))
    if largest > _SAFE:
        scale = 2.0 ** -np.floor(np.log2(largest))
    total = 0.0
    middle = 0.0
    for k in range(count):
        total += x[k] * scale
        middle += t[k] - newest
    mean = total / count
    middle = newest + middle / count
    spread = width = shared = 0.0
    for k in range(count):
        d = x[k] * scale - mean
        e = t[k] - middle
        spread += d * d
        width += e * e
        shared += d * e
    # Rounding may carry a mean past all of its values, and past the largest number.
    out[2] = min(max(mean / scale, low), high)
    if count > 1:
        out[3] = _finite(np.sqrt(spread / (count - 1)) / scale)
    if width > 0.0:
        out[7] = _finite(shared / width / scale)
    x[:count].sort()
    out[8] = _quantile(x, count, 0.05)
    out[9] = _quantile(x, count, 0.5)
    out[10] = _quantile(x, count, 0.95)


@kernel
def _quantile(ordered: FloatArray, count: int, p: float) -> float:
    """Interpolate between order statistics; a weighted mean, because their difference could overflow.

    Rounding may carry it past both of them.
    """
    position = p * (count - 1)
    below = int(position)
    part = position - below
    low = ordered[below]
    high = ordered[min(below + 1, count - 1)]
    return float(min(max(low * (1.0 - part) + high * part, low), high))


@kernel
def _finite(x: float) -> float:
    return x if np.isfinite(x) else np.nan
