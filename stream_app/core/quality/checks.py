"""What is wrong with the values of a source's channels: limits, missing and stuck values, absences."""

from typing import Any, Self

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.quality.absence import Absences
from stream_app.core.quality.habits import HabitColumns
from stream_app.core.quality.options import QualityOptions
from stream_app.core.quality.runs import StuckRuns
from stream_app.core.quality.trailing import TrailingCount, Transition

__all__ = ["CHECKS", "WINDOWS", "ChannelChecks"]

CHECKS = ("range", "sigma", "missing", "stuck", "gone")
"""In the order in which they are told."""

WINDOWS = {"range": "within", "sigma": "within", "missing": "missing_window"}
"""Checks that count the last events, and the option that says how many."""


class ChannelChecks:
    """Judge the values of each channel by its declared limits and by its habits.

    Parameters
    ----------
    options : QualityOptions
        Levels and windows.
    habits : HabitColumns
        What is ordinary; say so with `refresh` when it has changed.
    declared : ndarray, shape (2, d)
        Declared limits, lows above highs.
    trailing : dict of str to TrailingCount
        Values of the last events that were out of the declared ``range``, beyond ``sigma`` and ``missing``.
    runs : StuckRuns
    absences : Absences
    counts : dict of str to ndarray of int, shape (d,)
        Values, as in ``trailing``, since the channel was added.

    Examples
    --------
    >>> checks = ChannelChecks.without_channels(QualityOptions(), HabitColumns.unknown(1))
    >>> checks.grow(np.array([[-5.0], [5.0]]))
    >>> values = np.array([[0.0], [9.0], [8.0], [7.0], [1.0]])
    >>> [(name, t.row, t.begins) for name, t in checks.judge(np.arange(5.0), values)]
    [('range', 3, True)]
    """

    __slots__ = (
        "_calm", "_habits", "_least", "_most", "absences", "counts", "declared", "options", "runs", "trailing",
    )  # fmt: skip

    def __init__(
        self,
        options: QualityOptions,
        habits: HabitColumns,
        *,
        declared: FloatArray,
        trailing: dict[str, TrailingCount],
        runs: StuckRuns,
        absences: Absences,
        counts: dict[str, IntArray],
    ) -> None:
        self.options = options
        self._habits = habits
        self.declared = declared
        self.trailing = trailing
        self.runs = runs
        self.absences = absences
        self.counts = counts
        self._calm = self._is_calm()
        self.refresh()

    @classmethod
    def without_channels(cls, options: QualityOptions, habits: HabitColumns) -> Self:
        """Return the checks of a source of which nothing has been seen."""
        return cls(
            options,
            habits,
            declared=np.empty((2, 0)),
            trailing={name: TrailingCount(getattr(options, window), 0) for name, window in WINDOWS.items()},
            runs=StuckRuns(0),
            absences=Absences(0),
            counts={name: np.zeros(0, dtype=np.int64) for name in WINDOWS},
        )

    def grow(self, declared: FloatArray) -> None:
        """Add channels at the end, after their habits; by their declared limits, lows above highs."""
        columns = declared.shape[1]
        self.declared = np.hstack([self.declared, declared])
        for count in self.trailing.values():
            count.grow(columns)
        self.runs.grow(columns)
        self.absences.grow(columns)
        fresh = np.zeros(columns, dtype=np.int64)
        self.counts = {name: np.append(count, fresh) for name, count in self.counts.items()}
        self.refresh()

    def refresh(self) -> None:
        """Take in that habits have changed."""
        low, high = self.declared
        self._least, self._most = np.maximum(low, self._habits.low), np.minimum(high, self._habits.high)

    def _is_calm(self) -> bool:
        """Whether rows without anything wrong change nothing but runs of equal values."""
        return all(count.calm for count in self.trailing.values()) and self.absences.calm

    def judge(self, ts: FloatArray, x: FloatArray) -> list[tuple[str, Transition]]:
        """Take rows.

        Parameters
        ----------
        ts : ndarray, shape (n,)
            Event times.
        x : ndarray, shape (n, d)
            Values; NaN is missing.

        Returns
        -------
        list of (str, Transition)
            What begins and ends, with the name of the check.
        """
        # One comparison with the narrower of both limits on each side finds nothing wrong in nearly all batches:
        # what is missing is not within them either.
        within = (x >= self._least) & (x <= self._most)
        if self._calm and np.count_nonzero(within) == within.size:
            return self._stuck(ts, x)
        missing = np.isnan(x)
        found = self._look_closely(x, within, missing)
        found += self._stuck(ts, x)
        found += [("gone", t) for t in self.absences.update(missing, self._habits.gone)]
        self._calm = self._is_calm()
        return found

    def _stuck(self, ts: FloatArray, x: FloatArray) -> list[tuple[str, Transition]]:
        limit, seconds = self._habits.stuck, self.options.stuck_seconds
        return [("stuck", t) for t in self.runs.update(ts, x, limit, seconds)]

    def _look_closely(
        self, x: FloatArray, within: BoolArray, missing: BoolArray
    ) -> list[tuple[str, Transition]]:
        clean = np.count_nonzero(within) + np.count_nonzero(missing) == x.size
        limits = {"range": tuple(self.declared), "sigma": (self._habits.low, self._habits.high)}
        found: list[tuple[str, Transition]] = []
        for name, (least, most) in limits.items():
            trailing = self.trailing[name]
            if clean and trailing.calm:
                continue
            flags = (x < least) | (x > most)
            self.counts[name] += flags.sum(axis=0)
            confirm = np.full(x.shape[1], self.options.confirm)
            found += [(name, t) for t in trailing.update(flags, confirm, np.zeros_like(confirm))]
        self.counts["missing"] += missing.sum(axis=0)
        begin, end = self._habits.missing_begin, self._habits.missing_end
        found += [("missing", t) for t in self.trailing["missing"].update(missing, begin, end)]
        return found

    def active(self, column: int) -> tuple[str, ...]:
        """Names of the checks that are in alarm now for a channel."""
        on: dict[str, Any] = {name: count.active[column] for name, count in self.trailing.items()}
        on |= {"stuck": self.runs.active[column], "gone": self.absences.gone[column]}
        return tuple(name for name in CHECKS if on[name])
