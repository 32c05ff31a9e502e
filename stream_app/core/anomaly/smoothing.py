"""Exponential means over batches that come out the same however the events were batched."""

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.recursion import exponential_means

__all__ = ["channel_means", "exponential_mean", "rows_since_present", "span_weight"]


def span_weight(span: int) -> float:
    """Weight of the newest event in an exponential mean with the centre of mass of a moving mean of `span` events."""
    return 2.0 / (span + 1.0)


def exponential_mean(x: FloatArray, weight: float, start: FloatArray) -> FloatArray:
    """Exponential mean of every column, continued from `start`; a missing value leaves the mean as it is.

    Parameters
    ----------
    x : FloatArray, shape (n, d)
        NaN where a value is missing.
    weight : float
        Weight of the newest event.
    start : FloatArray, shape (d,)
        Means before the first row.

    Returns
    -------
    FloatArray, shape (n, d)
        Means after each row.

    Examples
    --------
    >>> import numpy as np
    >>> exponential_mean(np.array([[1.0], [np.nan], [1.0]]), 0.5, np.zeros(1)).ravel()
    array([0.5 , 0.5 , 0.75])
    """
    missing = np.isnan(x.T)
    return np.ascontiguousarray(channel_means(x.T, weight, start, missing if missing.any() else None).T)


def channel_means(x: FloatArray, weight: float, start: FloatArray, missing: BoolArray | None) -> FloatArray:
    """Return the same for channels as rows, shape (d, n), which is faster; `missing` is None where nothing is."""
    if missing is None:
        return exponential_means(x, weight, start)[:, 1:]
    out = np.empty_like(x)
    for j, gaps in enumerate(missing):
        known = x[j : j + 1, ~gaps]
        # A row without a value repeats the mean before it.
        out[j] = exponential_means(known, weight, start[j : j + 1])[0, np.cumsum(~gaps)]
    return out


def rows_since_present(missing: BoolArray, before: IntArray) -> IntArray:
    """Rows since each column last had a value: 0 where it has one; `before` counts those ahead of the first row."""
    rows = np.arange(1, missing.shape[0] + 1)[:, None]
    last = np.maximum.accumulate(np.where(missing, 0, rows), axis=0)
    return np.asarray(np.where(last > 0, rows - last, rows + before))
