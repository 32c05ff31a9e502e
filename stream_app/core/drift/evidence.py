"""From a batch of values to the logarithms of e-values."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.drift.baseline import ChannelBaseline, PairsBaseline, bin_channel, bin_pairs
from stream_app.core.drift.betting import (
    BINS,
    PAIR_BINS,
    UNIT,
    Bets,
    log_normalisers,
    normal_scores,
    pair_bets,
)

__all__ = ["bin_events", "count_bins", "log_e_values"]

Bins = npt.NDArray[np.intp]


def bin_events(
    values: FloatArray, bases: Sequence[ChannelBaseline | None], pairs: PairsBaseline
) -> tuple[Bins, Bins]:
    """Return the bin of each event in each channel and pair, and move the channels' filters on.

    Parameters
    ----------
    values : ndarray of float, shape (n, d)
        Next events.
    bases : sequence of ChannelBaseline or None
        The channels' references; None while learning.
    pairs : PairsBaseline
        The p pairs' references.

    Returns
    -------
    channel_bins : ndarray of int, shape (d, n)
        ``BINS`` where the value or the reference is missing.
    pair_bins : ndarray of int, shape (p, n)
        ``PAIR_BINS`` where a value is missing.
    """
    columns = np.ascontiguousarray(values.T)
    present = np.isfinite(columns)
    bins = np.full(columns.shape, BINS, dtype=np.intp)
    for index, base in enumerate(bases):
        if base is not None:
            bins[index] = bin_channel(base, columns[index], present[index])
    both = bin_pairs(pairs, np.append(normal_scores(), 0.0)[bins])
    if not present.all():
        both[~(present[pairs.first] & present[pairs.second])] = PAIR_BINS
    return bins, both


def log_e_values(
    binned: tuple[Bins, Bins],
    bets: Bets,
    bases: Sequence[ChannelBaseline | None],
    pairs: PairsBaseline,
    tolls: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """Return the logarithms of the e-values of every bet at every event.

    Parameters
    ----------
    binned : tuple of ndarray
        What `bin_events` returned.
    bets : Bets
        Bets on each channel.
    bases, pairs
        References, as in `bin_events`.
    tolls : ndarray of int32, shape (m,)
        Taken off each bet at each event, in fixed point.

    Returns
    -------
    ndarray of int32, shape (m, n)
        A row a bet: the channels' first, then the pairs'; zero where a value is missing.
    """
    empty = np.zeros(BINS, dtype=np.int32)
    counts = np.array([empty if base is None else base.counts for base in bases])
    steps = np.zeros((len(tolls), binned[0].shape[1]), dtype=np.int32)
    row = 0
    for kind, reference, observed in ((bets, counts, binned[0]), (pair_bets(), pairs.counts, binned[1])):
        takes = log_normalisers(kind, reference)
        takes += tolls[row : row + takes.size].reshape(takes.shape)
        tables = np.zeros((*takes.shape, kind.tilts.shape[1] + 1), dtype=np.int32)
        tables[:, :, :-1] = (kind.tilts * UNIT).astype(np.int32) - takes[:, :, None]
        for table, one in zip(tables, observed, strict=True):
            np.take(table, one, axis=1, out=steps[row : row + len(table)], mode="clip")
            row += len(table)
    return steps


def count_bins(bins: Bins, size: int) -> npt.NDArray[np.uint16]:
    """Count how often each row fell into each of its bins, the missing ones left out."""
    rows = len(bins)
    flat = bins + np.arange(rows)[:, None] * (size + 1)
    counts = np.bincount(flat.ravel(), minlength=rows * (size + 1)).reshape(rows, size + 1)
    return counts[:, :size].astype(np.uint16)
