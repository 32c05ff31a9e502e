"""Autocorrelation time of a series, from running sums."""

from math import log, sqrt
from typing import Any

from stream_app.core.kernel import kernel

__all__ = ["SIGNIFICANT", "add_to_blocks", "blocked_time", "levinson_durbin", "order_by_bic", "series_time"]

SIGNIFICANT = 1.96
"""Standard normal quantile of 97.5 %."""

_ORDERS = (1, 2, 4, 8)
_LEAST_ERROR = 1e-5  # of the variance: products are kept in single precision


@kernel
def add_to_blocks(sums: Any, at: int, value: float, number: int, length: int) -> None:
    """Add the `number`-th value of a series to ``sums[at]``, and the square of a full block's sum to ``sums[at + 1]``.

    Parameters
    ----------
    sums : ndarray
        Changed in place.
    at : int
        Where the sum of this block and the sum of the squares are.
    value : float
        The value.
    number : int
        Number of values so far, including this one.
    length : int
        Values of a block.
    """
    sums[at] += value
    if number % length == 0:
        sums[at + 1] += sums[at] * sums[at]
        sums[at] = 0.0


@kernel
def series_time(
    sums: Any, at: int, total: float, number: int, length: int, variance: float, deviations: float
) -> float:
    """Return the `blocked_time` of a series whose blocks were summed by `add_to_blocks` at ``sums[at]``.

    Parameters
    ----------
    sums, at, length : ndarray, int, int
        As in `add_to_blocks`: the sums, the place of this series in them, and the number of values of a block.
    total, variance : float
        Sum and variance of the series.
    number : int
        Number of values of the series.
    deviations : float
        See `blocked_time`.
    """
    # What is in no full block does not count.
    full = total - float(sums[at])
    return blocked_time(full, float(sums[at + 1]), number // length, length, variance, deviations)


@kernel
def blocked_time(
    total: float, squares: float, blocks: int, length: int, variance: float, deviations: float
) -> float:
    """Return how many successive values carry the information of one independent value.

    The ratio of the variance of the means of blocks to that of as many independent values; 1 where this is what
    independent values give, up to a quantile of their chi-squared distribution.

    Parameters
    ----------
    total, squares : float
        Sum of the blocks' sums, and of their squares.
    blocks, length : int
        Blocks, and values of a block.
    variance : float
        Of the values.
    deviations : float
        The quantile, as that of a standard normal.

    References
    ----------
    Flyvbjerg, Petersen (1989). Error estimates on averages of correlated data. J. Chem. Phys. 91.
    Wilson, Hilferty (1931). The distribution of chi-square. PNAS 17 (the quantile).

    Examples
    --------
    >>> blocked_time(0.0, 8 * 9.0, 8, 10, 1.0, 1.96), round(blocked_time(0.0, 8 * 10.0**2, 8, 10, 1.0, 1.96), 1)
    (1.0, 11.4)
    """
    free = blocks - 1
    if free < 1:
        return 1.0
    mean = total / (blocks * length)
    # A constant's variance is what rounding left of it.
    if not variance > _LEAST_ERROR * mean * mean:
        return 1.0
    ratio = (squares - total * total / blocks) / length / free / variance
    part = 2.0 / (9.0 * free)
    bound = (1.0 - part + deviations * sqrt(part)) ** 3
    return max(1.0, ratio) if ratio > bound else 1.0


@kernel
def order_by_bic(covariances: Any, number: int, coefficients: Any) -> int:
    """Return the order of an autoregression, 0, 1, 2, 4 or 8, by the Bayesian criterion.

    Parameters
    ----------
    covariances : sequence of float, length 9
        Of lags 0 to 8.
    number : int
        Values that they are from.
    coefficients : ndarray, shape (8,)
        Receives the coefficients of the autoregression.
    """
    best, chosen = number * log(covariances[0]), 0
    if number > 4 * _ORDERS[-1]:
        for order in _ORDERS:
            error = levinson_durbin(covariances, order, coefficients)
            criterion = number * log(error) + order * log(number)
            if criterion < best:
                best, chosen = criterion, order
    return chosen


@kernel
def levinson_durbin(covariances: Any, order: int, coefficients: Any) -> float:
    """Solve the Yule-Walker equations of an autoregression, and return the variance of its innovations.

    Parameters
    ----------
    covariances : sequence of float, length 9
        Of lags 0 to 8, that of lag 0 positive.
    order : int
        At most 8.
    coefficients : ndarray, shape (8,)
        Of the last 1, 2, … values; written in place, zeros behind the order.

    Examples
    --------
    >>> import numpy as np
    >>> coefficients = np.empty(8)
    >>> round(levinson_durbin(tuple(0.5**lag for lag in range(9)), 2, coefficients), 4)
    0.75
    >>> coefficients[:2].round(4)
    array([0.5, 0. ])
    """
    least = _LEAST_ERROR * covariances[0]
    error = covariances[0] + least
    coefficients[:] = 0.0
    for m in range(order):
        reflection = covariances[m + 1]
        for i in range(m):
            reflection -= coefficients[i] * covariances[m - i]
        reflection = min(1.0, max(-1.0, reflection / error))
        for i in range((m + 1) // 2):
            early, late = coefficients[i], coefficients[m - 1 - i]
            coefficients[i] = early - reflection * late
            if i != m - 1 - i:
                coefficients[m - 1 - i] = late - reflection * early
        coefficients[m] = reflection
        error *= 1.0 - reflection * reflection
        if error < least:
            # Nothing is left to explain.
            return float(least)
    return float(error)
