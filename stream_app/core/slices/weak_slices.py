"""The weak slices of rows that were judged once, as a plain table."""

from collections.abc import Sequence

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.slices.config import SliceConfig
from stream_app.core.slices.finder import SliceFinder

__all__ = ["weak_slices"]

_LEAST_SEARCHED = 100
"""Rows from which on slices are searched: fewer cannot carry a test over all of them."""


def weak_slices(names: Sequence[str], values: FloatArray, wrong: BoolArray) -> list[dict[str, str | float]]:
    """Find where rows are judged wrongly significantly more often than overall.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    values : ndarray of shape (n, columns)
        In the order of time; NaN where a row has no such number.
    wrong : ndarray of bool, shape (n,)
        Whether each was judged wrongly.

    Returns
    -------
    list of dict
        Rule, rows, error rate with its interval, that of all rows, and p-value of each slice, the weakest first; none where
        fewer than a hundred rows were judged.

    Examples
    --------
    >>> size = np.arange(1000.0)
    >>> wrong = (size >= 800) & (size % 2 == 0)
    >>> weak_slices(("size",), size[:, None], wrong)[0]["where"].startswith("size >")
    True
    """
    if len(wrong) < _LEAST_SEARCHED:
        return []
    finder = SliceFinder(tuple(names), (), SliceConfig(window=len(wrong), lag=_longest_run(wrong)))
    finder.update(values, np.empty((len(wrong), 0), dtype=object), wrong)
    return [
        {
            "where": one.rule,
            "rows": one.n,
            "error_rate": one.metric,
            "low": one.interval[0],
            "high": one.interval[1],
            "overall": one.overall,
            "p_value": one.p_value,
        }
        for one in finder.find()
    ]


def _longest_run(wrong: BoolArray) -> int:
    """Length of the longest run of errors: rows so far apart do not depend on each other."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], wrong.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
