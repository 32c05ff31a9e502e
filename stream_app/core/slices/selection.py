"""Selection of the few slices that explain all significant ones."""

import math
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import BoolArray, IntArray
from stream_app.core.slices.bins import Bins
from stream_app.core.slices.config import SliceConfig
from stream_app.core.slices.evidence import design_effect, log_tail
from stream_app.core.slices.refine import FineBox, cut, fine_box, is_rim
from stream_app.core.slices.rules import Slice, wilson
from stream_app.core.slices.scan import Candidates, Limits, corners, scan
from stream_app.core.slices.tables import PairTables

__all__ = ["Window", "select"]


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that are searched.

    Parameters
    ----------
    bins : tuple of Bins
        Of each feature.
    fine : ndarray of int, shape (d, n)
        The fine bin of each row, a line a feature.
    wrong : ndarray of bool, shape (n,)
        Whether the model was wrong.
    tables : PairTables
        Counts of rows and errors over the bins of each pair of features.
    """

    bins: tuple[Bins, ...]
    fine: IntArray
    wrong: BoolArray
    tables: PairTables


def select(window: Window, config: SliceConfig) -> tuple[Slice, ...]:
    """Find the slices of a window, in order of how much they explain.

    The best slice is taken, its rows are set aside, and the search continues in what is left, so that a slice that only
    overlaps a worse one is not reported again. What borders on a slice of the same features is its rim, and set aside
    with it.

    Parameters
    ----------
    window : Window
    config : SliceConfig

    Returns
    -------
    tuple of Slice
    """
    if not window.wrong.any():
        return ()
    search = _Search(window, config)
    while search.step():
        pass
    return tuple(search.reported)


class _Search:
    """Slices found, and what is left to find others in."""

    def __init__(self, window: Window, config: SliceConfig) -> None:
        self.reported: list[Slice] = []
        self._window, self._config = window, config
        self._overall = float(window.wrong.mean())
        self._limits = Limits(
            config.least(len(window.wrong)), config.floor(self._overall), -math.log(config.alpha)
        )
        self._found: list[FineBox] = []
        self._left = np.ones(len(window.wrong), np.bool_)
        self._tables = window.tables
        self._pool: list[Candidates] = []
        self._scanned = False

    def step(self) -> bool:
        """Take the best candidate: it becomes a slice, is the rim of one, or is not certain enough.

        Returns
        -------
        bool
            Whether there may be more.
        """
        if not self._pool:
            if self._scanned or len(self.reported) == self._config.max_slices:
                return False
            self._pool = scan(self._tables, self._window.bins, self._totals(), self._limits)
            self._scanned = True
            return True
        best = max(range(len(self._pool)), key=lambda at: float(self._pool[at].score.max()))
        box = self._pool[best].box(int(self._pool[best].score.argmax()))
        coarse = fine_box(box, self._window.bins)
        p_value = self._p_value(coarse, box.log_weight)
        slice_, exact = self._describe(coarse, p_value)
        if p_value > self._config.alpha or slice_.interval[0] <= self._overall:
            # What else this table offers is alike.
            del self._pool[best]
            return True
        window = self._window
        if not is_rim(exact, self._found, window.bins, window.fine, window.wrong, self._left, self._limits):
            self.reported.append(slice_)
            self._found.append(exact)
        self._set_aside(exact.mask(window.fine))
        return len(self.reported) < self._config.max_slices

    def _totals(self) -> tuple[int, int]:
        return int(self._left.sum()), int(self._window.wrong[self._left].sum())

    def _p_value(self, box: FineBox, log_weight: float) -> float:
        """Return the chance of such a slice in what is left, times the slices that were looked at."""
        inside, wrong = box.mask(self._window.fine)[self._left], self._window.wrong[self._left]
        log_p = log_tail(int(inside.sum()), int(wrong[inside].sum()), len(wrong), int(wrong.sum()))
        log_p /= design_effect(inside, wrong, self._config.lag)
        return math.exp(min(0.0, log_p - log_weight))

    def _describe(self, coarse: FineBox, p_value: float) -> tuple[Slice, FineBox]:
        """Give the slice its exact bounds, if it keeps to the limits with them."""
        window = self._window
        exact = cut(coarse, window.bins, window.fine, window.wrong, self._left, self._limits)
        slice_ = self._slice(exact, p_value)
        if slice_.n >= self._limits.least and slice_.metric >= self._limits.floor:
            return slice_, exact
        return self._slice(coarse, p_value), coarse

    def _slice(self, box: FineBox, p_value: float) -> Slice:
        inside = box.mask(self._window.fine)
        n, wrong = int(inside.sum()), int(self._window.wrong[inside].sum())
        interval = wilson(wrong, n, self._config.confidence)
        return Slice(box.conditions(self._window.bins), n, wrong / n, self._overall, interval, p_value)

    def _set_aside(self, rows: BoolArray) -> None:
        """Go on without these rows."""
        if self._tables is self._window.tables:
            self._tables = self._tables.copy()
        gone = rows & self._left
        self._left &= ~rows
        self._tables.add(self._window.fine[:, gone], self._window.wrong[gone], -1)
        self._scanned = False
        totals = self._totals()
        again = (one.kept(corners(self._tables.tables[one.pair]), totals, self._limits) for one in self._pool)
        self._pool = [one for one in again if len(one.row)]
