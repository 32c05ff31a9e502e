"""The CUSUM e-detector: evidence that the stream has changed at some unknown time before now.

With e-values ``e_1, e_2, ...`` (each of mean at most one given the past while nothing has changed) the
e-CUSUM is ``M_t = e_t * max(M_{t-1}, 1)``. Its average run length to a threshold ``A`` is at least ``A``
whatever the distribution. Kept here is ``R_t = max(0, log M_t)`` in fixed-point integers, for many
bets at once; since integer sums are exact, any cut of the stream into batches gives the same numbers.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors. New England Journal of Statistics in Data Science 2(2), section 2.
"""

from functools import lru_cache
from math import isqrt

import numpy as np
import numpy.typing as npt

__all__ = ["carried", "interleaved", "onset_at_alarm", "run_ecusum"]

Int32Array = npt.NDArray[np.int32]


@lru_cache(maxsize=512)
def interleaved(n: int) -> npt.NDArray[np.intp]:
    """Lay n events out for `run_ecusum`: cut into c pieces of k events, event by event of all pieces.

    A recurrence then takes k steps over long rows, each a fast pass over memory, and not n short ones.

    Parameters
    ----------
    n : int
        Events, at least one.

    Returns
    -------
    ndarray of int, shape (k, c)
        Event e stands at ``[e % k, e // k]``; the last event again behind the last one.

    Examples
    --------
    >>> interleaved(5).tolist()
    [[0, 2, 4], [1, 3, 4]]
    """
    k = max(1, isqrt(n))
    order = np.minimum(np.arange(-(-n // k) * k), n - 1).reshape(-1, k).T.astype(np.intp, order="C")
    order.flags.writeable = False
    return order


def run_ecusum(steps: Int32Array, start: Int32Array) -> Int32Array:
    """Run many e-CUSUMs over a block of events. O(1) per step: four passes.

    Parameters
    ----------
    steps : ndarray of int32, shape (k, c, m)
        Fixed-point logarithms of the e-values of m bets at events laid out by `interleaved`; overwritten.
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


def _last_zeros(evidence: Int32Array, events: int) -> npt.NDArray[np.int64]:
    """Return how many of the block's events had passed when each e-CUSUM was last at zero; 0 where it never was."""
    passed = _passed(events)
    zeros = evidence.reshape(len(passed), -1) == 0
    last: npt.NDArray[np.int64] = (zeros * passed).max(axis=0).astype(np.int64)
    return last


def carried(
    evidence: Int32Array, events: int, age: int, onset: npt.NDArray[np.int64]
) -> tuple[Int32Array, npt.NDArray[np.int64]]:
    """Return with what the next block goes on: the evidence, and since which event each e-CUSUM has gathered it.

    Parameters
    ----------
    evidence : ndarray of int32, shape (k, c, m)
        What `run_ecusum` gave.
    events : int
        Events of the block.
    age : int
        Events before the block.
    onset : ndarray of int64, shape (m,)
        Event from which each had its evidence before the block.
    """
    zeros = _last_zeros(evidence, events)
    return evidence[(events - 1) % len(evidence), -1].copy(), np.where(zeros > 0, age + zeros, onset)


def onset_at_alarm(history: npt.NDArray[np.generic], age: int, onset: int) -> int:
    """Return the event since which one e-CUSUM has gathered the evidence of its alarm.

    Parameters
    ----------
    history : ndarray, shape (n,)
        Its evidence after each event of the block, the alarm's last.
    age : int
        Events before the block.
    onset : int
        The event from which it had its evidence before the block.

    Examples
    --------
    >>> onset_at_alarm(np.array([3, 0, 0, 4, 9]), age=100, onset=90), onset_at_alarm(np.array([3, 9]), age=100, onset=90)
    (103, 90)
    """
    zeros = np.flatnonzero(history == 0)
    return age + int(zeros[-1]) + 1 if len(zeros) else onset


@lru_cache(maxsize=512)
def _passed(events: int) -> npt.NDArray[np.int16]:
    """Count events up to each place of `interleaved`, 0 for the places behind the last one; shape (k c, 1)."""
    k, c = interleaved(events).shape
    passed = np.arange(1, k * c + 1, dtype=np.int16).reshape(c, k).T.reshape(-1, 1)
    return np.where(passed <= events, passed, np.int16(0))
