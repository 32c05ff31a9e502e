"""Changepoints: the moments at which the level of any channel leaves that of the segment it was in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.recursion import exponential_means

__all__ = ["MeanShiftDetector", "ShiftScale"]


@dataclass(frozen=True, slots=True)
class ShiftScale:
    """How far smoothed channels may be from a long segment's mean.

    Parameters
    ----------
    fast_variance, slow_variance : FloatArray, shape (d,)
        Variance of the fast and the slow exponential mean about a long segment's mean.
    fast_bound, slow_bound : FloatArray, shape (d,)
        Squared departure, in those variances, at which a changepoint is seen; infinite for a channel that
        is not watched.
    """

    fast_variance: FloatArray
    slow_variance: FloatArray
    fast_bound: FloatArray
    slow_bound: FloatArray


class MeanShiftDetector:
    """Emit each lasting change of level once, and begin a new segment there.

    The slow mean of every channel is compared with the mean of the segment since the last changepoint (of
    its latest `memory` events). A changepoint is seen where the squared departure exceeds the bound, in
    units of the slow mean's variance plus the same again times slow / m for a segment of m events; or where
    the fast mean exceeds its own, higher bound. After `settle` events, when the fast mean has seen most of a
    step, a new segment begins from it, counted as `slow` events; and for `slow` events no further changepoint
    is emitted. So a step is told once, whatever its size; a transition that goes on for longer is told again.

    Unlike the episodes of an anomaly, which know one normal level, segments have no normal: the way into a
    fault, a move within it and the way back are three changepoints. Cost: about 0.5 µs per 8-channel event.

    Parameters
    ----------
    slow : int
        Span of the slow mean, in events.
    settle : int
        Events from a changepoint to the beginning of the new segment; half the fast mean's span is enough.
    memory : int
        Longest segment mean, in events.
    start : FloatArray, shape (d,)
        Mean of the segment that the stream is in.

    References
    ----------
    D. M. Hawkins, P. Qiu and C. W. Kang (2003), The changepoint model for statistical process control,
    J. Quality Technology 35 (segment means with unknown level); here with exponential means, for a fixed
    cost an event.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.repeat([0.0, 3.0], 100)[:, None] + np.random.default_rng(0).normal(0, 0.1, (200, 1))
    >>> one = np.ones(1)
    >>> scale = ShiftScale(0.1 * one, 0.1 * one, 25 * one, 16 * one)
    >>> np.flatnonzero(MeanShiftDetector(20, 4, 200, np.zeros(1)).update(x, x, scale)[0])
    array([100])
    """

    def __init__(self, slow: int, settle: int, memory: int, start: FloatArray) -> None:
        self._span = slow
        self._memory = memory
        self._slow = start.copy()
        self._total = start * memory
        self._count = memory
        self._since = slow
        self._settle = min(settle, slow)
        self._mean = start.copy()

    def update(self, u: FloatArray, fast: FloatArray, scale: ShiftScale) -> tuple[BoolArray, FloatArray]:
        """Take a batch and say where changepoints are.

        Parameters
        ----------
        u : FloatArray, shape (n, d)
            Standardised channels without missing values.
        fast : FloatArray, shape (n, d)
            Their fast means.
        scale : ShiftScale
            Variances and bounds.

        Returns
        -------
        flags : BoolArray, shape (n,)
            True at a changepoint.
        excess : FloatArray, shape (n, d)
            At changepoints, the squared departure of each channel as a share of its bound; 0 elsewhere.
        """
        n = u.shape[0]
        flags = np.zeros(n, dtype=np.bool_)
        excess = np.zeros(u.shape)
        begin = 0
        while begin < n:
            limits = [n]
            if self._count < self._memory:
                limits.append(begin + self._memory - self._count)
            limits += [
                begin + mark - self._since for mark in (self._settle, self._span) if self._since < mark
            ]
            begin = self._stretch(slice(begin, min(limits)), u, fast, scale, flags, excess)
        return flags, excess

    def _stretch(
        self,
        rows: slice,
        u: FloatArray,
        fast: FloatArray,
        scale: ShiftScale,
        flags: BoolArray,
        excess: FloatArray,
    ) -> int:
        """Advance to the next changepoint or the end of `rows`; return the row after it."""
        # Channels as rows: vectorised passes then run along memory.
        u, fast = u[rows].T, fast[rows].T
        n = u.shape[1]
        slow = exponential_means(u, 2.0 / (self._span + 1.0), self._slow)[:, 1:]
        means, totals, counts = self._segment_means(u)
        before = np.concatenate((self._mean[:, None], means[:, :-1]), axis=1)
        events = np.append(self._count, counts[:-1])
        slow_variance, fast_variance = scale.slow_variance[:, None], scale.fast_variance[:, None]
        extra = slow_variance * (self._span / events)
        largest = (slow - before) ** 2
        largest /= (slow_variance + extra) * scale.slow_bound[:, None]
        fast_excess = (fast - before) ** 2
        fast_excess /= (fast_variance + extra) * scale.fast_bound[:, None]
        np.maximum(largest, fast_excess, out=largest)
        ready = self._since >= self._span
        seen = ready and bool(largest.max() >= 1.0)
        last = int(np.argmax((largest >= 1.0).any(axis=0))) if seen else n - 1
        row = int(rows.start) + last
        self._slow, self._mean = slow[:, last].copy(), means[:, last].copy()
        self._total, self._count = totals[:, last].copy(), int(counts[min(last, len(counts) - 1)])
        if seen:
            flags[row], excess[row] = True, largest[:, last]
            self._since = 0
        elif self._since < self._span:
            self._since += n
            if self._since == self._settle:
                self._begin_segment(fast[:, last])
        return row + 1

    def _segment_means(self, u: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return means, totals and counts after each row; one count for all where the memory is full."""
        if self._count >= self._memory:
            means = exponential_means(u, 1.0 / (self._memory + 1.0), self._mean)[:, 1:]
            return means, means, np.array([self._count])
        # The running total is the first summand, so that the sum is the same however the batch was cut.
        totals = np.cumsum(np.concatenate((self._total[:, None], u), axis=1), axis=1)[:, 1:]
        counts = self._count + np.arange(1, u.shape[1] + 1)
        return totals / counts, totals, counts

    def _begin_segment(self, level: FloatArray) -> None:
        self._slow, self._mean = level.copy(), level.copy()
        self._count = min(self._span, self._memory)
        self._total = level * self._count

    def shift(self, by: FloatArray) -> None:
        """Follow a move of the origin of the standardised channels by `by`."""
        self._slow, self._mean = self._slow - by, self._mean - by
        self._total = self._total - by * self._count

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`."""
        return {
            "span": self._span,
            "settle": self._settle,
            "memory": self._memory,
            "slow": self._slow,
            "mean": self._mean,
            "total": self._total,
            "count": self._count,
            "since": self._since,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "MeanShiftDetector":
        """Take back what `state` gave."""
        start = np.array(state["mean"], dtype=np.float64)
        detector = cls(int(state["span"]), int(state["settle"]), int(state["memory"]), start)
        detector._slow = np.array(state["slow"], dtype=np.float64)
        detector._total = np.array(state["total"], dtype=np.float64)
        detector._count, detector._since = int(state["count"]), int(state["since"])
        return detector
