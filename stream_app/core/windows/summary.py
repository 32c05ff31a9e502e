"""Statistics of the rows of windows, all channels and many windows at once."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray, IntArray

__all__ = ["flat_summaries"]

_QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}
_NAMES = ("count", "missing", "mean", "std", "min", "max", "last", "slope", *_QUANTILES)

_SAFE = 2.0**400
"""Up to this magnitude, squares of a window's values can be summed without overflow."""


# Cached, because to put the names together takes longer than the numbers.
@lru_cache(maxsize=256)
def _flat_names(channels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{channel}.{name}" for channel in channels for name in _NAMES)


def flat_summaries(
    windows: Sequence[tuple[FloatArray, FloatArray]], *, channels: Sequence[str]
) -> list[dict[str, float | int | None]]:
    """Compute the statistics of many windows of the same shape, as plain numbers by ``channel.statistic``.

    Each window's numbers are the same, bit for bit, whatever windows are beside it.

    Parameters
    ----------
    windows : sequence of (ts, values)
        Shapes (n,) and (n, d), of all the same: event times in epoch seconds, in order of arrival, and a row an
        event. What is not finite counts as missing.
    channels : sequence of str
        Names of the columns.

    Returns
    -------
    list of dict
        One a window; None where a statistic cannot be computed. The statistics of a channel are

        - ``count``, the number of observed values, and ``missing``, the share of rows without one;
        - ``mean``, ``std``, ``min`` and ``max`` of the observed values; ``std`` has ``count - 1`` in its
          denominator and needs two of them;
        - ``last``, the observed value with the newest event time;
        - ``slope``, the least-squares slope per second of event time, which needs two different times;
        - ``q05``, ``q50`` and ``q95``, quantiles by linear interpolation between order statistics (type 7).

    Notes
    -----
    One sort a channel gives minimum, maximum and quantiles. The variance takes two passes, so a small spread
    on a large level keeps its digits. Values beyond 2**400 are scaled by a power of two for the computation:
    a channel of 1e300 has a mean and a standard deviation as any other. For 8 channels, a window of
    300 rows takes about 200 µs alone and 100 µs among 64, one of 10 rows 100 µs and 9 µs.

    Examples
    --------
    >>> import numpy as np
    >>> window = np.array([0.0, 1.0, 2.0]), np.array([[1.0], [3.0], [np.nan]])
    >>> summary = flat_summaries([window, window], channels=["flow"])[1]
    >>> summary["flow.mean"], summary["flow.slope"], summary["flow.missing"]
    (2.0, 2.0, 0.3333333333333333)
    """
    if not windows:
        return []
    columns = _statistics(np.array([ts for ts, _ in windows]), np.array([values for _, values in windows]))
    flat = np.stack(columns, axis=-1).reshape(len(windows), -1)
    complete = np.isfinite(flat).all(axis=1).tolist()
    names = _flat_names(tuple(channels))
    summaries: list[dict[str, float | int | None]] = []
    for row, counts, whole in zip(flat.tolist(), columns[0].tolist(), complete, strict=True):
        numbers = row if whole else [value if math.isfinite(value) else None for value in row]
        numbers[:: len(_NAMES)] = counts
        summaries.append(dict(zip(names, numbers, strict=True)))
    return summaries


def _statistics(ts: FloatArray, values: FloatArray) -> list[npt.NDArray[Any]]:
    """Return the statistics of s windows, in the order of `_NAMES`.

    Parameters
    ----------
    ts : ndarray, shape (s, n)
    values : ndarray, shape (s, n, d)

    Returns
    -------
    list of ndarray, shape (s, d)
    """
    s, n, d = values.shape
    if n == 0:
        return [np.zeros((s, d), dtype=np.int64), *(np.full((s, d), np.nan) for _ in _NAMES[1:])]
    # Channels as contiguous rows: sums and sorts then run along memory, and no window depends on another.
    x = np.array(values.transpose(0, 2, 1), order="C")
    seen = np.isfinite(x)
    complete = bool(seen.all())
    if not complete:
        x[~seen] = np.nan
    count = np.full((s, d), n, dtype=np.int64) if complete else seen.sum(axis=2, dtype=np.int64)
    ordered = np.sort(x, axis=2)
    last = _last(ts, x, seen)
    # NaN sorts last, so that both are NaN without a value.
    newest = np.maximum(count - 1, 0)
    minimum, maximum = ordered[:, :, 0].copy(), np.take_along_axis(ordered, newest[:, :, None], 2)[:, :, 0]
    scale = _scale(minimum, maximum)
    if scale is not None:
        x *= scale[:, :, None]
        ordered *= scale[:, :, None]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        mean, std, slope = _moments(ts, x, seen, count, complete=complete)
        quantiles = _quantiles(ordered, count)
        if scale is not None:
            mean, std, slope, quantiles = mean / scale, std / scale, slope / scale, quantiles / scale
            std[np.isinf(std)] = np.nan
        slope[np.isinf(slope)] = np.nan
    return [count, (n - count) / n, mean, std, minimum, maximum, last, slope, *quantiles]


def _scale(minimum: FloatArray, maximum: FloatArray) -> FloatArray | None:
    """Return powers of two that bring the largest magnitude a channel to about one, None when none is needed."""
    largest = np.fmax(np.abs(minimum), np.abs(maximum))
    if not (largest > _SAFE).any():
        return None
    exponent = np.where(largest > _SAFE, np.frexp(np.nan_to_num(largest))[1], 0)
    return np.asarray(np.ldexp(np.ones(largest.shape), -exponent))


def _last(ts: FloatArray, x: FloatArray, seen: BoolArray) -> FloatArray:
    """Return the observed value with the newest event time; of equal times the one that arrived last."""
    newest = np.where(seen, ts[:, None, :], -np.inf)[:, :, ::-1].argmax(axis=2)
    value: FloatArray = np.take_along_axis(x, (x.shape[2] - 1 - newest)[:, :, None], 2)[:, :, 0]
    return value


def _moments(
    ts: FloatArray, x: FloatArray, seen: BoolArray, count: IntArray, *, complete: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean, standard deviation and slope of the observed values of each channel."""
    time = (ts - ts[:, -1:])[:, None, :]
    if complete:
        t = time - time.sum(axis=2, keepdims=True) / time.shape[2]
        mean = x.sum(axis=2) / count
        centred = x - mean[:, :, None]
    else:
        t = np.where(seen, time, 0.0)
        t = np.where(seen, time - (t.sum(axis=2) / count)[:, :, None], 0.0)
        mean = np.where(seen, x, 0.0).sum(axis=2) / count
        centred = np.where(seen, x - mean[:, :, None], 0.0)
    spread = (centred * centred).sum(axis=2)
    std = np.sqrt(spread / np.where(count > 1, count - 1, np.nan))
    width = (t * t).sum(axis=2)
    slope = (t * centred).sum(axis=2) / np.where(width > 0, width, np.nan)
    return mean, std, slope


def _quantiles(ordered: FloatArray, count: IntArray) -> FloatArray:
    """Return type-7 quantiles of the sorted rows, interpolated as numpy does; shape (q, s, d)."""
    newest = np.maximum(count - 1, 0)[:, :, None]
    position = np.array(list(_QUANTILES.values())) * newest
    below = np.floor(position).astype(np.int64)
    low = np.take_along_axis(ordered, below, 2)
    high = np.take_along_axis(ordered, np.minimum(below + 1, newest), 2)
    part = position - below
    step = high - low
    value: FloatArray = np.where(part < 0.5, low + step * part, high - step * (1.0 - part))
    return np.moveaxis(value, 2, 0)
