"""Correction of p-values for testing many channels at once."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.errors import DataError

__all__ = ["Correction", "adjust", "benjamini_hochberg", "bonferroni", "holm"]

Correction: TypeAlias = Literal["none", "bonferroni", "holm", "bh"]


def bonferroni(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust by the number of tests: rejecting at level a keeps the chance of any false rejection below a.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        P-values of one family. NaN stands for a test that was not done: it does not count and stays NaN.

    Returns
    -------
    ndarray, shape (m,)
        Adjusted p-values, at most 1.

    Examples
    --------
    >>> bonferroni([0.01, 0.5])
    array([0.02, 1.  ])
    """
    p = _checked(p_values)
    return np.minimum(1.0, p * np.count_nonzero(~np.isnan(p)))


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust step-down: the guarantee of Bonferroni, under any dependence, with more power.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        As in `bonferroni`.

    Returns
    -------
    ndarray, shape (m,)

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    m = np.count_nonzero(~np.isnan(p))
    stepped = np.maximum.accumulate(p[order][:m] * np.arange(m, 0, -1))
    return _placed(np.minimum(1.0, stepped), order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """Adjust step-up: rejecting at level a keeps the expected share of false rejections among all below a.

    Holds for independent or positively dependent tests. Use it where many channels are expected to change
    together and a few false ones among them do no harm.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        As in `bonferroni`.

    Returns
    -------
    ndarray, shape (m,)

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical
    Society B 57.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    array([0.03, 0.04, 0.04])
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    m = np.count_nonzero(~np.isnan(p))
    raised = p[order][:m] * (m / np.arange(1, m + 1))
    stepped = np.minimum.accumulate(raised[::-1])[::-1]
    return _placed(np.minimum(1.0, stepped), order)


def adjust(p_values: npt.ArrayLike, method: Correction) -> FloatArray:
    """Adjust by name: ``none``, ``bonferroni``, ``holm`` or ``bh``.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        As in `bonferroni`.
    method : {'none', 'bonferroni', 'holm', 'bh'}
        Correction for testing many channels at once.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    DataError
        The name is not known, or a p-value is not between 0 and 1.

    Examples
    --------
    >>> adjust([0.01, 0.5], "holm")
    array([0.02, 0.5 ])
    """
    try:
        return _METHODS[method](p_values)
    except KeyError:
        raise DataError(f"unknown correction {method!r}; known are {', '.join(_METHODS)}") from None


def _checked(p_values: npt.ArrayLike) -> FloatArray:
    p = np.array(p_values, dtype=np.float64)
    if ((p < 0.0) | (p > 1.0)).any():
        raise DataError("a p-value lies between 0 and 1")
    return p


def _placed(adjusted: FloatArray, order: npt.NDArray[np.intp]) -> FloatArray:
    result = np.full(len(order), np.nan)
    result[order[: len(adjusted)]] = adjusted
    return result


_METHODS: Mapping[Correction, Callable[[npt.ArrayLike], FloatArray]] = {
    "none": _checked,
    "bonferroni": bonferroni,
    "holm": holm,
    "bh": benjamini_hochberg,
}
