"""Chi-square test of homogeneity for categories."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from stream_app.core.twosample.reference import Comparison
from stream_app.errors import DataError

__all__ = ["chi_square"]


def chi_square(reference: Mapping[str, int], counts: Mapping[str, int]) -> Comparison:
    """Test whether counts of categories come from the distribution of the reference's counts.

    Both sides are samples, so this is the test of homogeneity: expected counts come from the pooled shares,
    and a category never seen in the reference is an ordinary column with a zero.

    Parameters
    ----------
    reference, counts : mapping of str to int
        How often each category was seen. Categories with zero on both sides do not count.

    Returns
    -------
    Comparison
        Pearson's statistic and its p-value with (categories - 1) degrees of freedom; with a single category
        the statistic is 0 and the p-value 1.

    Raises
    ------
    DataError
        A count is negative, or one side is empty.

    Notes
    -----
    The chi-square limit wants expected counts of about five; pool rare categories before. Linear in the
    number of categories, about 20 µs for ten.

    References
    ----------
    Pearson, K. (1900). On the criterion that a given system of deviations … can be reasonably supposed to have
    arisen from random sampling. Philosophical Magazine 50.

    Examples
    --------
    >>> chi_square({"open": 90, "closed": 10}, {"open": 80, "closed": 10, "stuck": 10}).p_value < 0.01
    True
    """
    names = sorted(reference.keys() | counts.keys())
    table = np.array(
        [[side.get(name, 0) for name in names] for side in (reference, counts)], dtype=np.float64
    )
    if table.size == 0 or (table < 0).any() or (table.sum(axis=1) == 0).any():
        raise DataError("the chi-square test needs non-negative counts and at least one count on each side")
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] == 1:
        return Comparison(0.0, 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return Comparison(statistic, float(special.chdtrc(table.shape[1] - 1, statistic)))
