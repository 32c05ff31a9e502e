"""The CUSUM e-detector: evidence that the stream has changed at some unknown time before now.

With e-values ``e_1, e_2, ...`` (each of mean at most one given the past while nothing has changed) the
e-CUSUM is ``M_t = e_t * max(M_{t-1}, 1)``. Its average run length to a threshold ``A`` is at least ``A``
whatever the distribution. Kept here is ``R_t = max(0, log M_t)`` in fixed-point integers, for many
bets at once; since integer sums are exact, any cut of the stream into batches gives the same numbers.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors. New England Journal of Statistics in Data Science 2(2), section 2.
"""

from math import isqrt

import numpy as np
import numpy.typing as npt

__all__ = ["interleave", "last_zeros", "run_ecusum"]

Int32Array = npt.NDArray[np.int32]


def interleave(rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Lay events out for `run_ecusum`: cut into c pieces of k events, event by event of all pieces.

    A recurrence then takes k steps over long rows, each a fast pass over memory, and not n short ones.

    Parameters
    ----------
    rows : ndarray of int, shape (d, n)
        Something of each of n events.

    Returns
    -------
    ndarray of int, shape (k, c, d)
        Event e stands at ``[e % k, e // k]``; zeros behind the last one.

    Examples
    --------
    >>> interleave(np.arange(1, 6)[None, :])[:, :, 0].tolist()
    [[1, 3, 5], [2, 4, 0]]
    """
    d, n = rows.shape
    k = max(1, isqrt(n))
    c = -(-n // k)
    padded = np.zeros((d, c * k), dtype=rows.dtype)
    padded[:, :n] = rows
    return np.ascontiguousarray(padded.reshape(d, c, k).transpose(2, 1, 0))


def run_ecusum(steps: Int32Array, start: Int32Array) -> Int32Array:
    """Run many e-CUSUMs over a block of events. O(1) per step: four passes.

    Parameters
    ----------
    steps : ndarray of int32, shape (k, c, m)
        Fixed-point logarithms of the e-values of m bets at events laid out by `interleave`; overwritten.
    start : ndarray of int32, shape (m,)
        Evidence before the block, at least zero.

    Returns
    -------
    ndarray of int32, shape (k, c, m)
        ``R_t`` after each event.

    Examples
    --------
    >>> run_ecusum(np.array([-2, 3, 1], dtype=np.int32).reshape(1, 3, 1), np.array([1], dtype=np.int32)).ravel().tolist()
    [0, 3, 4]
    """
    _, c, m = steps.shape
    sums, lowest = list(steps), list(np.empty_like(steps))
    lowest[0][...] = sums[0]
    for before, total, least, floor in zip(sums, sums[1:], lowest, lowest[1:], strict=False):
        np.add(total, before, out=total)
        np.minimum(least, total, out=floor)
    # What the pieces begin with: the sum before each, and the lowest sum before it, at most zero.
    begin = np.empty((c, m), dtype=np.int32)
    begin[0], begin[1:] = start, sums[-1][:-1]
    np.cumsum(begin, axis=0, out=begin)
    floor = np.zeros((c, m), dtype=np.int32)
    np.add(begin[:-1], lowest[-1][:-1], out=floor[1:])
    np.minimum.accumulate(floor, axis=0, out=floor)
    floor -= begin
    for total, least in zip(sums, lowest, strict=True):
        np.minimum(least, floor, out=least)
        np.subtract(total, least, out=total)
    return steps


def last_zeros(evidence: Int32Array, events: int) -> npt.NDArray[np.int64]:
    """Return how many of the block's events had passed when each e-CUSUM was last at zero; 0 where it never was."""
    k, c, m = evidence.shape
    passed = np.arange(1, k * c + 1, dtype=np.int16).reshape(c, k).T
    passed = np.where(passed <= events, passed, np.int16(0)).reshape(-1, 1)
    zeros: npt.NDArray[np.int64] = ((evidence.reshape(-1, m) == 0) * passed).max(axis=0).astype(np.int64)
    return zeros
