"""The CUSUM e-detector: evidence that the stream has changed at some unknown time before now.

With e-values ``e_1, e_2, ...`` (each of mean at most one given the past while nothing has changed) the
e-CUSUM is ``M_t = e_t * max(M_{t-1}, 1)``. Its average run length to a threshold ``A`` is at least ``A``
whatever the distribution. Kept here is ``R_t = max(0, log M_t)`` in fixed-point integers, for many
bets at once; since integer sums are exact, any cut of the stream into batches gives the same numbers.

References
----------
Shin, Ramdas, Rinaldo (2024). E-detectors. New England Journal of Statistics in Data Science 2(2), section 2.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["run_ecusum"]

Int32Array = npt.NDArray[np.int32]


def run_ecusum(steps: Int32Array, start: Int32Array) -> tuple[Int32Array, npt.NDArray[np.int64]]:
    """Run many e-CUSUMs over a block of steps. O(1) per step: two cumulative passes.

    Parameters
    ----------
    steps : ndarray of int32, shape (m, n)
        Fixed-point logarithms of the e-values of m bets at n events; overwritten.
    start : ndarray of int32, shape (m,)
        Evidence before the block, at least zero.

    Returns
    -------
    evidence : ndarray of int32, shape (m, n)
        ``R_t`` after each event.
    onset : ndarray of int64, shape (m,)
        Events of the block that lie before the present run of evidence began (its last visit to
        zero is event ``onset - 1``); -1 where the run is older than the block.

    Examples
    --------
    >>> evidence, onset = run_ecusum(np.array([[-2, 3, 1]], dtype=np.int32), np.array([1], dtype=np.int32))
    >>> evidence.tolist(), onset.tolist()
    ([[0, 3, 4]], [1])
    """
    steps[:, 0] += start
    sums = np.cumsum(steps, axis=1, dtype=np.int32, out=steps)
    first = sums[:, 0].copy()
    # The floor starts at zero: clipping its first column saves a pass over all of it.
    np.minimum(first, 0, out=sums[:, 0])
    lowest = np.minimum.accumulate(sums, axis=1)
    sums[:, 0] = first
    evidence = np.subtract(sums, lowest, out=lowest)
    return evidence, _after_last_zero(evidence)


def _after_last_zero(evidence: Int32Array) -> npt.NDArray[np.int64]:
    """Return the column after the last zero of each row, -1 where a row has none."""
    zeros = evidence[:, ::-1] == 0
    back = np.argmax(zeros, axis=1)
    found = zeros[np.arange(len(back)), back]
    after: npt.NDArray[np.int64] = np.where(found, evidence.shape[1] - back, -1)
    return after
