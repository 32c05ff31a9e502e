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
        "_times",
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
        self.silence = math.inf if options.silence is None else float(options.silence)
        self.burst = 0.0
        self.silent = False
        self.bursting = False
        # Running maxima of event time: while learning all of them, later the last `burst_window`.
        self._times: FloatArray = np.empty(0)

    @property
    def _learning(self) -> bool:
        return self.events < self.options.learn

    def update(self, ts: FloatArray) -> list[RateChange]:
        """Take event times in order of arrival."""
        found: list[RateChange] = []
        start = 0
        while start < len(ts):
            stop = min(len(ts), start + self.options.learn - self.events) if self._learning else len(ts)
            found += self._segment(ts[start:stop], start)
            start = stop
        return found

    def _segment(self, ts: FloatArray, offset: int) -> list[RateChange]:
        if math.isnan(self.newest):
            self.first = self.newest = float(ts[0])
        top = np.empty(len(ts) + 1)
        top[0], top[1:] = self.newest, ts
        top = np.maximum.accumulate(top)
        gaps = top[1:] - top[:-1]
        longest = float(np.maximum.reduce(gaps))
        found = self._silences(top, gaps, offset) if self.silent or longest > self.silence else []
        self.longest = max(self.longest, longest)
        self.newest = float(top[-1])
        times = np.concatenate([self._times, top[1:]])
        found += self._bursts(times, offset)
        self.events += len(ts)
        if self.events == self.options.learn:
            self._fit(times)
        self._times = times if self._learning else times[-self.options.burst_window :].copy()
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

    def _bursts(self, times: FloatArray, offset: int) -> list[RateChange]:
        # While learning no burst is known; later the times are a window of old ones and the new ones.
        if self.burst <= 0.0:
            return []
        window = self.options.burst_window
        spans = times[window:] - times[:-window]
        if not self.bursting and np.minimum.reduce(spans) >= self.burst:
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
            at = float(times[window + i])
            found.append(RateChange(offset + i, at, "burst", self.bursting, rate, window / self.burst))
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
        return {
            "events": self.events,
            "first": self.first,
            "newest": self.newest,
            "longest": self.longest,
            "silence": self.silence,
            "burst": self.burst,
            "silent": self.silent,
            "bursting": self.bursting,
            "times": self._times,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self.events = int(state["events"])
        self.first, self.newest = float(state["first"]), float(state["newest"])
        self.longest = float(state["longest"])
        self.silence, self.burst = float(state["silence"]), float(state["burst"])
        self.silent, self.bursting = bool(state["silent"]), bool(state["bursting"])
        self._times = np.array(state["times"], dtype=np.float64)
        kept = self.events if self._learning else self.options.burst_window
        if self._times.shape != (kept,):
            raise ValueError(f"event times of shape {self._times.shape} instead of {kept} times")
