"""Baselines of many series: what is usual for each at this time of its seasons, and how unusual its value is; see `forecast`."""

import math
from typing import Any

import numpy as np

from stream_app.core.anomaly.calendar import zone_table
from stream_app.core.arrays import FloatArray
from stream_app.core.platform.forecast import (
    DAY,
    MOST_PERIODS,
    PHASE,
    PHASES,
    RANK_DAYS,
    SCORES,
    SERIES,
    adopt_levels,
    count_ranks,
    is_sound,
    step,
)
from stream_app.core.platform.lag import Lag
from stream_app.core.platform.ranks import BINS
from stream_app.core.platform.stored import expect, sparse, stored_array, stored_number, stored_sparse
from stream_app.errors import DataError

__all__ = ["Baselines"]


class Baselines:
    """Baselines of series that grow in number.

    Parameters
    ----------
    window : float
        Seconds of a window.
    periods : tuple of float
        Seconds of the seasons, shortest first, two at most; none for statistics of others.
    smooth : float
        Windows of the mean that the slow forecast is held against.
    least : float
        What is added to each scale, for statistics whose scale is known beforehand; else a value that never varied has none.
    timezone : str
        IANA name of the zone by whose clock seasons go.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> baselines = Baselines(60.0)
    >>> baselines.grow(2)
    >>> for t in range(500):
    ...     scores = baselines.update(60.0 * t, rng.normal(size=2))
    >>> scores = baselines.update(30_000.0, np.array([0.0, 9.0]))
    >>> scores["score"].round().tolist()
    [-0.0, 4.0]
    """

    def __init__(
        self,
        window: float,
        periods: tuple[float, ...] = (),
        smooth: float = 6.0,
        least: float = 0.0,
        timezone: str = "UTC",
    ) -> None:
        self.window = window
        self.smooth = smooth
        self.least = least
        self.periods = np.array(periods, np.float64)
        self._zone = zone_table(timezone)
        self.lag = Lag(window)
        self._make(0)

    def _make(self, n: int) -> None:
        seasons = len(self.periods)
        self.records = np.zeros(n, SERIES)
        self.profiles = np.zeros((n, seasons, PHASES), np.float32)
        self.visits = np.zeros((n, seasons, PHASES), np.float32)
        self.histograms = np.zeros((n, 2, BINS), np.float32)
        self.worse = np.zeros(n, np.int8)

    def __len__(self) -> int:
        return len(self.records)

    def grow(self, n: int) -> None:
        """Add series at the end until there are `n`."""
        old = (self.records, self.profiles, self.visits, self.histograms, self.worse)
        had = len(self)
        self._make(n)
        new: tuple[Any, ...] = (self.records, self.profiles, self.visits, self.histograms, self.worse)
        for into, array in zip(new, old, strict=True):
            into[:had] = array
        self.lag.grow(n - had, fill=-1)

    def forget(self, slots: Any) -> None:
        """Let series begin anew."""
        for name in ("records", "profiles", "visits", "histograms"):
            array = getattr(self, name)
            array[slots] = np.zeros((), array.dtype)
        self.lag.forget(slots, fill=-1)

    def update(self, end: float, values: FloatArray, *, learns: bool = True) -> dict[str, FloatArray]:
        """Judge a window, and learn from it.

        Parameters
        ----------
        end : float
            Its end, epoch seconds.
        values : ndarray of shape (n,)
            NaN where there is none.
        learns : bool
            Whether to learn: not while an incident is open.

        Returns
        -------
        dict of str to ndarray of shape (n,)
            ``score``, signed normal scores; ``nats``, evidence of being worse; ``standard``, values beside their level, with the seasons, in scales;
            ``low`` and ``high``, where 99 % of values are. NaN (0 nats) of what is missing or too young.
        """
        n = len(self)
        if len(values) != n:
            raise DataError(f"a window has {len(values)} values of {n} series")
        scores = np.empty(n, SCORES)
        bins = np.empty((n, 2), np.int8)
        step(
            values, end, self.window, self.smooth, self.least, self.worse, self.periods, self._phases(end), learns,
            self.records, self.profiles, self.visits, self.histograms, bins, scores,
        )  # fmt: skip
        if learns:
            for old in self.lag.put(end, bins):
                count_ranks(
                    old, RANK_DAYS * DAY / self.window / self.lag.every, self.records, self.histograms
                )
        return {name: np.ascontiguousarray(scores[name]) for name in SCORES.fields or ()}

    def _phases(self, end: float) -> Any:
        phases = np.zeros(len(self.periods), PHASE)
        middle = end - 0.5 * self.window
        middle += self._zone[max(int(np.searchsorted(self._zone[:, 0], middle, side="right")) - 1, 0), 1]
        for k, period in enumerate(self.periods):
            place = middle % period / period * PHASES - 0.5
            before = math.floor(place)
            phases[k] = before % PHASES, (before + 1) % PHASES, place - before
        return phases

    def adopt(self) -> None:
        """Make where the series are now what is usual."""
        adopt_levels(self.records, self.histograms)

    def state(self) -> dict[str, Any]:
        """Return all that is known, as arrays."""
        return {
            "window": self.window,
            "smooth": self.smooth,
            "least": self.least,
            "periods": self.periods.tolist(),
            "records": self.records.view(np.uint8).reshape(len(self), self.records.dtype.itemsize).copy(),
            "profiles": sparse(self.profiles),
            "visits": self._visits(),
            "histograms": sparse(self.histograms),
            "worse": self.worse.copy(),
            "lag": self.lag.state(),
        }

    def _visits(self) -> dict[str, Any]:
        """Return the visits of the oldest series, which most have, and of those that have others."""
        common = self.visits[np.argmax(self.records["age"])] if len(self) else self.visits.sum(axis=0)
        others = np.flatnonzero((self.visits != common).any(axis=(1, 2)))
        return {"common": common.copy(), "others": others.astype(np.int32), "own": self.visits[others]}

    @classmethod
    def from_state(cls, state: dict[str, Any], timezone: str = "UTC") -> "Baselines":
        """Make baselines that go on where `state` was taken."""
        periods = tuple(stored_number(period, "periods", low=1e-3) for period in state["periods"])
        expect(len(periods) <= MOST_PERIODS, "periods")
        restored = cls(
            stored_number(state["window"], "windows", low=1e-3),
            periods,
            stored_number(state["smooth"], "windows", low=1.0),
            stored_number(state["least"], "windows", low=0.0),
            timezone,
        )
        raw = stored_array(state["records"], (None, SERIES.itemsize), "baselines", dtype=np.uint8)
        restored.records = raw.view(SERIES).reshape(-1)
        n, seasons = len(raw), (len(raw), len(periods), PHASES)
        restored.profiles = stored_sparse(state["profiles"], seasons, "seasons", dtype=np.float32)
        visits, what = state["visits"], "seasons"
        others = stored_array(visits["others"], (None,), what, dtype=np.int32, low=0, high=n - 1)
        common = stored_array(visits["common"], seasons[1:], what, dtype=np.float32, low=0.0)
        restored.visits = np.tile(common, (n, 1, 1))
        restored.visits[others] = stored_array(
            visits["own"], (len(others), *seasons[1:]), what, dtype=np.float32, low=0.0
        )
        restored.histograms = stored_sparse(
            state["histograms"], (n, 2, BINS), "ranks", dtype=np.float32, low=0.0
        )
        restored.worse = stored_array(state["worse"], (n,), "baselines", dtype=np.int8, low=-1, high=1)
        restored.lag = Lag.from_state(state["lag"], low=-1, high=BINS - 1)
        restored.lag.check(n, 2)
        expect(is_sound(restored.records, len(periods)), "baselines")
        return restored
