"""The rate at which a source's events come: silence and bursts, in event time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.quality.options import QualityOptions

__all__ = ["Arrivals", "RateChange"]

_SILENCE_MEDIANS = 20.0
_SILENCE_LONGEST = 3.0


@dataclass(frozen=True, slots=True)
class RateChange:
    """Begin or end of a silence or a burst; ``row`` is -1 when no event but the passing of time shows it."""

    row: int
    ts: float
    name: str
    begins: bool
    statistic: float
    threshold: float


class Arrivals:
    """Watch the gaps between the events of one source.

    Gaps are taken between successive maxima of event time, so a row out of order neither makes nor ends one.
    From the first ``learn`` events: silence is a gap above 20 medians and 3 times the longest gap; a burst is
    ``burst_window`` events within less than ``1 / burst_factor`` of their mean time and less than half the
    shortest time they took.

    Parameters
    ----------
    options : QualityOptions
        ``learn``, ``silence``, ``burst_window``, ``burst_factor``.

    Examples
    --------
    >>> arrivals = Arrivals(QualityOptions(silence=5.0))
    >>> _ = arrivals.update(np.arange(10.0))
    >>> [(change.name, change.begins, change.ts) for change in arrivals.update(np.array([30.0]))]
    [('silence', True, 14.0), ('silence', False, 30.0)]
    """

    __slots__ = (
        "_recent",
        "_sample",
        "burst",
        "bursting",
        "events",
        "first",
        "longest",
        "newest",
        "options",
        "silence",
        "silent",
    )

    def __init__(self, options: QualityOptions) -> None:
        self.options = options
        self.events = 0
        self.first = math.nan
        self.newest = math.nan
        self.longest = 0.0
        self.silence = options.silence if options.silence is not None else math.inf
        self.burst = 0.0
        self.silent = False
        self.bursting = False
        # Running maxima of event time: while learning all of them, later the last `burst_window`.
        self._sample: FloatArray | None = np.empty(0)
        self._recent: FloatArray = np.empty(0)

    def update(self, ts: FloatArray) -> list[RateChange]:
        """Take event times in order of arrival."""
        found: list[RateChange] = []
        start = 0
        while start < len(ts):
            stop = (
                len(ts)
                if self._sample is None
                else min(len(ts), start + self.options.learn - len(self._sample))
            )
            found += self._segment(ts[start:stop], start)
            start = stop
        return found

    def _segment(self, ts: FloatArray, offset: int) -> list[RateChange]:
        fresh = math.isnan(self.newest)
        if fresh:
            self.first = float(ts[0])
        head = ts[0] if fresh else self.newest
        top = np.maximum.accumulate(np.concatenate([[head], ts]))
        gaps = top[1:] - top[:-1]
        self.events += len(ts)
        self.longest = max(self.longest, float(gaps.max()))
        found = self._silences(top, gaps, offset) + self._bursts(top[1:], offset)
        self.newest = float(top[-1])
        if self._sample is not None:
            self._sample = np.concatenate([self._sample, top[1:]])
            if len(self._sample) == self.options.learn:
                self._fit(self._sample)
                self._sample = None
        return found

    def _silences(self, top: FloatArray, gaps: FloatArray, offset: int) -> list[RateChange]:
        found: list[RateChange] = []
        start = 0
        if self.silent:
            ends = np.flatnonzero(gaps > 0)
            if len(ends) == 0:
                return []
            start = int(ends[0]) + 1
            found.append(
                self._silence(offset + start - 1, float(top[start]), float(gaps[start - 1]), begins=False)
            )
            self.silent = False
        for i in (np.flatnonzero(gaps[start:] > self.silence) + start).tolist():
            gap = float(gaps[i])
            found.append(self._silence(offset + i, float(top[i]) + self.silence, gap, begins=True))
            found.append(self._silence(offset + i, float(top[i + 1]), gap, begins=False))
        return found

    def _silence(self, row: int, ts: float, gap: float, *, begins: bool) -> RateChange:
        return RateChange(row, ts, "silence", begins, gap, self.silence)

    def _bursts(self, top: FloatArray, offset: int) -> list[RateChange]:
        window = self.options.burst_window
        known = np.concatenate([self._recent, top])
        self._recent = known[-window:].copy()
        if self.burst <= 0.0 or len(known) <= window:
            return []
        spans = known[window:] - known[:-window]
        first = len(top) - len(spans)
        if not self.bursting and spans.min() >= self.burst:
            return []
        found: list[RateChange] = []
        i = 0
        while i < len(spans):
            hits = np.flatnonzero(spans[i:] > 2.0 * self.burst if self.bursting else spans[i:] < self.burst)
            if len(hits) == 0:
                break
            i += int(hits[0])
            self.bursting = not self.bursting
            # As rates in events a second, larger is worse, as everywhere; the span of equal times counts as 1 µs.
            rate = window / max(float(spans[i]), 1e-6)
            at = first + i
            found.append(
                RateChange(offset + at, float(top[at]), "burst", self.bursting, rate, window / self.burst)
            )
            i += 1
        return found

    def _fit(self, sample: FloatArray) -> None:
        gaps = np.diff(sample)
        positive = gaps[gaps > 0]
        if len(positive) == 0:
            return
        if self.options.silence is None:
            self.silence = max(
                _SILENCE_MEDIANS * float(np.median(positive)), _SILENCE_LONGEST * float(positive.max())
            )
        window = self.options.burst_window
        usual = (sample[-1] - sample[0]) / len(gaps) * window
        shortest = float((sample[window:] - sample[:-window]).min())
        self.burst = min(float(usual) / self.options.burst_factor, shortest / 2.0)

    def advance(self, ts: float) -> list[RateChange]:
        """Say that event time has come to ``ts`` without an event of this source: a silence may begin."""
        if self.silent or math.isnan(self.newest) or not ts - self.newest > self.silence:
            return []
        self.silent = True
        return [self._silence(-1, self.newest + self.silence, ts - self.newest, begins=True)]

    def state(self) -> dict[str, Any]:
        """Give the state as plain data."""
        plain = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("options", "_sample", "_recent")
        }
        return plain | {"sample": self._sample, "recent": self._recent}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        for name in self.__slots__:
            if name not in ("options", "_sample", "_recent"):
                setattr(self, name, type(getattr(self, name))(state[name]))
        self._sample = None if state["sample"] is None else np.array(state["sample"], dtype=np.float64)
        self._recent = np.array(state["recent"], dtype=np.float64)
