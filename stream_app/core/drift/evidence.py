"""From a batch of values to the logarithms of e-values."""

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.drift.baseline import ChannelsBaseline, PairsBaseline, bin_channels, bin_pairs
from stream_app.core.drift.betting import PAIR_BINS, Bets, score_table
from stream_app.core.drift.ecusum import interleave

__all__ = ["bin_events", "count_bins", "log_e_values"]

Bins = npt.NDArray[np.intp]
Int32Array = npt.NDArray[np.int32]


def bin_events(values: FloatArray, channels: ChannelsBaseline, pairs: PairsBaseline) -> tuple[Bins, Bins]:
    """Return the bin of each event in each channel and pair, and move the channels' filters on.

    Parameters
    ----------
    values : ndarray of float, shape (n, d)
        Next events.
    channels : ChannelsBaseline
        The channels' references.
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
    bins = bin_channels(channels, columns, present)
    both = bin_pairs(pairs, score_table()[bins])
    if not present.all():
        both[~(present[pairs.first] & present[pairs.second])] = PAIR_BINS
    return bins, both


def log_e_values(bins: tuple[Bins, ...], kinds: tuple[Bets, ...], takes: Int32Array) -> Int32Array:
    """Return the logarithms of the e-values of every bet at every event.

    Parameters
    ----------
    bins : tuple of ndarray, each of shape (members, n)
        Bins of the members of each kind: channels, pairs.
    kinds : tuple of Bets
        The bets on each kind.
    takes : ndarray of int32, shape (m,)
        Taken off each bet at each event, in fixed point: normalisers and tolls.

    Returns
    -------
    ndarray of int32, shape (k, c, m)
        Events laid out by `interleave`; the channels' bets first, then the pairs'; zero where a value is missing.
    """
    parts = []
    row = 0
    for kind, observed in zip(kinds, bins, strict=True):
        events, (missing, bets) = interleave(observed), kind.table.shape
        size = len(observed) * bets
        steps = kind.table.take(events, axis=0, mode="clip")
        steps -= takes[row : row + size].reshape(-1, bets)
        unknown = events == missing - 1
        if unknown.any():
            steps[unknown] = 0
        parts.append(steps.reshape(*events.shape[:2], size))
        row += size
    return np.concatenate(parts, axis=2)


def count_bins(bins: Bins, size: int) -> npt.NDArray[np.uint16]:
    """Count how often each row fell into each of its bins, the missing ones left out."""
    rows = len(bins)
    flat = bins + np.arange(rows)[:, None] * (size + 1)
    counts = np.bincount(flat.ravel(), minlength=rows * (size + 1)).reshape(rows, size + 1)
    return counts[:, :size].astype(np.uint16)
