"""Stuck sensors: a run of equal values that the channel's own habit of repeating cannot explain."""

import math
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray

__all__ = ["FlatlineDetector", "run_limit"]


def run_limit(x: FloatArray, rate: float, minimum: int) -> int:
    """Length of a run of equal values that is too long for a channel.

    Three bounds, the largest counts: `minimum`; three times the longest run of the reference (sensors dwell, so
    repeats are not independent); and the length r that starts less often than `rate` when repeats are
    independent with the reference's probability p: (1 - p) p^(r-1) <= rate, with p by the rule of succession.

    Parameters
    ----------
    x : FloatArray, shape (n,)
        Reference values in time order; missing ones are left out.
    rate : float
        Runs per event that may be called stuck by chance.
    minimum : int
        Shortest run to report.

    Returns
    -------
    int
        The limit, or 0 if no limit can be given: the reference is constant or has fewer than 10 values.

    Examples
    --------
    >>> import numpy as np
    >>> run_limit(np.random.default_rng(0).normal(size=400), 1e-4, 10)
    10
    >>> run_limit(np.tile([32.0, 32.0, 32.0, 31.0], 100), 1e-4, 10) > 10
    True
    """
    x = x[np.isfinite(x)]
    if x.size < 10:
        return 0
    changes = np.flatnonzero(x[1:] != x[:-1])
    if changes.size == 0:
        return 0
    longest = int(np.max(np.diff(np.concatenate(([-1], changes, [x.size - 1])))))
    p = (x.size - 1 - changes.size + 1.0) / (x.size + 1.0)
    chance = 1 + math.ceil(math.log(min(1.0, rate / (1.0 - p))) / math.log(p))
    return max(minimum, 3 * longest, chance)


class FlatlineDetector:
    """Report the rows at which channels become stuck and come loose.

    Use it for sensors that freeze at a plausible value, which no test of levels sees. It cannot be used on
    a channel that was constant in its reference. Missing values neither prolong nor end a run.
    Cost: about 0.2 µs per 8-channel event.

    Parameters
    ----------
    limits : IntArray, shape (d,)
        Run lengths from `run_limit`; 0 leaves a channel unwatched.

    Examples
    --------
    >>> import numpy as np
    >>> detector = FlatlineDetector(np.array([3]))
    >>> detector.update(np.array([[1.0], [2.0], [2.0], [2.0], [1.0]])).ravel().tolist()
    [False, False, False, True, False]
    """

    def __init__(self, limits: IntArray) -> None:
        self.limits = np.asarray(limits, dtype=np.int64)
        self._last = np.full(self.limits.size, np.nan)
        self._run = np.zeros(self.limits.size, dtype=np.int64)

    def update(self, values: FloatArray) -> BoolArray:
        """Take a batch of shape (n, d) and say for each value whether its channel is stuck there."""
        if values.shape[0] == 0:
            return np.zeros(values.shape, dtype=np.bool_)
        table = np.vstack([self._last, values])
        if np.isnan(table).any():
            filled, run = self._runs_with_gaps(table)
        else:
            # The same with rows for values, for the usual case: half the cost.
            filled = table
            rows = np.arange(table.shape[0])[:, None]
            begin = np.maximum.accumulate(np.where(table[1:] != table[:-1], rows[1:], 0), axis=0)
            run = rows[1:] - begin + np.where(begin == 0, self._run, 1)
        self._last, self._run = filled[-1].copy(), run[-1].copy()
        return np.asarray((run >= self.limits) & (self.limits > 0))

    def _runs_with_gaps(self, table: FloatArray) -> tuple[FloatArray, IntArray]:
        """Count runs in values, not in rows: missing ones are skipped."""
        present = ~np.isnan(table)
        rows = np.arange(table.shape[0])[:, None]
        held = np.maximum.accumulate(np.where(present, rows, 0), axis=0)
        previous = np.vstack([held[:1], held[:-1]])
        columns = np.arange(table.shape[1])
        filled = table[held, columns]
        changed = present & (filled != table[previous, columns])
        changed[0] = False
        seen = np.cumsum(present, axis=0)
        seen = seen - seen[0] + self._run
        begin = np.maximum.accumulate(np.where(changed, seen - 1, 0), axis=0)
        return filled, (seen - begin)[1:]

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`."""
        return {"limits": self.limits, "last": self._last, "run": self._run}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FlatlineDetector":
        """Take back what `state` gave."""
        detector = cls(np.asarray(state["limits"], dtype=np.int64))
        detector._last = np.array(state["last"], dtype=np.float64)
        detector._run = np.array(state["run"], dtype=np.int64)
        return detector
