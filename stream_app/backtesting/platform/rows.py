"""The windows that models are compared on: what is known of all of them, in time, on one scale."""

from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.errors import DataError

__all__ = ["MOST_FITTED", "Rows", "evenly"]

MOST_FITTED = 5000
"""Rows of the earlier part that a batch model is fitted on, evenly spaced: some of them take time by the square."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Windows in the order of time, the earlier ones to learn from and the later ones to be judged.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Centred, and divided by the standard deviation, of the earlier part; features that are constant there are only
        centred, those that are constant everywhere are left out.
    labels : ndarray of shape (n,) or None
        Whether there was an incident.
    begin : int
        The first row of the later part.
    places : ndarray of shape (n,)
        Which of the rows given these are: rows with a missing feature are left out.
    """

    features: FloatArray
    labels: BoolArray | None
    begin: int
    places: IntArray

    @classmethod
    def prepare(cls, features: FloatArray, labels: BoolArray | None, split: float) -> "Rows":
        """Divide and scale them.

        Raises
        ------
        DataError
            If they cannot be compared: too few rows without a gap, or no feature varies.
        """
        places = np.flatnonzero(np.isfinite(features).all(axis=1))
        x = features[places]
        begin = int(split * len(x))
        if begin < 2 or len(x) - begin < 1:
            raise DataError(
                f"{len(x)} of {len(features)} windows have all their features; at least 4 are needed to compare models"
            )
        x = x[:, np.ptp(x, axis=0) > 0.0]
        if not x.shape[1]:
            raise DataError("no feature varies, so there is nothing to tell windows apart by")
        deviation = x[:begin].std(axis=0)
        # Of equal numbers a mean is off by a rounding error, and so is their deviation not quite 0.
        deviation[np.ptp(x[:begin], axis=0) == 0.0] = 1.0
        x = (x - x[:begin].mean(axis=0)) / deviation
        return cls(x, None if labels is None else labels[places], begin, places)

    @property
    def fitted(self) -> IntArray:
        """Which rows of the earlier part a batch model is fitted on."""
        return evenly(self.begin, MOST_FITTED)

    @property
    def earlier(self) -> FloatArray:
        """Features of the rows that a batch model is fitted on."""
        return self.features[self.fitted]


def evenly(n: int, most: int) -> IntArray:
    """Return at most so many of the numbers below n, evenly spaced.

    Examples
    --------
    >>> evenly(10, 4).tolist(), evenly(3, 4).tolist()
    ([0, 2, 5, 7], [0, 1, 2])
    """
    if n <= most:
        return np.arange(n)
    return np.arange(most) * n // most
