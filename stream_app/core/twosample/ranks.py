"""Mann-Whitney U test of a shift, with correction for ties."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from stream_app.core.twosample.reference import Comparison, SortedSample
from stream_app.errors import DataError

__all__ = ["mann_whitney"]


def mann_whitney(reference: SortedSample, x: npt.ArrayLike) -> Comparison:
    """Test whether values tend to be larger or smaller than the reference.

    U counts the pairs (new value, reference value) where the new one is larger, ties as a half. Sensitive to a
    shift of location, blind to a change of spread around the same median.

    Parameters
    ----------
    reference : SortedSample
        Not empty.
    x : array_like, shape (m,)
        Values; what is not finite is left out.

    Returns
    -------
    Comparison
        U of the new values, and the two-sided p-value of the normal limit with correction for ties and for
        continuity (good from about 10 values a side). When all values are equal the p-value is 1.

    Raises
    ------
    DataError
        One side has no value.

    Notes
    -----
    Cost: about 40 µs for 300 against 300. Agrees with ``scipy.stats.mannwhitneyu(x, reference,
    method="asymptotic")``.

    References
    ----------
    Mann, H. B. and Whitney, D. R. (1947). On a test of whether one of two random variables is stochastically
    larger than the other. Annals of Mathematical Statistics 18.

    Examples
    --------
    >>> mann_whitney(SortedSample([1.0, 2.0, 3.0]), [2.0, 4.0, 5.0]).statistic
    7.5
    """
    values = np.asarray(x, dtype=np.float64)
    values = values[np.isfinite(values)]
    n, m = len(reference), len(values)
    if n == 0 or m == 0:
        raise DataError("the Mann-Whitney test needs at least one value on each side")
    lower = np.searchsorted(reference.values, values, side="left")
    upper = np.searchsorted(reference.values, values, side="right")
    u = float((lower + upper).sum()) / 2.0
    ties = np.unique(np.concatenate([reference.values, values]), return_counts=True)[1].astype(np.float64)
    total = n + m
    variance = n * m / 12.0 * (total + 1.0 - float((ties**3 - ties).sum()) / (total * (total - 1.0)))
    if variance <= 0.0:
        return Comparison(u, 1.0)
    z = (max(u, n * m - u) - n * m / 2.0 - 0.5) / math.sqrt(variance)
    return Comparison(u, min(1.0, 2.0 * float(special.ndtr(-z))))
