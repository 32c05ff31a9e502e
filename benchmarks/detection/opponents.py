"""What one would reach for instead, written as its best users would: scores a row, causal, no labels seen.

Where a data set has rows of normal operation beside the series, opponents are fitted on all of them, else on the
warm-up; `robust_z_of_the_past` needs neither. Of several channels the loudest speaks. Their thresholds are chosen in
hindsight, by whoever judges them.
"""

from collections.abc import Callable

import numpy as np
from river.anomaly import HalfSpaceTrees
from scipy.signal import lfilter
from series import Series

__all__ = ["OPPONENTS"]

PAST = 400  # rows of the trailing reference
WEIGHT = 0.2  # of the newest row in the exponentially weighted mean
VARIANCE = 0.9  # share that the kept components explain


def learned(series: Series) -> int:
    """Return how many rows of a series belong to the reference: none that count."""
    return min(series.warmup, series.scored_from or series.warmup) if series.training is None else 0


def reference(series: Series) -> np.ndarray:
    """Return the rows that an opponent is fitted on."""
    return series.values[: learned(series)] if series.training is None else series.training


def robust_scale(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and 1.4826 MAD; where half of the rows are equal the standard deviation, and 1 for a constant."""
    location = np.nanmedian(rows, axis=0)
    scale = 1.4826 * np.nanmedian(np.abs(rows - location), axis=0)
    spread = np.nanstd(rows, axis=0)
    return location, np.where(scale > 0.0, scale, np.where(spread > 0.0, spread, 1.0))


def after_warmup(series: Series, score: np.ndarray) -> np.ndarray:
    """Set to 0 what lies in the warm-up or is unknown."""
    score = np.nan_to_num(score, nan=0.0, posinf=1e12)
    score[: learned(series)] = 0.0
    return score


def robust_z(series: Series) -> np.ndarray:
    """Distance from the median in scaled MAD (Iglewicz and Hoaglin 1993)."""
    location, scale = robust_scale(reference(series))
    return after_warmup(series, np.nan_to_num(np.abs(series.values - location) / scale).max(axis=1))


def robust_z_of_the_past(series: Series) -> np.ndarray:
    """Distance from the median of the 400 rows before, in their scaled MAD."""
    score = np.zeros(len(series))
    for first in range(1, len(series), 4096):
        rows = np.arange(first, min(first + 4096, len(series)))
        for values in series.values.T:
            padded = np.concatenate((np.full(PAST, np.nan), values))
            past = np.lib.stride_tricks.sliding_window_view(padded, PAST)[rows]
            location = np.nanmedian(past, axis=1)
            scale = 1.4826 * np.nanmedian(np.abs(past - location[:, None]), axis=1)
            spread = np.nanstd(past, axis=1)
            scale = np.where(scale > 0.0, scale, np.where(spread > 0.0, spread, np.inf))
            score[rows] = np.fmax(score[rows], np.abs(values[rows] - location) / scale)
    return after_warmup(series, score)


def weighted_z(series: Series) -> np.ndarray:
    """Exponentially weighted mean, in its own standard deviations (Roberts 1959)."""
    location, scale = robust_scale(reference(series))
    z = np.clip(np.nan_to_num((series.values - location) / scale), -1e6, 1e6)
    mean = lfilter([WEIGHT], [1.0, WEIGHT - 1.0], z, axis=0)
    return after_warmup(series, np.abs(mean).max(axis=1) / np.sqrt(WEIGHT / (2.0 - WEIGHT)))


def components(series: Series) -> np.ndarray:
    """Hotelling's T² and Q of a PCA, each over its 99 % quantile in the reference (Jackson and Mudholkar 1979)."""
    rows = reference(series)
    mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    scale = np.where(deviation > 0.0, deviation, 1.0)
    fitted = np.nan_to_num((rows - mean) / scale)
    variance, axes = np.linalg.eigh(np.cov(fitted, rowvar=False).reshape(rows.shape[1], -1))
    variance, axes = variance[::-1], axes[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(variance) / max(variance.sum(), 1e-12), VARIANCE)) + 1

    def statistics(z):
        along = z @ axes[:, :kept]
        t2 = (along**2 / np.maximum(variance[:kept], 1e-9)).sum(axis=1)
        return t2, np.maximum((z**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)

    z = np.clip(np.nan_to_num((series.values - mean) / scale), -1e6, 1e6)
    limits = [max(float(np.quantile(each, 0.99)), 1e-6) for each in statistics(fitted)]
    return after_warmup(
        series, np.maximum(*(each / limit for each, limit in zip(statistics(z), limits, strict=True)))
    )


def half_space_trees(series: Series) -> np.ndarray:
    """River's half-space trees on the range of the reference (Tan, Ting and Liu 2011), learning as they go."""
    rows = reference(series)
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    reach = np.where(high > low, high - low, 1.0)
    names = range(rows.shape[1])
    scaled = np.nan_to_num(np.clip((series.values - low + 0.5 * reach) / (2.0 * reach), 0.0, 1.0))
    trees = HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=1)
    score = np.empty(len(series))
    for i, row in enumerate(scaled.tolist()):
        x = dict(zip(names, row, strict=True))
        score[i] = trees.score_one(x)
        trees.learn_one(x)
    return after_warmup(series, score)


OPPONENTS: dict[str, Callable[[Series], np.ndarray]] = {
    "robust z": robust_z,
    "robust z of the past": robust_z_of_the_past,
    "EW z": weighted_z,
    "PCA T2+Q": components,
    "half-space trees": half_space_trees,
}
