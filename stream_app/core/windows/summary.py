"""Statistics of the rows of one window, all channels at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray

__all__ = ["DEFAULT_QUANTILES", "WindowSummary", "flat_summaries", "summarise"]

DEFAULT_QUANTILES = (0.05, 0.5, 0.95)

_SAFE = 2.0**400
"""Up to this magnitude, squares of a window's values can be summed without overflow."""


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """Statistics of one window; arrays hold one number a channel, NaN where it cannot be computed.

    Parameters
    ----------
    channels : tuple of str
        Names, in the order of the arrays.
    rows : int
        Rows (events) in the window.
    start, end : float
        Oldest and newest event time in the window, epoch seconds; NaN when it is empty.
    truncated : bool
        True when a window by event time would hold more rows than the cap let it keep; it then covers
        ``start`` to ``end`` only.
    count : ndarray of int, shape (d,)
        Observed (finite) values; the others are missing.
    missing : ndarray, shape (d,)
        Share of rows whose value is missing; NaN when the window is empty.
    mean, std, min, max, last : ndarray, shape (d,)
        Of the observed values; ``std`` has ``n - 1`` in its denominator and needs two values; ``last`` is the
        observed value with the newest event time.
    slope : ndarray, shape (d,)
        Least-squares slope per second of event time; needs two different times.
    quantiles : ndarray, shape (q, d)
        Linear interpolation between order statistics (type 7), one row per entry of ``levels``.
    levels : tuple of float
        Levels of the quantiles.

    Examples
    --------
    >>> import numpy as np
    >>> summary = summarise(np.array([0.0, 1.0, 2.0]), np.array([[1.0], [3.0], [np.nan]]), channels=("flow",))
    >>> summary.to_dict()["flow"]["slope"], summary.to_dict()["flow"]["missing"]
    (2.0, 0.3333333333333333)
    """

    channels: tuple[str, ...]
    rows: int
    start: float
    end: float
    truncated: bool
    count: IntArray
    missing: FloatArray
    mean: FloatArray
    std: FloatArray
    min: FloatArray
    max: FloatArray
    last: FloatArray
    slope: FloatArray
    quantiles: FloatArray
    levels: tuple[float, ...]

    def to_dict(self) -> dict[str, dict[str, float | int | None]]:
        """Plain numbers by channel and statistic; None where a statistic cannot be computed.

        Returns
        -------
        dict of dict
            Keys of the inner dict: ``count``, ``missing``, ``mean``, ``std``, ``min``, ``max``, ``last``,
            ``slope`` and a ``q05``, ``q50``, … per level (``q0.5`` percent is written ``q00_5``).
        """
        names = _names(self.levels)
        return {
            channel: dict(zip(names, column, strict=True))
            for channel, column in zip(self.channels, self._columns(), strict=True)
        }

    def _columns(self) -> list[list[float | int | None]]:
        """Numbers of each channel, in the order of `_names`."""
        parts = self.missing, self.mean, self.std, self.min, self.max, self.last, self.slope, *self.quantiles
        table = np.array(parts).T.tolist()
        return [
            [count, *(value if math.isfinite(value) else None for value in column)]
            for count, column in zip(self.count.tolist(), table, strict=True)
        ]


@lru_cache(maxsize=256)
def _names(levels: tuple[float, ...]) -> tuple[str, ...]:
    basic = "count", "missing", "mean", "std", "min", "max", "last", "slope"
    return basic + tuple(_quantile_name(level) for level in levels)


# Cached, because to put the names together takes longer than the numbers.
@lru_cache(maxsize=256)
def _flat_names(channels: tuple[str, ...], levels: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{channel}.{name}" for channel in channels for name in _names(levels))


def _quantile_name(level: float) -> str:
    whole, _, rest = f"{100 * level:.10g}".partition(".")
    return f"q{whole:0>2}_{rest}" if rest else f"q{whole:0>2}"


def summarise(
    ts: FloatArray,
    values: FloatArray,
    *,
    channels: Sequence[str],
    levels: Sequence[float] = DEFAULT_QUANTILES,
    truncated: bool = False,
) -> WindowSummary:
    """Compute the statistics of a window's rows.

    Parameters
    ----------
    ts : ndarray, shape (n,)
        Event times in epoch seconds, in order of arrival.
    values : ndarray, shape (n, d)
        A row an event, a column a channel. What is not finite counts as missing.
    channels : sequence of str
        Names of the columns.
    levels : sequence of float
        Levels of the quantiles, each between 0 and 1.
    truncated : bool
        Passed on to the summary.

    Returns
    -------
    WindowSummary

    Notes
    -----
    One sort a channel gives minimum, maximum and quantiles. The variance takes two passes, so a small spread
    on a large level keeps its digits. Values beyond 2**400 are scaled by a power of two for the computation:
    a channel of 1e300 has a mean and a standard deviation as any other. About 100 µs for 300 rows of
    8 channels.
    """
    statistics = _statistics(ts[None], values[None], tuple(levels))
    return WindowSummary(
        channels=tuple(channels),
        rows=len(ts),
        start=float(ts.min()) if len(ts) else math.nan,
        end=float(ts.max()) if len(ts) else math.nan,
        truncated=truncated,
        levels=tuple(levels),
        **{name: part[0] for name, part in statistics.items()},
    )


def flat_summaries(
    windows: Sequence[tuple[FloatArray, FloatArray]],
    *,
    channels: Sequence[str],
    levels: Sequence[float] = DEFAULT_QUANTILES,
) -> list[dict[str, float | int | None]]:
    """Compute the statistics of many windows of the same shape, as plain numbers by ``channel.statistic``.

    The numbers are those of `summarise`, bit for bit. Together they take a tenth of the time, because for a single window
    nearly all of it is numpy's overhead.

    Parameters
    ----------
    windows : sequence of (ts, values)
        Shapes (n,) and (n, d), of all the same.
    channels, levels
        As for `summarise`.

    Returns
    -------
    list of dict
        One a window; the keys are ``channel.statistic``, see `WindowSummary.to_dict`.

    Examples
    --------
    >>> import numpy as np
    >>> window = np.array([0.0, 1.0]), np.array([[1.0], [3.0]])
    >>> flat_summaries([window, window], channels=["flow"])[1]["flow.mean"]
    2.0
    """
    if not windows:
        return []
    levels = tuple(levels)
    found = _statistics(
        np.array([ts for ts, _ in windows]), np.array([values for _, values in windows]), levels
    )
    count = found.pop("count")
    quantiles = np.moveaxis(found.pop("quantiles"), 1, 0)
    table = np.stack([count, *found.values(), *quantiles], axis=-1)
    width = table.shape[-1]
    flat = table.reshape(len(windows), -1)
    complete = np.isfinite(flat).all(axis=1).tolist()
    names = _flat_names(tuple(channels), levels)
    summaries: list[dict[str, float | int | None]] = []
    for row, counts, whole in zip(flat.tolist(), count.tolist(), complete, strict=True):
        numbers = row if whole else [value if math.isfinite(value) else None for value in row]
        numbers[::width] = counts
        summaries.append(dict(zip(names, numbers, strict=True)))
    return summaries


def _statistics(ts: FloatArray, values: FloatArray, levels: tuple[float, ...]) -> dict[str, Any]:
    """Return the statistics of s windows, in the order of `_names`.

    Parameters
    ----------
    ts : ndarray, shape (s, n)
    values : ndarray, shape (s, n, d)

    Returns
    -------
    dict of str to ndarray
        Shape (s, d), and (s, q, d) for the quantiles.
    """
    s, n, d = values.shape
    if n == 0:
        nothing = np.full((s, d), np.nan)
        names = "missing", "mean", "std", "min", "max", "last", "slope"
        return {
            "count": np.zeros((s, d), dtype=np.int64),
            **dict.fromkeys(names, nothing),
            "quantiles": np.full((s, len(levels), d), np.nan),
        }
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
        quantiles = _quantiles(ordered, count, levels)
        if scale is not None:
            mean, std, slope, quantiles = mean / scale, std / scale, slope / scale, quantiles / scale[:, None]
            std[np.isinf(std)] = np.nan
        slope[np.isinf(slope)] = np.nan
    return {
        "count": count, "missing": (n - count) / n, "mean": mean, "std": std, "min": minimum, "max": maximum,
        "last": last, "slope": slope, "quantiles": quantiles,
    }  # fmt: skip


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


def _quantiles(ordered: FloatArray, count: IntArray, levels: tuple[float, ...]) -> FloatArray:
    """Return type-7 quantiles of the sorted rows, interpolated as numpy does; shape (s, q, d)."""
    newest = np.maximum(count - 1, 0)[:, :, None]
    position = np.array(levels) * newest
    below = np.floor(position).astype(np.int64)
    low = np.take_along_axis(ordered, below, 2)
    high = np.take_along_axis(ordered, np.minimum(below + 1, newest), 2)
    part = position - below
    step = high - low
    value: FloatArray = np.where(part < 0.5, low + step * part, high - step * (1.0 - part))
    return value.transpose(0, 2, 1)
