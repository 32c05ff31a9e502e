"""First-order recursions over batches that come out the same however the events were batched."""

import numpy as np
from scipy.linalg.lapack import dtbtrs

from stream_app.core.arrays import FloatArray

__all__ = ["exponential_means", "first_order"]


def first_order(x: FloatArray, gain: float, keep: float, start: FloatArray) -> FloatArray:
    """Run ``y[i] = gain * x[i] + keep * y[i - 1]`` along each row, continued from `start`.

    The equations of all rows together are a bidiagonal system, which forward substitution solves one element after
    the other: a batch that goes on from the last value of the one before gives the same bits as both at once. The last
    bit may depend on the kind of processor (on whether it multiplies and adds in one step).

    Parameters
    ----------
    x : FloatArray, shape (d, n)
        Channels as rows.
    gain, keep : float
        Weights of the newest value and of the result before it.
    start : FloatArray, shape (d,)
        The result before the first column.

    Returns
    -------
    FloatArray, shape (d, n + 1)
        `start`, then the result after each column.

    Examples
    --------
    >>> import numpy as np
    >>> first_order(np.array([[1.0, 1.0, 1.0]]), 1.0, 0.5, np.array([4.0]))
    array([[4.  , 3.  , 2.5 , 2.25]])
    """
    d, n = x.shape
    y = np.empty((d, n + 1))
    y[:, 0] = start
    np.multiply(x, gain, out=y[:, 1:])
    # LAPACK, because scipy.signal.lfilter, as fast, takes 0.5 s to load. The first row of the bands is the diagonal,
    # which is all ones and therefore not read.
    bands = np.full((2, n + 1), -keep, order="F")
    solution, _ = dtbtrs(bands, y.T, uplo="L", diag="U", overwrite_b=1)
    return np.asarray(solution.T)


def exponential_means(x: FloatArray, weight: float, start: FloatArray) -> FloatArray:
    """Exponential mean of each row, continued from `start`; the newest value has the given weight.

    Parameters
    ----------
    x : FloatArray, shape (d, n)
        Channels as rows, without missing values.
    weight : float
        Weight of the newest value, in (0, 1].
    start : FloatArray, shape (d,)
        Means before the first column.

    Returns
    -------
    FloatArray, shape (d, n + 1)
        `start`, then the means after each column.

    Examples
    --------
    >>> import numpy as np
    >>> exponential_means(np.array([[1.0, 0.0]]), 0.5, np.zeros(1))
    array([[0.  , 0.5 , 0.25]])
    """
    return first_order(x, weight, 1.0 - weight, start)
