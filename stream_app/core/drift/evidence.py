"""From a batch of values to the logarithms of e-values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.drift.baseline import ChannelsBaseline, PairsBaseline, bin_channels, bin_pairs
from stream_app.core.drift.betting import BINS, PAIR_BINS, Bets, pair_bets, score_table
from stream_app.core.drift.ecusum import interleaved

__all__ = ["BinnedEvents", "bin_events", "count_bins", "log_e_values"]

Bins = npt.NDArray[np.intp]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BinnedEvents:
    """Where n events fell in the references.

    Parameters
    ----------
    channels : ndarray of int, shape (n, d)
        Bins of the channels; ``BINS`` where the value or the reference is missing.
    pairs : ndarray of int, shape (n, p)
        Bins of the pairs; ``PAIR_BINS`` where a value is missing.
    whole : bool
        Whether nothing is missing.
    """

    channels: Bins
    pairs: Bins
    whole: bool

    def part(self, begin: int, end: int) -> "BinnedEvents":
        """Return the events of these rows."""
        return BinnedEvents(self.channels[begin:end], self.pairs[begin:end], self.whole)

    def where(self, chosen: BoolArray) -> "BinnedEvents":
        """Return the chosen events."""
        return BinnedEvents(self.channels[chosen], self.pairs[chosen], self.whole)


def bin_events(values: FloatArray, channels: ChannelsBaseline, pairs: PairsBaseline) -> BinnedEvents:
    """Find the bin of each event in each channel and pair, and move the channels' filters on.

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
    BinnedEvents
    """
    columns = np.ascontiguousarray(values.T)
    present = np.isfinite(columns)
    complete = bool(present.all())
    bins = bin_channels(channels, columns, None if complete else present)
    both = bin_pairs(pairs, score_table()[bins])
    if not complete:
        both[~(present[pairs.first] & present[pairs.second])] = PAIR_BINS
    whole = complete and bool(channels.learned.all())
    return BinnedEvents(np.ascontiguousarray(bins.T), np.ascontiguousarray(both.T), whole)


def log_e_values(events: BinnedEvents, bets: Bets, takes: Int32Array) -> Int32Array:
    """Return the logarithms of the e-values of every bet at every event.

    Parameters
    ----------
    events : BinnedEvents
        n events of d channels and p pairs.
    bets : Bets
        Bets on each channel; on pairs they are `pair_bets`.
    takes : ndarray of int32, shape (m,)
        Taken off each bet at each event, in fixed point: normalisers and tolls.

    Returns
    -------
    ndarray of int32, shape (k, c, m)
        Events laid out by `interleaved`; the channels' bets first, then the pairs'; zero where a value is missing.
    """
    order = interleaved(len(events.channels))
    parts = []
    row = 0
    for table, bins, missing in (
        (bets.table, events.channels, BINS),
        (pair_bets().table, events.pairs, PAIR_BINS),
    ):
        laid = bins.take(order, axis=0)
        size = bins.shape[1] * table.shape[1]
        steps = table.take(laid, axis=0, mode="clip")
        steps -= takes[row : row + size].reshape(-1, table.shape[1])
        if not events.whole:
            steps[laid == missing] = 0
        parts.append(steps.reshape(*order.shape, size))
        row += size
    return np.concatenate(parts, axis=2)


def count_bins(bins: Bins, size: int) -> npt.NDArray[np.uint16]:
    """Count how often each column fell into each of its bins, the missing ones left out; shape (columns, size)."""
    columns = bins.shape[1]
    flat = bins + np.arange(0, columns * (size + 1), size + 1)
    counts = np.bincount(flat.ravel(), minlength=columns * (size + 1)).reshape(columns, size + 1)
    return counts[:, :size].astype(np.uint16)
