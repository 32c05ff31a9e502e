"""Refinement of a found slice's bounds in finer bins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, IntArray
from stream_app.core.slices.bins import Bins
from stream_app.core.slices.evidence import log_likelihood_ratio
from stream_app.core.slices.rules import Condition
from stream_app.core.slices.scan import Box, Limits, ranges

__all__ = ["FineBox", "cut", "fine_box", "is_rim"]

_ROUNDS = 4
"""Times that each condition's bounds are sought, given the other's; they settle after one or two."""

_NEARLY_ALL = 0.8
"""A condition that lets so many rows pass must prove its worth."""


@dataclass(frozen=True, slots=True)
class FineBox:
    """A slice as runs of fine bins: for one or two features, the first bin and the one after the last."""

    runs: tuple[tuple[int, int, int], ...]

    def mask(self, fine: IntArray) -> BoolArray:
        """Return the mask of its rows, given the fine bin of each, shape (d, n)."""
        inside = np.ones(fine.shape[1], np.bool_)
        for feature, low, high in self.runs:
            inside &= (fine[feature] >= low) & (fine[feature] < high)
        return inside

    def conditions(self, bins: Sequence[Bins]) -> tuple[Condition, ...]:
        """Return the conditions on the features."""
        return tuple(bins[feature].condition(low, high) for feature, low, high in self.runs)

    def without_one(self) -> "list[FineBox]":
        """Return the slices with one condition less; none if there is only one."""
        if len(self.runs) == 1:
            return []
        return [FineBox(self.runs[:at] + self.runs[at + 1 :]) for at in range(len(self.runs))]

    def borders(self, other: "FineBox", bins: Sequence[Bins]) -> bool:
        """Whether both are about the same features, and overlap or share a bound of one interval."""
        if {run[0] for run in self.runs} != {run[0] for run in other.runs}:
            return False
        touching = 0
        for (feature, low, high), (_, begin, end) in zip(sorted(self.runs), sorted(other.runs), strict=True):
            if low < end and begin < high:
                continue
            # Only numbers have neighbours.
            if max(high, end) > bins[feature].ordered_fine or (low > end or begin > high):
                return False
            touching += 1
        return touching <= 1


def fine_box(box: Box, bins: Sequence[Bins]) -> FineBox:
    """Return a box in fine bins."""
    first, second = box.pair
    if first == len(bins):
        return FineBox(((second, *box.columns),))
    runs = []
    for feature, (low, high) in ((first, box.rows), (second, box.columns)):
        coarse = bins[feature].coarse_of
        runs.append((feature, int(np.searchsorted(coarse, low)), int(np.searchsorted(coarse, high))))
    return FineBox(tuple(runs))


def cut(
    box: FineBox, bins: Sequence[Bins], fine: IntArray, wrong: BoolArray, left: BoolArray, limits: Limits
) -> FineBox:
    """Refine the bounds to describe the errors best, and drop conditions that do not help.

    Parameters
    ----------
    box : FineBox
        As it was found.
    bins : sequence of Bins
        Of each feature.
    fine : ndarray of int, shape (d, n)
        The fine bin of each row.
    wrong, left : ndarray of bool, shape (n,)
        Wrong rows, and rows that no earlier slice explains; only these count.
    limits : Limits
        Of a slice.
    """
    fine, wrong = fine[:, left], wrong[left]
    for _ in range(_ROUNDS):
        before = box
        for at in range(len(box.runs)):
            box = _cut_one(box, at, bins, fine, wrong, limits)
        box = _simpler(box, bins, fine, wrong, limits)
        if box == before:
            break
    return box


def _cut_one(
    box: FineBox, at: int, bins: Sequence[Bins], fine: IntArray, wrong: BoolArray, limits: Limits
) -> FineBox:
    """Choose the best bounds of one interval, given the other condition."""
    feature, begin, end = box.runs[at]
    numbers = bins[feature].ordered_fine
    if end > numbers:
        return box
    others = FineBox(box.runs[:at] + box.runs[at + 1 :])
    inside = others.mask(fine)
    cells = np.bincount(fine[feature, inside] * 2 + wrong[inside], minlength=2 * numbers)[: 2 * numbers]
    sums = np.concatenate((np.zeros((1, 2), np.int64), cells.reshape(numbers, 2).cumsum(axis=0)))
    low, high = ranges(numbers)
    right, false = (sums[high] - sums[low]).T
    n = right + false
    fit = (low < end) & (high > begin) & (n >= limits.least) & (false >= limits.floor * n)
    if not fit.any():
        return box
    low, high, n, false = low[fit], high[fit], n[fit], false[fit]
    score = log_likelihood_ratio(n, false, len(wrong), int(wrong.sum()))
    # As in the search, a second bound has its price: there are so many more intervals that have one.
    score -= np.where((low > 0) & (high < numbers), math.log(max(1.0, (numbers - 2) / 4.0)), 0.0)
    best = int(score.argmax())
    run = (feature, int(low[best]), int(high[best]))
    return FineBox((*box.runs[:at], run, *box.runs[at + 1 :]))


def is_rim(
    box: FineBox,
    found: Sequence[FineBox],
    bins: Sequence[Bins],
    fine: IntArray,
    wrong: BoolArray,
    left: BoolArray,
    limits: Limits,
) -> bool:
    """Whether a slice is the rim of one found before: it borders on it, with a needless condition more or without.

    Where errors grow smoothly towards the end of a range, the worst part is found first; around it the error rate is
    raised, too.

    Parameters
    ----------
    box : FineBox
        The slice, as intervals of bins.
    found : sequence of FineBox
        Those found before.
    bins, fine, wrong, left, limits
        As in `cut`.
    """
    if any(box.borders(other, bins) for other in found):
        return True
    fine, wrong = fine[:, left], wrong[left]
    return any(
        simpler.borders(other, bins) and not _needed(box, simpler, bins, fine, wrong, limits)
        for simpler in box.without_one()
        for other in found
    )


def _simpler(box: FineBox, bins: Sequence[Bins], fine: IntArray, wrong: BoolArray, limits: Limits) -> FineBox:
    """Drop a condition that lets nearly all rows pass, unless what it keeps out is significantly better."""
    rows = np.count_nonzero(box.mask(fine))
    for simpler in box.without_one():
        nearly_all = rows >= _NEARLY_ALL * np.count_nonzero(simpler.mask(fine))
        if nearly_all and not _needed(box, simpler, bins, fine, wrong, limits):
            return simpler
    return box


def _needed(
    box: FineBox, simpler: FineBox, bins: Sequence[Bins], fine: IntArray, wrong: BoolArray, limits: Limits
) -> bool:
    """Whether the condition that `simpler` lacks is worth more than choosing it among all of all other features."""
    ((feature, _, _),) = set(box.runs) - set(simpler.runs)
    price = limits.evidence + math.log(4.0 * max(1, len(bins) - 1) * (bins[feature].fine + 1))
    return _evidence(box, fine, wrong) - _evidence(simpler, fine, wrong) >= price


def _evidence(box: FineBox, fine: IntArray, wrong: BoolArray) -> float:
    inside = box.mask(fine)
    n, false = int(inside.sum()), int(wrong[inside].sum())
    return float(log_likelihood_ratio(n, false, len(wrong), int(wrong.sum())))
