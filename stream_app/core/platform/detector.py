"""The detector of a data platform: all series of all nodes, judged together window by window, without labels."""

from collections.abc import Sequence
from math import log, nan
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.aggregates import FIRST, Aggregates
from stream_app.core.platform.baseline import Baselines
from stream_app.core.platform.components import Components
from stream_app.core.platform.evidence import LONG, Evidence, Sum
from stream_app.core.platform.forecast import WATCHED
from stream_app.core.platform.series import Series, WindowResult
from stream_app.core.platform.stored import expect, stored_count
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError

__all__ = ["DAY", "WEEK", "PlatformDetector"]

DAY, WEEK = 86_400.0, 604_800.0
LEAST_WARMUP = 4 * WATCHED
"""Windows that a detector needs to learn scales, statistics of statistics, and heights of excursions one after the other."""
SETTLE = 1800.0
"""Seconds after a new level was adopted in which no incident begins."""
KINDS = 6
"""Kinds of evidence: of series, of what the components leave of them, of nodes, groups and metrics, of the whole, of absent nodes, of all."""
LOOKS = (*((kind, 1.0) for kind in range(KINDS)), (0, LONG), (1, LONG))
_VERSION = 1


class PlatformDetector:
    """Tell when a platform of many series gets worse, within a budget of false alarms.

    For each window:

    1. Each series is held against its own past and seasons: `Baselines`.
    2. What the components of all series leave of each is judged like a series: `Components`.
    3. So are statistics of nodes, groups and the whole: `Aggregates`.
    4. The rarest of these, less the logarithm of how many of its kind were looked at, is the evidence of the window; its
       cumulative sum begins and ends incidents: `Evidence`.

    While an incident is open nothing is learned. One that lasts `adopt` seconds ends, and where the platform is then is usual from then on.
    Cost: about 0.3 ms and 2.3 µs a series and window.

    Parameters
    ----------
    window : float
        Seconds of a window.
    budget_per_second : float
        False alarms that are allowed, such as ``1 / 604_800`` for one a week.
    warmup : int, optional
        Windows that are learned from before an incident can begin; by default a day's, and 192 at least.
    periods : tuple of float
        Seconds of the seasons, shortest first, two at most.
    adopt : float
        Seconds after which a lasting new level is the usual one.
    timezone : str
        IANA name of the zone by whose clock seasons go.

    Raises
    ------
    SettingsError
        If a parameter is impossible.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> series = [Series(f"worker-{i % 4}", f"metric_{i // 4}", "cpu") for i in range(20)]
    >>> detector = PlatformDetector(window=60.0, budget_per_second=1 / 604_800, warmup=600)
    >>> for t in range(900):
    ...     values = rng.normal(size=20)
    ...     if t >= 800:
    ...         values[:5] += 6.0
    ...     result = detector.update(60.0 * (t + 1), series, values)
    ...     if result.began:
    ...         print(t, result.onset / 60.0)
    802 800.0
    """

    def __init__(
        self,
        *,
        window: float,
        budget_per_second: float,
        warmup: int | None = None,
        periods: tuple[float, ...] = (DAY, WEEK),
        adopt: float = 4 * 3600.0,
        timezone: str = "UTC",
    ) -> None:
        if not 0.0 < window < DAY or not 0.0 < budget_per_second < float("inf"):
            raise SettingsError(
                f"the window is {window!r} s and the budget {budget_per_second!r} a second; expected numbers above 0"
            )
        if len(periods) > 2 or list(periods) != sorted(periods) or not all(2 * window <= p for p in periods):
            raise SettingsError(
                f"the periods are {periods!r}; expected two at most, ascending, of two windows at least"
            )
        self.window = window
        self.timezone = timezone
        self.warmup = max(LEAST_WARMUP, round(DAY / window)) if warmup is None else warmup
        self.windows = 0
        self.evidence = Evidence(
            [Sum(budget_per_second * window / len(LOOKS), kind, memory) for kind, memory in LOOKS],
            adopt=max(2, round(adopt / window)),
            settle=max(5, round(SETTLE / window)),
        )
        self.baselines = Baselines(window, periods, timezone=timezone)
        self.components = Components(window)
        self.left = Baselines(window, periods[:1], timezone=timezone)
        self.aggregates = Aggregates()
        self.together = Baselines(window, periods[:1], smooth=1.0, least=0.1, timezone=timezone)
        self.together.grow(len(self.aggregates))
        self._series: tuple[Series, ...] | None = None

    def __len__(self) -> int:
        """Return how many series there are."""
        return len(self.baselines)

    def forget(self, slots: Sequence[int]) -> None:
        """Let series begin anew: others may stand in their places from the next window on."""
        for part in (self.baselines, self.left, self.components):
            part.forget(list(slots))

    def _index(self, series: Sequence[Series]) -> None:
        known = tuple(series)
        if known == self._series:
            return
        if len(known) < len(self.baselines):
            raise DataError(
                f"a window has {len(known)} series, the one before had {len(self.baselines)}; series may only be added"
            )
        for part in (self.baselines, self.left, self.components):
            part.grow(len(known))
        worse = [0 if s.higher_is_worse is None else 1 if s.higher_is_worse else -1 for s in known]
        self.baselines.worse[:] = self.left.worse[:] = worse
        freed = self.aggregates.index(known)
        self.together.grow(len(self.aggregates))
        self.together.forget(freed)
        self.together.worse[:] = 1
        self._series = known

    def update(self, end: float, series: Sequence[Series], values: FloatArray) -> WindowResult:
        """Go on by a window.

        Parameters
        ----------
        end : float
            Its end, epoch seconds; later than that of the window before.
        series : sequence of Series
            The series: those of the window before in the same order, and new ones behind them.
        values : ndarray of shape (n,)
            Their values, NaN where there is none.

        Returns
        -------
        WindowResult

        Raises
        ------
        DataError
            If values and series are not as many, or series have gone.
        """
        if len(series) != len(values):
            raise DataError(f"a window has {len(series)} series and {len(values)} values")
        self._index(series)
        self.windows += 1
        learns = not self.evidence.open
        own = self.baselines.update(end, values, learns=learns)
        left = self.left.update(end, self.components.residuals(own["standard"]), learns=learns)
        statistics = self.aggregates.update(
            own["score"],
            left["score"],
            self.baselines.worse,
            self.baselines.records["present"],
            np.isfinite(values),
        )
        together = self.together.update(end, statistics, learns=learns)
        if learns:
            self.components.add(end, own["standard"])
        nats = [
            _most(own["nats"], own["score"]),
            _most(left["nats"], left["score"]),
            _most(together["nats"][FIRST:], together["score"][FIRST:]),
            _most(together["nats"][: FIRST - 1], together["score"][: FIRST - 1]),
            float(together["nats"][FIRST - 1]),
        ]
        # A fault that none of them would tell by itself.
        nats.append(sum(nats[:-1]))
        return self._result(end, nats, own)

    def _result(self, end: float, nats: list[float], own: dict[str, FloatArray]) -> WindowResult:
        evidence = self.evidence
        what = "quiet"
        # In the first half of the warm-up scales and ranks are too young for what is usual of evidence to be learned.
        if self.windows > self.warmup // 2:
            what = evidence.add(end - self.window, nats, alarms=self.windows > self.warmup)
        parts = (self.baselines, self.left, self.together)
        if what == "began":
            for lag in (*(part.lag for part in parts), self.components.lag):
                lag.drop(evidence.onset)
        elif what == "adopted":
            for one in parts:
                one.adopt()
        known = evidence.open or what in ("ended", "adopted")
        return WindowResult(
            end=end,
            score=evidence.score,
            threshold=1.0,
            deviations=own["score"],
            usual_low=own["low"],
            usual_high=own["high"],
            began=what == "began",
            open=evidence.open,
            ended=what in ("ended", "adopted"),
            onset=evidence.onset if known else nan,
        )

    def state(self) -> dict[str, Any]:
        """Return all that is known, as plain numbers and arrays."""
        return {
            "version": _VERSION,
            "window": self.window,
            "warmup": self.warmup,
            "windows": self.windows,
            "evidence": self.evidence.state(),
            "baselines": self.baselines.state(),
            "components": self.components.state(),
            "left": self.left.state(),
            "aggregates": self.aggregates.state(),
            "together": self.together.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; budget and warm-up are those of this detector.

        Raises
        ------
        StateError
            If another version wrote it, it is damaged, or of other windows or periods.
        """
        expect_version(state, _VERSION, "the platform detector")
        stored_count(state["warmup"], "windows")
        self.windows = stored_count(state["windows"], "windows")
        evidence = Evidence.from_state(state["evidence"])
        expect(tuple((one.kind, one.memory) for one in evidence.sums) == LOOKS, "evidence")
        evidence.spend(self.evidence.sums[0].rate)
        self.evidence = evidence
        periods = self.baselines.periods
        self.baselines = Baselines.from_state(state["baselines"], self.timezone)
        self.components = Components.from_state(state["components"])
        self.left = Baselines.from_state(state["left"], self.timezone)
        self.aggregates.restore(state["aggregates"])
        self.together = Baselines.from_state(state["together"], self.timezone)
        self._series = None
        parts = (self.baselines, self.left, self.together)
        lags = (self.components.lag, *(part.lag for part in parts))
        stated = {part.window for part in parts} | {lag.window for lag in lags} | {state["window"]}
        expect(stated == {self.window}, "windows")
        expect(all(np.array_equal(part.periods, periods[: len(part.periods)]) for part in parts), "periods")
        expect(
            tuple(len(part.periods) for part in parts) == (len(periods), len(periods[:1]), len(periods[:1])),
            "periods",
        )
        n = len(self.baselines)
        expect(len(self.left) == n == len(self.components), "baselines")
        expect(len(self.together) == len(self.aggregates), "aggregates")


def _most(nats: FloatArray, scores: FloatArray) -> float:
    """Return the largest evidence, less what as many looks give by chance."""
    known = int(np.isfinite(scores).sum())
    return float(nats.max()) - log(known) if known else 0.0
