"""Noise as metrics of real machines have it: autocorrelated, with heavy tails, and counts of rare events."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Noise", "counts", "generator", "heavy", "recur"]

FloatArray: TypeAlias = npt.NDArray[np.float64]

TAILS = 0.1
"""Tukey's h: 1 value in 15,000 is beyond 8 standard deviations of the middle, where a normal one has none."""

BY_TABLE = 30.0
"""Means up to which counts are exactly of Poisson's distribution; above, its normal limit serves."""


def generator(seed: int, part: int) -> np.random.Generator:
    """Return the random numbers of one part of the simulation, independent of those of the others.

    Parameters
    ----------
    seed : int
        Of the simulation.
    part : int
        Number of the part.

    Examples
    --------
    >>> bool(generator(1, 0).random() == generator(1, 0).random() != generator(1, 1).random())
    True
    """
    return np.random.default_rng([seed, 0x9A, part])


def heavy(normal: FloatArray) -> FloatArray:
    """Turn standard normal values into ones with heavy tails (Tukey's h distribution).

    Parameters
    ----------
    normal : ndarray
        Of any shape.

    Returns
    -------
    ndarray
        Of the same shape.

    References
    ----------
    J. W. Tukey (1977), Modern techniques in data analysis.

    Examples
    --------
    >>> heavy(np.array([0.0, 1.0, 4.0])).round(2).tolist()
    [0.0, 1.05, 8.9]
    """
    return np.asarray(normal * np.exp(0.5 * TAILS * np.square(normal)), dtype=np.float64)


def recur(x: FloatArray, phi: FloatArray, gain: FloatArray, before: FloatArray) -> FloatArray:
    """Run ``y = phi y + gain x`` down the columns.

    Parameters
    ----------
    x : ndarray (t, n)
    phi, gain : ndarray (n,)
        Of each column.
    before : ndarray (n,)
        The last ``y`` of the block before; it is replaced by the last one of this block.

    Returns
    -------
    ndarray (t, n)

    Examples
    --------
    >>> recur(np.ones((3, 1)), np.array([0.5]), np.array([1.0]), np.zeros(1)).ravel().tolist()
    [1.0, 1.5, 1.75]
    """
    from scipy.signal import lfilter  # noqa: PLC0415  only who simulates needs it, and it takes a second

    out = np.empty_like(x)
    for lag in np.unique(phi):
        of_lag = phi == lag
        begin = (lag * before[of_lag])[np.newaxis]
        out[:, of_lag], _ = lfilter([1.0], [1.0, -lag], x[:, of_lag] * gain[of_lag], axis=0, zi=begin)
    before[:] = out[-1]
    return out


@dataclass(slots=True)
class Noise:
    """A noise of unit size for each of some series: half of its variance wanders, half is new in each step.

    Parameters
    ----------
    rng : numpy.random.Generator
        Consumed row by row.
    size : int
        Number of series.
    step, lag : float
        Seconds between two rows, and until what wanders has forgotten two thirds.

    Examples
    --------
    >>> Noise(generator(3, 0), 2, step=60.0, lag=1200.0).rows(4).shape
    (4, 2)
    """

    rng: np.random.Generator
    size: int
    step: float
    lag: float
    _carry: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._carry = self.rng.standard_normal(self.size)

    def rows(self, n: int) -> FloatArray:
        """Return the next rows, shape (n, size)."""
        draws = heavy(self.rng.standard_normal((n, 2, self.size)))
        phi = np.full(self.size, np.exp(-self.step / self.lag))
        slow = recur(draws[:, 0], phi, np.sqrt(1.0 - np.square(phi)), self._carry)
        return np.asarray(np.sqrt(0.5) * (slow + draws[:, 1]), dtype=np.float64)


def counts(uniform: FloatArray, mean: FloatArray) -> FloatArray:
    """Return how many rare events there are, by the inverse of Poisson's distribution.

    One uniform number makes one count, so that what changes a mean changes no other count.

    Parameters
    ----------
    uniform : ndarray
        Random numbers from 0 to 1.
    mean : ndarray
        Of the same shape.

    Returns
    -------
    ndarray
        Of the same shape; whole numbers.

    Examples
    --------
    >>> counts(np.array([0.3, 0.5, 0.99, 0.5]), np.array([0.1, 2.0, 2.0, 400.0])).tolist()
    [0.0, 2.0, 6.0, 400.0]
    """
    from scipy.special import ndtri  # noqa: PLC0415  see above

    many = mean > BY_TABLE
    few = np.where(many, 0.0, mean)
    out = np.zeros_like(mean)
    term = np.exp(-few)
    below = term.copy()
    left = (uniform > below) & ~many
    number = 0
    while left.any():
        number += 1
        term = term * few / number
        out[left] = number
        below += term
        # Where rounding keeps the sum under the number drawn, the terms have come to nothing.
        left &= (uniform > below) & (term > 0.0)
    out[many] = np.round(mean[many] + np.sqrt(mean[many]) * ndtri(uniform[many]))
    return np.maximum(out, 0.0)
