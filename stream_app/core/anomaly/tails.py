"""Tail probabilities: put differently distributed statistics on the one scale of a standard normal.

A Student t with few degrees of freedom, a chi-square and a sum of unequal chi-squares cannot be compared
with one threshold. Each is mapped to the standard normal value with about the same tail probability
(its *normal equivalent*), so that "4" means the same everywhere.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import erfc, lambertw

from stream_app.core.arrays import FloatArray
from stream_app.errors import DataError

__all__ = [
    "chi_square_to_normal",
    "crossing_rate",
    "level_for_rate",
    "student_square_bound",
    "student_to_normal",
    "two_sided_tail",
]


def student_to_normal(t_square: FloatArray, freedom: FloatArray) -> FloatArray:
    r"""Magnitude of the standard normal value as far in the tail as a Student t.

    Wallace's approximation, :math:`\frac{8\nu+1}{8\nu+3}\sqrt{\nu\ln(1+t^2/\nu)}`, good to about a tenth of a
    standard deviation from two degrees of freedom on, and monotone. For small :math:`\nu` it grows like the
    root of a logarithm: a scale known from few samples cannot give strong evidence.

    Parameters
    ----------
    t_square : FloatArray
        Squared t statistics; the last axis is the channels.
    freedom : FloatArray
        Degrees of freedom per channel, at least 1.

    Returns
    -------
    FloatArray
        Non-negative normal equivalents of the shape of `t_square`.

    References
    ----------
    D. L. Wallace (1959), Bounds on normal approximations to Student's and the chi-square distributions,
    Annals of Mathematical Statistics 30.

    Examples
    --------
    >>> import numpy as np
    >>> student_to_normal(np.array([16.0, 16.0]), np.array([3.0, 1e6])).round(2)
    array([2.18, 4.  ])
    """
    shrink = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return np.asarray(shrink * np.sqrt(freedom * np.log1p(t_square / freedom)))


def student_square_bound(level: float | FloatArray, freedom: FloatArray) -> FloatArray:
    """Squared t that `student_to_normal` maps to `level`: the inverse, for thresholds known in advance.

    Examples
    --------
    >>> import numpy as np
    >>> nu = np.array([2.0, 30.0])
    >>> student_to_normal(student_square_bound(3.5, nu), nu).round(6)
    array([3.5, 3.5])
    """
    shrink = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    with np.errstate(over="ignore"):  # a level out of reach of so few degrees of freedom is an infinite bound
        return np.asarray(freedom * np.expm1((level / shrink) ** 2 / freedom))


def chi_square_to_normal(x: FloatArray, freedom: float) -> FloatArray:
    """Turn a chi-square into the standard normal value with its upper tail (Wilson and Hilferty 1931, cube root).

    Parameters
    ----------
    x : FloatArray
        Chi-square statistics, not negative.
    freedom : float
        Degrees of freedom; need not be whole.

    Returns
    -------
    FloatArray
        Normal equivalents; negative below the median.

    Examples
    --------
    >>> import numpy as np
    >>> chi_square_to_normal(np.array([7.34, 26.12]), 8.0).round(1)
    array([-0. ,  3.1])
    """
    spread = 2.0 / (9.0 * freedom)
    return np.asarray((np.cbrt(x / freedom) - (1.0 - spread)) / math.sqrt(spread))


def two_sided_tail(score: FloatArray, looks: int) -> FloatArray:
    """Probability that any of `looks` standard normal values lies as far out as `score` (Bonferroni bound).

    Examples
    --------
    >>> import numpy as np
    >>> two_sided_tail(np.array([0.0, 4.0]), 10).round(6).tolist()
    [1.0, 0.000633]
    """
    return np.asarray(np.minimum(1.0, looks * erfc(np.maximum(score, 0.0) / math.sqrt(2.0))))


def crossing_rate(level: float, weight: float) -> float:
    r"""How often, per event, an exponentially weighted mean of white noise starts an excursion beyond a level.

    The mean with weight :math:`\lambda` is a discretely seen Ornstein-Uhlenbeck process with rate
    :math:`\theta=-\ln(1-\lambda)`; a diffusion leaves :math:`\pm h` at the rate :math:`2\theta h\varphi(h)`, and
    Siegmund's correction :math:`h = level + 0.583\sqrt{2\theta}` repairs the discreteness.

    Parameters
    ----------
    level : float
        Height in standard deviations of the mean.
    weight : float
        Weight of the newest event, in (0, 1).

    Returns
    -------
    float
        Excursions per event, both sides together.

    References
    ----------
    D. Siegmund (1985), Sequential Analysis, chapter X; J. M. Lucas and M. S. Saccucci (1990), Exponentially
    weighted moving average control schemes, Technometrics 32 (run lengths to compare with: weight 0.1 and
    level 2.814 have an average run length of 500).

    Examples
    --------
    >>> round(1 / crossing_rate(2.814, 0.1))
    445
    """
    theta = -math.log1p(-weight)
    height = level + 0.583 * math.sqrt(2.0 * theta)
    return 2.0 * theta * height * math.exp(-0.5 * height * height) / math.sqrt(2.0 * math.pi)


@lru_cache(maxsize=1024)
def level_for_rate(rate: float, weight: float, looks: int) -> float:
    """Level at which `looks` smoothed statistics together start `rate` excursions per event.

    Parameters
    ----------
    rate : float
        False episodes allowed per event, in (0, 1).
    weight : float
        Weight of the newest event in the smoothing.
    looks : int
        Number of statistics that are compared with the level.

    Returns
    -------
    float
        A level between 2 and 12.

    Raises
    ------
    DataError
        If the rate is not between 0 and 1.

    Examples
    --------
    >>> round(level_for_rate(1e-4, 2 / 21, looks=8), 2)
    4.27
    """
    if not 0.0 < rate < 1.0:
        raise DataError(
            f"false alarms per event: {rate} is not between 0 and 1; 1e-4 is one in 10,000 events"
        )

    low, high = 2.0, 12.0
    if looks * crossing_rate(low, weight) <= rate:
        return low
    if looks * crossing_rate(high, weight) >= rate:
        return high
    # `crossing_rate` the other way round: h exp(-h² / 2) = c is -h² exp(-h²) = -c², on the branch where h is above 1.
    theta = -math.log1p(-weight)
    c = rate * math.sqrt(2.0 * math.pi) / (2.0 * theta * looks)
    return math.sqrt(-lambertw(-c * c, k=-1).real) - 0.583 * math.sqrt(2.0 * theta)
