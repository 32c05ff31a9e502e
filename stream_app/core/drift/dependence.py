"""How strongly a series hangs together: autoregression and the integrated autocorrelation time."""

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.special import chdtri

from stream_app.core.arrays import FloatArray

__all__ = ["AR_ORDERS", "autoregression", "integrated_autocorrelation_time"]

AR_ORDERS = (0, 1, 2, 4, 8)
"""Orders that are tried; the Bayesian information criterion chooses."""

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
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[:n]
    if n < 3 or covariance[0] <= 0.0:
        return 1.0
    times = 1.0 + 2.0 * np.cumsum(covariance[1:] / covariance[0])
    lags = np.arange(1, n)
    settled = np.flatnonzero(lags >= 5.0 * times)
    # A series that never settles wanders over its whole length.
    window = int(settled[0]) if len(settled) else n - 2
    # The window of independent events is about 5 lags, which gives the estimate this standard error.
    insignificant = 1.0 + 2.0 * np.sqrt(2.0 * (2.0 * 5.0 + 1.0) / n)
    short = float(times[window]) if times[window] > insignificant else 1.0
    return max(short, _blocked_time(centred)) if wander else short


def _blocked_time(centred: FloatArray) -> float:
    """Return the largest significant ratio of the variance of block means to that of independent events."""
    n = len(centred)
    variance = float(np.mean(centred * centred))
    time = 1.0
    for blocks, bound in _BLOCK_BOUNDS:
        length = n // blocks
        if length >= 2:
            means = centred[n - blocks * length :].reshape(blocks, length).mean(axis=1)
            ratio = length * float(means.var(ddof=1)) / variance
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
    covariance = np.array([np.sum(centred[: n - k] * centred[k:]) / n for k in range(max(AR_ORDERS) + 1)])
    if n <= 4 * max(AR_ORDERS) or covariance[0] <= 0.0:
        return np.zeros(0)
    best, chosen = np.inf, np.zeros(0)
    column = covariance[:-1].copy()
    column[0] *= 1.0 + 1e-9  # keeps the system solvable for a noiseless periodic series
    for order in AR_ORDERS:
        coefficients = solve_toeplitz(column[:order], covariance[1 : order + 1]) if order else np.zeros(0)
        error = covariance[0] - float(np.sum(coefficients * covariance[1 : order + 1]))
        criterion = n * np.log(max(error, 1e-9 * covariance[0])) + order * np.log(n)
        if criterion < best:
            best, chosen = criterion, coefficients
    return chosen
