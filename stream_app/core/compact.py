"""Samples in half the space: single precision, counted from an origin."""

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray

__all__ = ["compact", "first_known"]

_LARGEST = float(np.finfo(np.float64).max)


def compact(values: FloatArray, origin: FloatArray | float) -> FloatArray | npt.NDArray[np.float32]:
    """Return the differences from an origin, rounded to single precision.

    Equal values stay equal. What is beyond single precision keeps its own: the array is then in double precision, the
    numbers in it are the same, so that it does not matter which values were compacted together.

    Parameters
    ----------
    values : ndarray of float
        Any numbers; NaN stays NaN.
    origin : float or ndarray of float
        Broadcasts against `values`; finite, or NaN where all values are.

    Returns
    -------
    ndarray of float32 or float64

    Examples
    --------
    >>> compact(np.array([20.5, 21.0]), 20.0), compact(np.array([0.1, 1e300]), 0.0)
    (array([0.5, 1. ], dtype=float32), array([1.00000001e-001, 1.00000000e+300]))
    """
    with np.errstate(over="ignore", invalid="ignore"):
        away = values - origin
        single = away.astype(np.float32)
    beyond = np.isinf(single)
    if not beyond.any():
        return single
    return np.where(beyond, np.clip(away, -_LARGEST, _LARGEST), single.astype(np.float64))


def first_known(values: FloatArray) -> FloatArray:
    """Return the first finite value of each column of values of shape (n, d); NaN where there is none."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    known = np.isfinite(values)
    at = known.argmax(axis=0)
    columns = np.arange(values.shape[1])
    return np.where(known[at, columns], values[at, columns], np.nan)
