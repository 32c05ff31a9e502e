"""What a source is compared with: the reference of each channel and of pairs of channels, as counts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.drift.betting import BINS, PAIR_BINS, normal_scores, pair_bins
from stream_app.core.drift.dependence import integrated_autocorrelation_time
from stream_app.core.drift.whitening import Whitening, fit_whitening, whiten

__all__ = ["ChannelBaseline", "PairsBaseline", "bin_channel", "bin_pairs", "fit_channel", "fit_pairs"]

MOST_PAIRS = 28
"""Pairs of channels watched per source: all of eight channels; of more, those that correlate most."""


@dataclass(slots=True)
class ChannelBaseline:
    """The reference of one channel.

    Parameters
    ----------
    whitening : Whitening
        Filter from values to innovations.
    edges : ndarray of float, shape (BINS - 1,)
        Quantiles of the reference's innovations.
    counts : ndarray of int32, shape (BINS,)
        How often the reference fell into each bin; grows while nothing happens.
    inflation : ndarray of float, shape (3,)
        By how much evidence on level, scale and shape is overstated because of remaining autocorrelation.
    mean, deviation : float
        Mean and standard deviation of the reference, for people; finite.
    """

    whitening: Whitening
    edges: FloatArray
    counts: npt.NDArray[np.int32]
    inflation: FloatArray
    mean: float
    deviation: float


@dataclass(slots=True)
class PairsBaseline:
    """The reference of p pairs of channels.

    Parameters
    ----------
    first, second : ndarray of int, shape (p,)
        The channels.
    correlation : ndarray of float, shape (p,)
        Correlation of their normal scores in the reference.
    counts : ndarray of int32, shape (p, PAIR_BINS)
        Counts of the bins of the sum and the difference of their scores.
    inflation : ndarray of float, shape (p,)
        As for channels.
    """

    first: IntArray
    second: IntArray
    correlation: FloatArray
    counts: npt.NDArray[np.int32]
    inflation: FloatArray


def bin_channel(baseline: ChannelBaseline, values: FloatArray, present: BoolArray) -> IntArray:
    """Return the bin of each next value of a channel (``BINS`` where missing); moves the filter on."""
    innovations = whiten(baseline.whitening, values, present)
    bins = _bin(baseline.edges, innovations)
    if not present.all():
        bins[~present] = BINS
    return bins


def bin_pairs(pairs: PairsBaseline, scores: FloatArray) -> IntArray:
    """Return the bins of events for all pairs.

    Parameters
    ----------
    pairs : PairsBaseline
        The p pairs.
    scores : ndarray of float, shape (d, n)
        Normal scores of all channels.

    Returns
    -------
    ndarray of int, shape (p, n)
        Bins from 0 to ``PAIR_BINS - 1``.
    """
    first, second = scores[pairs.first], scores[pairs.second]
    total = first + second
    total *= np.sqrt(0.5 / (1.0 + pairs.correlation))[:, None]
    first -= second
    first *= np.sqrt(0.5 / (1.0 - pairs.correlation))[:, None]
    return pair_bins(total, first)


def fit_channel(sample: FloatArray, origin: float, largest_error: float) -> tuple[ChannelBaseline, IntArray]:
    """Learn the reference of one channel.

    Parameters
    ----------
    sample : ndarray of float, shape (n,)
        Finite values in time order, counted from the origin.
    origin : float
        Where the sample counts from, in the channel's units.
    largest_error : float
        See `fit_whitening`.

    Returns
    -------
    baseline : ChannelBaseline
        The reference.
    bins : ndarray of int
        Bins of the last events of the sample (those for which the filter was full).
    """
    whitening, innovations = fit_whitening(sample, origin, largest_error)
    steps = np.arange(1, BINS) / BINS
    edges = np.quantile(innovations, steps, method="inverted_cdf")
    bins = _bin(edges, innovations)
    scores = normal_scores()[bins]
    level = integrated_autocorrelation_time(scores, wander=True)
    scale = integrated_autocorrelation_time(scores * scores)
    inflation = np.array(
        [level * whitening.excess, scale, max(integrated_autocorrelation_time(scores), scale)]
    )
    counts = np.bincount(bins, minlength=BINS).astype(np.int32)
    typical = np.clip(
        sample, whitening.centre - 1e3 * whitening.scale, whitening.centre + 1e3 * whitening.scale
    )
    mean, deviation = origin + float(typical.mean()), float(typical.std())
    return ChannelBaseline(whitening, edges, counts, inflation, mean, deviation), bins


def fit_pairs(bins: dict[int, IntArray]) -> PairsBaseline:
    """Learn the reference of pairs of channels from the bins their references fell into.

    Parameters
    ----------
    bins : dict of int to ndarray of int
        Bins of the channels that were learned from the same events, aligned at their end.

    Returns
    -------
    PairsBaseline
        At most `MOST_PAIRS`, those that correlate most, in the channels' order.
    """
    members = sorted(bins)
    common = min((len(series) for series in bins.values()), default=0)
    scores = np.zeros((members[-1] + 1 if members else 0, common))
    for member in members:
        scores[member] = normal_scores()[bins[member][-common:]]
    correlations = {
        (first, second): float(np.clip((scores[first] * scores[second]).mean(), -0.98, 0.98))
        for index, first in enumerate(members)
        for second in members[index + 1 :]
    }
    chosen = sorted(sorted(correlations, key=lambda pair: -abs(correlations[pair]))[:MOST_PAIRS])
    pairs = PairsBaseline(
        first=np.array([first for first, _ in chosen], dtype=np.int64),
        second=np.array([second for _, second in chosen], dtype=np.int64),
        correlation=np.array([correlations[pair] for pair in chosen]),
        counts=np.zeros((len(chosen), PAIR_BINS), dtype=np.int32),
        inflation=np.ones(len(chosen)),
    )
    if chosen:
        for index, row in enumerate(bin_pairs(pairs, scores)):
            pairs.counts[index] = np.bincount(row, minlength=PAIR_BINS)
            first, second = scores[chosen[index][0]], scores[chosen[index][1]]
            pairs.inflation[index] = integrated_autocorrelation_time(first * second)
    return pairs


def _bin(edges: FloatArray, innovations: FloatArray) -> IntArray:
    """Return quantile bins; a value that fills several bins (ties) gets the middle one."""
    left = np.searchsorted(edges, innovations, side="left")
    if np.all(edges[1:] > edges[:-1]):
        return left
    return (left + np.searchsorted(edges, innovations, side="right")) // 2
