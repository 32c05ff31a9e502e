"""The standard normal distribution of scalars, without loading SciPy, which takes a tenth of a worker's start."""

from statistics import NormalDist

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["normal_cdf", "normal_quantiles"]

_NORMAL = NormalDist()


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the probabilities of values up to each of `x`.

    Examples
    --------
    >>> normal_cdf(np.array([-np.inf, 0.0, 1.96])).round(3).tolist()
    [0.0, 0.5, 0.975]
    """
    return np.array([_NORMAL.cdf(each) for each in x.tolist()])


def normal_quantiles(p: FloatArray) -> FloatArray:
    """Return the values below which a share of each of `p` lies; strictly between 0 and 1.

    Examples
    --------
    >>> normal_quantiles(np.array([0.5, 0.975])).round(2).tolist()
    [0.0, 1.96]
    """
    return np.array([_NORMAL.inv_cdf(each) for each in p.tolist()])
