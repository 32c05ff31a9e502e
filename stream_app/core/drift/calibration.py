"""Run lengths by resampling: thresholds for any score whose distribution nobody knows."""

from collections.abc import Callable

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.errors import DataError

__all__ = ["calibrate_threshold", "stationary_bootstrap"]


def stationary_bootstrap(
    sample: FloatArray, length: int, block: float, rng: np.random.Generator
) -> FloatArray:
    """Resample a series in blocks of random length, so that its short memory survives.

    Blocks start anywhere (the series wraps around) and last for a geometric number of events, which
    makes the result stationary.

    Parameters
    ----------
    sample : ndarray of float, shape (n,) or (n, d)
        A reference in time order.
    length : int
        Events wanted.
    block : float
        Mean length of a block in events, several times the integrated autocorrelation time; at least 1.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (length,) or (length, d)

    Raises
    ------
    DataError
        If the sample is empty or the block shorter than one event.

    References
    ----------
    Politis, Romano (1994). The stationary bootstrap. JASA 89(428).

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> stationary_bootstrap(np.arange(10.0), 8, 4.0, rng).tolist()
    [6.0, 7.0, 8.0, 9.0, 4.0, 5.0, 6.0, 5.0]
    """
    if len(sample) == 0 or block < 1.0:
        raise DataError(
            f"cannot resample {len(sample)} events in blocks of {block:g}; give a reference and blocks of 1 or more"
        )
    begins = rng.random(length) < 1.0 / block
    begins[0] = True
    starts = rng.integers(0, len(sample), size=length)
    place = np.arange(length)
    last = np.maximum.accumulate(np.where(begins, place, 0))
    resampled: FloatArray = sample[(starts[last] + place - last) % len(sample)]
    return resampled


def calibrate_threshold(
    score: Callable[[FloatArray], FloatArray],
    reference: FloatArray,
    run_length: float,
    *,
    block: float,
    seed: int,
    repeats: int = 100,
) -> float:
    """Return the threshold at which a score crosses once in `run_length` events of a stream like the reference.

    The score runs over resampled streams of the reference; the time to the first crossing of a high
    threshold is close to exponential, so that the level crossed by a stream of length L with chance
    ``1 - exp(-L / run_length)`` is the one wanted. Only calibrated, not guaranteed: the reference must
    hold all that is normal, and blocks must be longer than its memory.

    Parameters
    ----------
    score : callable
        Takes a stream, shape (n,) or (n, d), and returns its score at each event, shape (n,); larger is
        more suspicious. A fresh detector for each call.
    reference : ndarray of float, shape (m,) or (m, d)
        Normal events in time order.
    run_length : float
        Mean events between false alarms.
    block : float
        Mean block length, see `stationary_bootstrap`.
    seed : int
        Seed of the resampling.
    repeats : int
        Streams; their length is chosen so that about half of them should cross.

    Returns
    -------
    float
        Threshold: a score above it alarms.

    Raises
    ------
    DataError
        If a score is NaN.

    Examples
    --------
    >>> reference = np.random.default_rng(1).normal(size=2000)
    >>> round(calibrate_threshold(np.abs, reference, 500.0, block=5.0, seed=2), 1)
    3.1
    """
    rng = np.random.default_rng(seed)
    length = max(1, round(run_length * np.log(2.0)))
    highest = np.array(
        [np.max(score(stationary_bootstrap(reference, length, block, rng))) for _ in range(repeats)]
    )
    if np.isnan(highest).any():
        raise DataError("the score to calibrate is NaN on the reference; clean the reference or the score")
    return float(np.quantile(highest, np.exp(-length / run_length)))
