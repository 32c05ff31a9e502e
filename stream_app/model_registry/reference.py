"""Reference statistics of a model's features: what they looked like when it was trained."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from stream_app.errors import DataError

__all__ = ["FeatureStatistics", "ReferenceStatistics", "reference_statistics"]

BINS = 10
"""Bins of equal counts, as the population stability index has them."""


class FeatureStatistics(BaseModel):
    """One feature in the training rows.

    Parameters
    ----------
    count, missing : int
        Rows with a value, and without one.
    mean, std, low, high : float, optional
        Of the values; None without any.
    edges : tuple of float
        Inner edges between bins of equal counts, ascending; equal ones are told once.
    counts : tuple of int
        Values of each bin: up to and with the first edge, …, beyond the last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int
    missing: int
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


ReferenceStatistics: TypeAlias = Mapping[str, FeatureStatistics]
"""Feature to its statistics."""


def reference_statistics(values: npt.ArrayLike, features: Sequence[str]) -> dict[str, FeatureStatistics]:
    """Summarise training rows, a feature at a time.

    Parameters
    ----------
    values : array-like of float (rows, features)
        Values that are not finite count as missing.
    features : sequence of str

    Raises
    ------
    DataError
        If the table has another number of columns.

    Examples
    --------
    >>> found = reference_statistics([[1.0], [2.0], [3.0], [float("nan")]], ["flow"])["flow"]
    >>> found.count, found.missing, found.mean, found.low, found.high
    (3, 1, 2.0, 1.0, 3.0)
    """
    table = np.array(values, dtype=np.float64, ndmin=2)
    if table.ndim != 2 or table.shape[1] != len(features):
        raise DataError(
            f"a table of the shape {table.shape} has not the {len(features)} features that are named"
        )
    return {name: _one(table[:, i]) for i, name in enumerate(features)}


def _one(column: npt.NDArray[np.float64]) -> FeatureStatistics:
    known = column[np.isfinite(column)]
    missing = len(column) - len(known)
    if not len(known):
        return FeatureStatistics(count=0, missing=missing)
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return FeatureStatistics(
        count=len(known),
        missing=missing,
        mean=float(known.mean()),
        std=float(known.std()),
        low=float(known.min()),
        high=float(known.max()),
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
    )
