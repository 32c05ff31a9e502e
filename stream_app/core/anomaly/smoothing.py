"""Exponential means over batches that come out the same however the events were batched."""

import numpy as np
from scipy.signal import lfilter

from stream_app.core.arrays import BoolArray, FloatArray, IntArray

__all__ = ["channel_means", "exponential_mean", "hold_missing", "rows_since_present", "span_weight"]


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
    if x.shape[1] == 0:
        return np.empty_like(x)
    if missing is None:
        return _filtered(x, weight, start)
    out = np.empty_like(x)
    for j, gaps in enumerate(missing):
        known = x[j : j + 1, ~gaps]
        means = _filtered(known, weight, start[j : j + 1])[0] if known.size else np.empty(0)
        out[j] = hold_missing(gaps, means, float(start[j]))
    return out


def hold_missing(missing: BoolArray, values: FloatArray, start: float) -> FloatArray:
    """Spread `values` over the rows that are present and repeat the last one (first `start`) over those that are not."""
    return np.asarray(np.concatenate(([start], values))[np.cumsum(~missing)])


def rows_since_present(missing: BoolArray, before: IntArray) -> IntArray:
    """Rows since each column last had a value: 0 where it has one; `before` counts those ahead of the first row."""
    rows = np.arange(1, missing.shape[0] + 1)[:, None]
    last = np.maximum.accumulate(np.where(missing, 0, rows), axis=0)
    return np.asarray(np.where(last > 0, rows - last, rows + before))


def _filtered(x: FloatArray, weight: float, start: FloatArray) -> FloatArray:
    numerator, denominator = np.array([weight]), np.array([1.0, weight - 1.0])
    means: FloatArray
    means, _ = lfilter(numerator, denominator, x, axis=1, zi=(1.0 - weight) * start[:, None])
    return means
