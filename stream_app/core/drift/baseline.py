"""What a source is compared with: the reference of each channel and of pairs of channels, as counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.drift.betting import BINS, PAIR_BINS, normal_scores, pair_bins
from stream_app.core.drift.dependence import blocked_time, integrated_autocorrelation_time
from stream_app.core.drift.whitening import Whitening, fit_whitening, whiten

__all__ = ["ChannelsBaseline", "PairsBaseline", "bin_channels", "bin_pairs", "fit_pairs"]

MOST_PAIRS = 28
"""Pairs of channels watched per source: all of eight channels; of more, those that correlate most."""

_UINT16_MOST = np.iinfo(np.uint16).max


@dataclass(slots=True)
class ChannelsBaseline:
    """The references of d channels, side by side for vectorised work.

    Parameters
    ----------
    learned : ndarray of bool, shape (d,)
        Which channels have one; the rows of the others mean nothing.
    whitening : Whitening
        Filters from values to innovations.
    edges : ndarray of float, shape (d, BINS - 1)
        Quantiles of the reference's innovations.
    tied : ndarray of bool, shape (d,)
        Whether some of them are equal.
    counts : ndarray of int32, shape (d, BINS)
        How often the reference fell into each bin; grows while nothing happens.
    inflation : ndarray of float, shape (d, 3)
        By how much evidence on level, scale and shape is overstated because of remaining autocorrelation.
    mean, deviation : ndarray of float, shape (d,)
        Mean and standard deviation of the reference, for people; finite.
    """

    learned: BoolArray
    whitening: Whitening
    edges: FloatArray
    tied: BoolArray
    counts: npt.NDArray[np.int32]
    inflation: FloatArray
    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def unlearned(cls, d: int) -> "ChannelsBaseline":
        """No channel has a reference yet."""
        return cls(
            learned=np.zeros(d, dtype=np.bool_),
            whitening=Whitening.neutral(d),
            edges=np.zeros((d, BINS - 1)),
            tied=np.zeros(d, dtype=np.bool_),
            counts=np.zeros((d, BINS), dtype=np.int32),
            inflation=np.ones((d, 3)),
            mean=np.zeros(d),
            deviation=np.zeros(d),
        )

    def learn(self, index: int, sample: FloatArray, origin: float, largest_error: float) -> IntArray:
        """Learn the reference of one channel.

        Parameters
        ----------
        index : int
            The channel.
        sample : ndarray of float, shape (n,)
            Finite values in time order, counted from the origin.
        origin : float
            Where the sample counts from, in the channel's units.
        largest_error : float
            See `fit_whitening`.

        Returns
        -------
        ndarray of int
            Bins of the last events of the sample (those for which the filter was full).
        """
        whitening, innovations = fit_whitening(sample, origin, largest_error)
        steps = np.arange(1, BINS) / BINS
        edges = np.quantile(innovations, steps, method="inverted_cdf")
        tied = bool(np.any(edges[1:] <= edges[:-1]))
        bins = _bin(edges, innovations, tied=tied)
        scores = normal_scores()[bins]
        near = integrated_autocorrelation_time(scores)
        centred = scores - scores.mean()
        level = max(near, blocked_time(centred)) if centred.any() else near
        scale = integrated_autocorrelation_time(scores * scores)
        shape = max(near, scale)
        reach = 1e3 * whitening.scale[0]
        typical = np.clip(sample, whitening.centre[0] - reach, whitening.centre[0] + reach)
        self.learned[index] = True
        self.whitening.put(index, whitening)
        self.edges[index], self.tied[index] = edges, tied
        self.counts[index] = np.bincount(bins, minlength=BINS)
        self.inflation[index] = level * float(whitening.excess[0]), scale, shape
        self.mean[index], self.deviation[index] = origin + typical.mean(), typical.std()
        return bins

    def state(self) -> dict[str, Any]:
        """Plain values for `from_state`; nothing of channels without a reference."""
        whitening = {name: getattr(self.whitening, name)[self.learned] for name in self.whitening.__slots__}
        rows = {name: getattr(self, name)[self.learned] for name in _ROWS}
        return {
            "learned": self.learned.copy(),
            "whitening": whitening,
            **rows,
            "counts": packed_counts(rows["counts"]),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ChannelsBaseline":
        """Go on where `state` was taken."""
        learned = np.array(state["learned"], dtype=np.bool_)
        baseline = cls.unlearned(len(learned))
        baseline.learned = learned
        for name in baseline.whitening.__slots__:
            getattr(baseline.whitening, name)[learned] = state["whitening"][name]
        for name in _ROWS:
            getattr(baseline, name)[learned] = state[name]
        return baseline


_ROWS = ("edges", "tied", "counts", "inflation", "mean", "deviation")


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


def packed_counts(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int32] | npt.NDArray[np.uint16]:
    """Return the counts in half the space if they fit."""
    return counts.astype(np.uint16) if counts.max(initial=0) <= _UINT16_MOST else counts.copy()


def bin_channels(baseline: ChannelsBaseline, values: FloatArray, present: BoolArray | None) -> IntArray:
    """Return the bins of the next values of all channels, shape (d, n); moves the filters on.

    ``BINS`` stands where the value or the reference is missing; `present` is None where all values are there.
    """
    innovations = whiten(baseline.whitening, values, present)
    bins = np.empty(values.shape, dtype=np.intp)
    rows = zip(
        bins, baseline.edges, innovations, baseline.learned.tolist(), baseline.tied.tolist(), strict=True
    )
    for row, edges, channel, learned, tied in rows:
        row[:] = _bin(edges, channel, tied=tied) if learned else BINS
    if present is not None:
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


def _bin(edges: FloatArray, innovations: FloatArray, *, tied: bool) -> IntArray:
    """Return quantile bins; a value that fills several bins (ties) gets the middle one."""
    left = edges.searchsorted(innovations, side="left")
    return (left + edges.searchsorted(innovations, side="right")) // 2 if tied else left
