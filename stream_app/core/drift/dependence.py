"""How strongly a series hangs together: autoregression and the integrated autocorrelation time."""

import math

import numpy as np
from scipy.special import chdtri

from stream_app.core.arrays import FloatArray

__all__ = ["AR_ORDERS", "autoregression", "blocked_time", "integrated_autocorrelation_time"]

AR_ORDERS = (0, 1, 2, 4, 8)
"""Orders that are tried; the Bayesian information criterion chooses."""

_DISTANCES = np.abs(np.subtract.outer(np.arange(max(AR_ORDERS)), np.arange(max(AR_ORDERS))))
_NEAR_LAGS = 32
_BLOCK_BOUNDS = tuple((blocks, float(chdtri(blocks - 1, 0.025)) / (blocks - 1)) for blocks in (8, 16, 32, 64))


def integrated_autocorrelation_time(series: FloatArray, *, wander: bool = False) -> float:
    """Estimate how many successive events carry the information of one independent event.

    The mean of n events varies like that of ``n / time`` independent ones. Sums the autocorrelations up to
    the first lag that is at least five times the sum so far (Sokal's window), which sees strong short
    memory. With `wander` the result is at least the variance of the means of blocks of n/64 to n/8 events over
    that of independent events, which sees a weak wander beneath strong noise, at the price of more
    variance.

    Parameters
    ----------
    series : ndarray of float, shape (n,)
        Finite values.
    wander : bool
        Whether to look for weak wander, too.

    Returns
    -------
    float
        Time in events, at least 1; exactly 1 where the estimates are what independent events give (up to two
        standard errors, or the 97.5 % quantile), and for a constant series.

    References
    ----------
    Sokal (1997). Monte Carlo methods in statistical mechanics: foundations and new algorithms.
    Flyvbjerg, Petersen (1989). Error estimates on averages of correlated data. J. Chem. Phys. 91.

    Examples
    --------
    >>> integrated_autocorrelation_time(np.ones(100))
    1.0
    """
    n = len(series)
    centred = series - series.mean()
    variance = float((centred * centred).sum())
    if n < 3 or variance <= 0.0:
        return 1.0
    window, settled = _settled(centred, variance)
    # The window of independent events is about 5 lags, which gives the estimate this standard error.
    insignificant = 1.0 + 2.0 * math.sqrt(2.0 * (2.0 * 5.0 + 1.0) / n)
    time = settled if window > 0 and settled > insignificant else 1.0
    return max(time, blocked_time(centred)) if wander else time


def _settled(centred: FloatArray, variance: float) -> tuple[int, float]:
    """Return the first lag that is at least five times the sum so far, and that sum."""
    n = len(centred)
    time = 1.0
    # Nearly all series settle within a few lags, for which a transform would be wasted.
    for lag in range(1, min(n, _NEAR_LAGS)):
        time += 2.0 * float((centred[:-lag] * centred[lag:]).sum()) / variance
        if lag >= 5.0 * time:
            return lag, time
    transform = np.fft.rfft(centred, 2 * n)
    covariance = np.fft.irfft(transform.real**2 + transform.imag**2)[:n]
    times = 1.0 + 2.0 * np.cumsum(covariance[1:] / covariance[0])
    settled = np.flatnonzero(np.arange(1, n) >= 5.0 * times)
    # A series that never settles wanders over its whole length.
    at = int(settled[0]) if len(settled) else n - 2
    return at + 1, float(times[at])


def blocked_time(centred: FloatArray) -> float:
    """Return the largest significant ratio of the variance of block means to that of independent events.

    Parameters
    ----------
    centred : ndarray of float, shape (n,)
        A series without its mean, not constant.

    Returns
    -------
    float
        At least 1: the time in events that weak wander beneath strong noise shows.
    """
    n = len(centred)
    variance = float((centred * centred).sum()) / n
    time = 1.0
    for blocks, bound in _BLOCK_BOUNDS:
        length = n // blocks
        if length >= 2:
            means = centred[n - blocks * length :].reshape(blocks, length).sum(axis=1) / length
            means -= means.sum() / blocks
            ratio = length * float((means * means).sum()) / (blocks - 1) / variance
            time = max(time, ratio if ratio > bound else 1.0)
    return time


def autoregression(series: FloatArray) -> FloatArray:
    """Fit an autoregression by the Yule-Walker equations; its order by the Bayesian criterion.

    Parameters
    ----------
    series : ndarray of float, shape (n,)
        Finite values.

    Returns
    -------
    ndarray of float, shape (order,)
        Coefficients of the last 1, 2, … values; empty where nothing is gained by any.

    Examples
    --------
    >>> autoregression(np.zeros(100)).tolist()
    []
    """
    n = len(series)
    centred = series - series.mean()
    covariance = np.array([(centred[: n - k] * centred[k:]).sum() / n for k in range(max(AR_ORDERS) + 1)])
    if n <= 4 * max(AR_ORDERS) or covariance[0] <= 0.0:
        return np.zeros(0)
    best, chosen = np.inf, np.zeros(0)
    column = covariance[:-1].copy()
    column[0] *= 1.0 + 1e-9  # keeps the system solvable for a noiseless periodic series
    for order in AR_ORDERS:
        coefficients = np.linalg.solve(column[_DISTANCES[:order, :order]], covariance[1 : order + 1])
        error = covariance[0] - float((coefficients * covariance[1 : order + 1]).sum())
        criterion = n * np.log(max(error, 1e-9 * covariance[0])) + order * np.log(n)
        if criterion < best:
            best, chosen = criterion, coefficients
    return chosen
