"""Bins of features: quantiles of numbers, frequent categories, and one bin for missing values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.slices.rules import Category, Condition, Interval, Missing, Rare

__all__ = ["MISSING", "Bins", "CategoryBins", "NumberBins", "bins_from_state"]

FINE = 64
"""Bins in which the bounds of a found interval are sought: 1.6 % of the rows each."""

_SIXTY_FOURTHS = np.array([0, 1, 2, *range(4, 61, 4), 62, 63, 64])
"""Where the bins lie that are searched: 6 % of the rows each, narrower at the ends, where models mostly fail."""

MISSING = -1
"""Code of a category that is missing."""


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Bins of a numeric feature.

    Parameters
    ----------
    feature : str
        Name of the feature.
    edges : ndarray of float, shape (f - 1,)
        Bounds between f fine bins, increasing; a value that is equal to one lies below it.
    groups : ndarray of int, shape (g + 1,)
        The fine bins at which g coarse ones begin, and f.
    """

    feature: str
    edges: FloatArray
    groups: IntArray

    @classmethod
    def learn(cls, feature: str, values: FloatArray) -> "NumberBins":
        """Make bins at the quantiles of a column; bounds have few digits where the data allows.

        Examples
        --------
        >>> bins = NumberBins.learn("hour", np.repeat(np.arange(4.0), 25))
        >>> bins.edges, bins.groups
        (array([0., 1., 2.]), array([0, 1, 2, 3, 4]))
        """
        ordered = np.sort(values[np.isfinite(values)])
        if not len(ordered):
            return cls(feature, np.empty(0), np.array([0, 1]))
        ranks = np.unique(np.arange(1, FINE) * len(ordered) // FINE)
        room = len(ordered) // (8 * FINE)
        low = ordered[np.maximum(ranks - 1 - room, 0)]
        high = ordered[np.minimum(ranks + room, len(ordered) - 1)]
        at = ordered[np.maximum(ranks - 1, 0)]
        edges = np.unique(
            [_short(*three) for three in zip(low.tolist(), at.tolist(), high.tolist(), strict=True)]
        )
        edges = edges[edges < ordered[-1]]
        return cls(feature, edges, _groups(np.searchsorted(ordered, edges, side="right") / len(ordered)))

    @property
    def fine(self) -> int:
        """Number of fine bins; the code of missing values."""
        return len(self.edges) + 1

    @property
    def ordered_fine(self) -> int:
        """Number of fine bins that are in an order."""
        return self.fine

    @property
    def ordered(self) -> int:
        """Number of coarse bins that are in an order."""
        return len(self.groups) - 1

    @property
    def coarse_of(self) -> IntArray:
        """Coarse bin of each fine one, and of missing values."""
        return np.repeat(np.arange(self.ordered + 1), np.diff(self.groups, append=self.fine + 1))

    def state(self) -> dict[str, Any]:
        """Return the bins as plain values."""
        return {"feature": self.feature, "edges": self.edges, "groups": self.groups}

    def codes(self, values: FloatArray) -> IntArray:
        """Return the fine bin of each value."""
        return np.where(np.isfinite(values), np.searchsorted(self.edges, values), self.fine)

    def condition(self, low: int, high: int) -> Condition:
        """Return the condition of the fine bins from `low` to before `high`."""
        if low == self.fine:
            return Missing(self.feature)
        return Interval(
            self.feature,
            float(self.edges[low - 1]) if low else -np.inf,
            float(self.edges[high - 1]) if high < self.fine else np.inf,
        )


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """Bins of a categorical feature: each frequent category, the others together, missing ones.

    Parameters
    ----------
    feature : str
        Name of the feature.
    frequent : tuple of str
        Categories with a bin of their own, in alphabetical order.
    bin_of : ndarray of int
        Bin of each code.
    """

    feature: str
    frequent: tuple[str, ...]
    bin_of: IntArray

    @classmethod
    def learn(cls, feature: str, names: Sequence[str], codes: IntArray, least: int) -> "CategoryBins":
        """Make a bin for each category with enough rows, and one for the others.

        Examples
        --------
        >>> CategoryBins.learn("site", ["south", "north", "east"], np.array([0, 0, 1, 1, 2, -1]), 2).frequent
        ('north', 'south')
        """
        counts = np.bincount(codes[codes != MISSING], minlength=len(names))
        frequent = tuple(sorted(names[code] for code in np.flatnonzero(counts >= least).tolist()))
        place = {name: at for at, name in enumerate(frequent)}
        return cls(feature, frequent, np.array([place.get(name, len(frequent)) for name in names], np.int64))

    @property
    def fine(self) -> int:
        """Number of categories and one for rare ones; the code of missing ones."""
        return len(self.frequent) + 1

    @property
    def ordered_fine(self) -> int:
        """Categories have no order."""
        return 0

    @property
    def ordered(self) -> int:
        """Categories have no order."""
        return 0

    @property
    def coarse_of(self) -> IntArray:
        """Coarse bins equal fine ones."""
        return np.arange(self.fine + 1)

    def state(self) -> dict[str, Any]:
        """Return the bins as plain values."""
        return {"feature": self.feature, "frequent": list(self.frequent), "bin_of": self.bin_of}

    def codes(self, codes: IntArray) -> IntArray:
        """Return the bin of each code; a category first seen after the bins were made is rare."""
        known = np.append(self.bin_of, [len(self.frequent), self.fine])
        return known[np.where(codes == MISSING, len(known) - 1, np.minimum(codes, len(self.bin_of)))]

    def condition(self, low: int, _high: int) -> Condition:
        """Return the condition of a bin."""
        if low == self.fine:
            return Missing(self.feature)
        if low == len(self.frequent):
            return Rare(self.feature, self.frequent)
        return Category(self.feature, self.frequent[low])


Bins: TypeAlias = NumberBins | CategoryBins


def bins_from_state(state: Mapping[str, Any]) -> Bins:
    """Return bins from what their `state` gave."""
    if "edges" in state:
        return NumberBins(state["feature"], state["edges"], state["groups"])
    return CategoryBins(state["feature"], tuple(state["frequent"]), state["bin_of"])


def _short(low: float, at: float, high: float) -> float:
    """Return the number with the fewest digits near `at`, not below `low` and below `high`."""
    for digits in range(1, 17):
        short = float(f"{at:.{digits}g}")
        if low <= short < high:
            return short
    return at


def _groups(shares: FloatArray) -> IntArray:
    """Choose at which fine bins the coarse ones begin, by the share of the rows below each edge."""
    fine = len(shares) + 1
    if fine < len(_SIXTY_FOURTHS):
        return np.arange(fine + 1)
    cut = np.abs(shares[None, :] - _SIXTY_FOURTHS[1:-1, None] / 64.0).argmin(axis=1) + 1
    return np.unique(np.concatenate(([0], cut, [fine])))
