"""Wasserstein-1 distance, in the channel's unit."""

import numpy as np
import numpy.typing as npt

from stream_app.core.twosample.reference import SortedSample
from stream_app.errors import DataError

__all__ = ["wasserstein"]


def wasserstein(reference: SortedSample, x: npt.ArrayLike) -> float:
    """Return the Wasserstein-1 (earth mover's) distance between values and a reference.

    The area between the two empirical distribution functions. It has the unit of the channel, so it tells a
    person how much has changed, where a p-value tells how surely.

    Parameters
    ----------
    reference : SortedSample
        Not empty.
    x : array_like, shape (m,)
        Values; what is not finite is left out.

    Returns
    -------
    float
        The largest finite float where the true distance is beyond it.

    Raises
    ------
    DataError
        One side has no value.

    Notes
    -----
    Cost: one sort of the sample and a merge, 40 µs for 300 against 300.

    Examples
    --------
    >>> wasserstein(SortedSample([1.0, 2.0, 3.0]), [6.0, 7.0, 8.0])
    5.0
    """
    values = np.asarray(x, dtype=np.float64)
    values = np.sort(values[np.isfinite(values)])
    if len(values) == 0 or len(reference) == 0:
        raise DataError("the Wasserstein distance needs at least one value on each side")
    ours = reference.values
    points = np.concatenate([ours, values])
    points.sort(kind="stable")
    f = np.searchsorted(ours, points[:-1], side="right") / len(ours)
    g = np.searchsorted(values, points[:-1], side="right") / len(values)
    # A power of two, so exact: differences of huge values would overflow otherwise.
    scale = 2.0**1000 if max(-points[0], points[-1]) > 2.0**1000 else 1.0
    distance = float(np.sum(np.abs(f - g) * np.diff(points / scale)))
    return min(distance * scale, float(np.finfo(np.float64).max))
