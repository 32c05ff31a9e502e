"""Slices as rules, readable by people and applicable by programs."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from stream_app.core.arrays import BoolArray

__all__ = ["Category", "Condition", "Interval", "Missing", "Rare", "Slice", "is_missing", "wilson"]


def is_missing(cell: Any) -> bool:
    """Whether a cell of categories is missing: None or NaN."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


@dataclass(frozen=True, slots=True)
class Interval:
    """A feature is above `low` and not above `high`; infinite where there is no such bound."""

    feature: str
    low: float
    high: float

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.feature} <= {_number(self.high)}"
        if math.isinf(self.high):
            return f"{self.feature} > {_number(self.low)}"
        return f"{_number(self.low)} < {self.feature} <= {_number(self.high)}"

    def mask(self, cells: npt.ArrayLike) -> BoolArray:
        """Return the mask of matching cells of the feature's column."""
        values = np.asarray(cells, dtype=np.float64)
        # What is not finite was not measured.
        return np.asarray(np.isfinite(values) & (values > self.low) & (values <= self.high))


@dataclass(frozen=True, slots=True)
class Category:
    """A feature is one category."""

    feature: str
    value: str

    def __str__(self) -> str:
        return f"{self.feature} = {json.dumps(self.value, ensure_ascii=False)}"

    def mask(self, cells: npt.ArrayLike) -> BoolArray:
        """Return the mask of matching cells of the feature's column."""
        return np.array(
            [not is_missing(cell) and str(cell) == self.value for cell in _cells(cells)], np.bool_
        )


@dataclass(frozen=True, slots=True)
class Rare:
    """A feature is a category other than the frequent ones; the rare ones are judged together."""

    feature: str
    frequent: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.feature} is rare"

    def mask(self, cells: npt.ArrayLike) -> BoolArray:
        """Return the mask of matching cells of the feature's column."""
        known = frozenset(self.frequent)
        return np.array([not is_missing(cell) and str(cell) not in known for cell in _cells(cells)], np.bool_)


@dataclass(frozen=True, slots=True)
class Missing:
    """A feature is missing: NaN, None."""

    feature: str

    def __str__(self) -> str:
        return f"{self.feature} is missing"

    def mask(self, cells: npt.ArrayLike) -> BoolArray:
        """Return the mask of matching cells of the feature's column."""
        column = np.asarray(cells)
        if column.dtype.kind == "f":
            return np.asarray(~np.isfinite(column))
        return np.array([is_missing(cell) for cell in _cells(cells)], np.bool_)


Condition: TypeAlias = Interval | Category | Rare | Missing


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the window in which the model errs significantly more often than overall.

    Parameters
    ----------
    conditions : tuple of Condition
        One or two, each of another feature; a row belongs to the slice if it fits all.
    n : int
        Number of rows.
    metric : float
        Error rate in the slice, 0 to 1.
    overall : float
        Error rate in the window.
    interval : tuple of float
        Wilson interval for the error rate in the slice.
    p_value : float
        Chance to meet such a slice anywhere in the search if errors had nothing to do with the features.
    """

    conditions: tuple[Condition, ...]
    n: int
    metric: float
    overall: float
    interval: tuple[float, float]
    p_value: float

    @property
    def rule(self) -> str:
        """The conditions as text.

        Examples
        --------
        >>> both = (Interval("sharpness", float("-inf"), 0.12), Category("site", "north"))
        >>> Slice(both, 200, 0.4, 0.1, (0.33, 0.47), 1e-9).rule
        'sharpness <= 0.12 and site = "north"'
        """
        return " and ".join(map(str, self.conditions))

    def mask(self, columns: Mapping[str, npt.ArrayLike]) -> BoolArray:
        """Return the mask of rows of a table that fit the rule.

        Parameters
        ----------
        columns : mapping of feature to its cells
            At least the features of the rule.
        """
        masks = [one.mask(columns[one.feature]) for one in self.conditions]
        return np.asarray(np.logical_and.reduce(masks))


def wilson(events: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the score interval of a rate.

    Parameters
    ----------
    events, n : float
        How often it happened, of how many; `n` at least 1. Of dependent rows, the effective numbers.
    confidence : float
        Level between 0 and 1.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(20, 100, 0.95)]
    [0.1334, 0.2888]
    """
    z = float(ndtri(0.5 + 0.5 * confidence))
    rate, spread = events / n, z * z / n
    centre = (rate + spread / 2.0) / (1.0 + spread)
    half = z / (1.0 + spread) * math.sqrt(rate * (1.0 - rate) / n + spread / (4.0 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _number(value: float) -> str:
    """Write a bound so that it reads back the same, without an exponent where a person would use none."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _cells(cells: npt.ArrayLike) -> list[Any]:
    return list(np.asarray(cells, dtype=object))
