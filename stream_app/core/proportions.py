"""Score tests of whether one rate is lower than another by more than a limit."""

import math

from scipy import special

from stream_app.errors import DataError

__all__ = ["difference_test", "ratio_test"]


def ratio_test(successes: int, trials: int, against: int, against_trials: int, ratio: float) -> float:
    """Test whether a rate is less than some multiple of another one.

    Parameters
    ----------
    successes, trials : int
        Of the rate in question.
    against, against_trials : int
        Successes and trials of the other.
    ratio : float
        The rate is at least so many times the other, if the hypothesis is true.

    Returns
    -------
    float
        One-sided p-value of the score test: the variance is that under the hypothesis, so that it holds its level where
        Wald's does not, with few successes. 1 where there was no success at all.

    Raises
    ------
    DataError
        If the counts or the ratio make no sense.

    References
    ----------
    Farrington, C. P. and Manning, G. (1990). Test statistics and sample size formulae for comparative binomial trials
    with null hypothesis of non-zero risk difference or non-unity relative risk. Statistics in Medicine 9(12).

    Examples
    --------
    >>> round(ratio_test(120, 400, 200, 400, 0.8), 4), round(ratio_test(160, 400, 200, 400, 0.8), 4)
    (0.0007, 0.5)
    """
    p, q = _rates(successes, trials, against, against_trials)
    if not 0.0 < ratio < math.inf:
        raise DataError(f"a ratio of {ratio!r} cannot be tested")
    r = against_trials / trials
    b = -(ratio * (1.0 + r * q) + r + p)
    c = ratio * (p + r * q)
    p0 = (-b - math.sqrt(max(0.0, b * b - 4.0 * (1.0 + r) * c))) / (2.0 * (1.0 + r))
    q0 = min(1.0, p0 / ratio)
    variance = p0 * (1.0 - p0) / trials + ratio**2 * q0 * (1.0 - q0) / against_trials
    return _one_sided(ratio * q - p, variance)


def difference_test(
    successes: int, trials: int, against: int, against_trials: int, difference: float
) -> float:
    """Test whether a rate is lower than another one by more than some difference.

    Parameters
    ----------
    successes, trials, against, against_trials : int
        As for `ratio_test`.
    difference : float
        The rate is lower by at most so much, if the hypothesis is true; from 0, below 1.

    Returns
    -------
    float
        One-sided p-value of the score test.

    Raises
    ------
    DataError
        If the counts or the difference make no sense.

    References
    ----------
    Miettinen, O. and Nurminen, M. (1985). Comparative analysis of two rates. Statistics in Medicine 4(2).

    Examples
    --------
    >>> round(difference_test(60, 100, 90, 100, 0.1), 4)
    0.0004
    """
    p, q = _rates(successes, trials, against, against_trials)
    if not 0.0 <= difference < 1.0:
        raise DataError(f"a difference of {difference!r} cannot be tested")
    # The rates that are most likely under the hypothesis solve a cubic equation.
    r = trials / against_trials
    a = 1.0 + r
    b = -(1.0 + r + q + r * p + difference * (r + 2.0))
    c = difference**2 + difference * (2.0 * q + r + 1.0) + q + r * p
    d = -q * difference * (1.0 + difference)
    v = (b / (3.0 * a)) ** 3 - b * c / (6.0 * a * a) + d / (2.0 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3.0 * a)) ** 2 - c / (3.0 * a))), v)
    cosine = v / u**3 if u else 1.0
    w = (math.pi + math.acos(min(1.0, max(-1.0, cosine)))) / 3.0
    q0 = min(1.0, max(difference, 2.0 * u * math.cos(w) - b / (3.0 * a)))
    p0 = q0 - difference
    variance = q0 * (1.0 - q0) / against_trials + p0 * (1.0 - p0) / trials
    return _one_sided(q - p - difference, variance)


def _rates(successes: int, trials: int, against: int, against_trials: int) -> tuple[float, float]:
    if not (0 <= successes <= trials and 0 <= against <= against_trials and trials and against_trials):
        raise DataError(f"{successes} of {trials} and {against} of {against_trials} cannot be compared")
    return successes / trials, against / against_trials


def _one_sided(excess: float, variance: float) -> float:
    if variance <= 0.0:
        return 0.0 if excess > 0.0 else 1.0
    return float(special.ndtr(-excess / math.sqrt(variance)))
