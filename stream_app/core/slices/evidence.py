"""Significance of a slice's errors against independence of errors and features."""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, logsumexp, xlogy

from stream_app.core.arrays import BoolArray, FloatArray

__all__ = ["design_effect", "log_likelihood_ratio", "log_tail"]


def log_likelihood_ratio(n: npt.ArrayLike, wrong: npt.ArrayLike, rows: float, all_wrong: float) -> FloatArray:
    """Return the Bernoulli scan statistic: two error rates, inside and outside, against a single one.

    Its exponential is the exponent of the hypergeometric tail, so it ranks slices of every size by how
    improbable they are.

    Parameters
    ----------
    n, wrong : array_like
        Rows and wrong rows of slices.
    rows, all_wrong : float
        The same of the whole; ``n < rows``.

    Returns
    -------
    ndarray
        In nats, at least 0; NaN is not possible.

    References
    ----------
    Kulldorff, M. (1997). A spatial scan statistic. Communications in Statistics 26(6).

    Examples
    --------
    >>> log_likelihood_ratio([100.0, 100.0], [10.0, 30.0], 1000.0, 100.0).round(2)
    array([ 0.  , 18.02])
    """
    n, wrong = np.asarray(n, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    right, rest, rest_wrong = n - wrong, rows - n, all_wrong - wrong
    rest_right = rest - rest_wrong
    # An empty part says nothing: 0 * log 0 = 0, and its size must not divide.
    own, other = np.maximum(n, 1.0), np.maximum(rest, 1.0)
    apart = xlogy(wrong, wrong / own) + xlogy(right, right / own)
    apart += xlogy(rest_wrong, rest_wrong / other) + xlogy(rest_right, rest_right / other)
    one = xlogy(all_wrong, all_wrong / rows) + xlogy(rows - all_wrong, (rows - all_wrong) / rows)
    return np.asarray(np.maximum(apart - one, 0.0))


def log_tail(n: int, wrong: int, rows: int, all_wrong: int) -> float:
    """Return the log of the exact probability of at least `wrong` wrong rows among n drawn from all.

    Fisher's exact test, one-sided: rows are exchangeable and the number of wrong ones in the whole is given.

    Examples
    --------
    >>> round(float(np.exp(log_tail(2, 2, 4, 2))), 4)
    0.1667
    """
    right = rows - all_wrong
    if wrong <= max(0, n - right):
        return 0.0
    k = np.arange(wrong, min(n, all_wrong) + 1)
    # The logarithm of C(all_wrong, k) C(right, n - k) / C(rows, n), with C(m, k) = 1 / ((m + 1) B(m - k + 1, k + 1)).
    log_mass = (
        -betaln(all_wrong - k + 1, k + 1) - betaln(right - n + k + 1, n - k + 1) + betaln(rows - n + 1, n + 1)
    )
    log_mass += np.log((rows + 1.0) / ((all_wrong + 1.0) * (right + 1.0)))
    return min(0.0, float(logsumexp(log_mass)))


def design_effect(inside: BoolArray, wrong: BoolArray, lag: int) -> float:
    """Return the factor, at least 1, by which dependence between rows widens the variance of a slice's error rate.

    Where errors and a feature both come in runs, they meet by chance far more often than independent rows do. For
    two series that know nothing of each other the variance of their joint count grows by the sum of the products of
    their autocorrelations, here with Bartlett's weights.

    Parameters
    ----------
    inside, wrong : ndarray of bool, shape (n,)
        Rows in time order: whether they belong to the slice, whether the model was wrong.
    lag : int
        Rows so far apart do not depend on each other; 0 if none do.

    References
    ----------
    Bartlett, M. S. (1935). Some aspects of the time-correlation problem in regard to tests of significance.
    Journal of the Royal Statistical Society 98.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> runs = np.repeat(rng.random((2, 200)) < 0.3, 20, axis=1)
    >>> 10.0 < design_effect(runs[0], runs[1], 100) < 20.0
    True
    """
    if lag == 0:
        return 1.0
    weights = 1.0 - np.arange(1, lag + 1) / (lag + 1.0)
    products = _autocorrelation(inside, lag) * _autocorrelation(wrong, lag)
    return max(1.0, 1.0 + 2.0 * float((weights * products).sum()))


def _autocorrelation(series: BoolArray, lag: int) -> FloatArray:
    """Return it at lags 1 to `lag`; zero where nothing varies or the series is shorter."""
    away = series - series.mean()
    # Padded by as many zeros as there are lags, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(away, len(away) + lag)
    products = np.fft.irfft(spectrum * spectrum.conj(), len(away) + lag)[: lag + 1]
    if not products[0] > 0.0:
        return np.zeros(lag)
    return np.asarray(products[1:] / products[0])
