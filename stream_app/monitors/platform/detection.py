"""Detection on one platform: its windows are judged, and of an incident the causes are ranked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.budget import Budget
from stream_app.core.platform import Cause, Change, Series, WindowResult
from stream_app.core.platform.causes import rank_causes, top_causes
from stream_app.core.platform.detector import PlatformDetector
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.recent import RecentWindows
from stream_app.core.platform.stored import expect, stored_array, stored_count, stored_number
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.core.versions import expect_version
from stream_app.errors import OldStateError
from stream_app.events.alert import AlertCause
from stream_app.monitors.platform.wording import Wording
from stream_app.monitors.restore_errors import START_ANEW
from stream_app.settings.platform import PlatformStream

__all__ = ["PLATFORM_DETECTOR", "Detection", "Finding"]

PLATFORM_DETECTOR = "platform"
"""Name of the detector in alerts."""

_VERSION = 1
_TIMELINE = 1440
_MOST_CAUSES = 12
_BLAMED = 8


class Finding(NamedTuple):
    """What is said of an incident at a window.

    Parameters
    ----------
    summary : str
        One line.
    causes : tuple of AlertCause
        Most to blame first.
    explanation : str
        A paragraph.
    """

    summary: str = ""
    causes: tuple[AlertCause, ...] = ()
    explanation: str = ""


class Detection:
    """Detector, newest windows and causes of one platform.

    Parameters
    ----------
    config : PlatformStream
        Settings of the stream.
    graph : CallGraph, optional
        Who calls whom; by default what `depends_on` of the settings says, or metrics of OpenTelemetry.
    """

    def __init__(self, config: PlatformStream, graph: CallGraph | None = None) -> None:
        self._config = config
        told = CallGraph.from_depends_on(config.depends_on) if config.depends_on else None
        self._graph = graph or told
        self.detector = PlatformDetector(
            window=config.window,
            budget_per_second=_rate(config),
            warmup=config.warmup,
            periods=tuple(sorted(config.periods)),
            timezone=config.timezone,
        )
        self.recent = RecentWindows()
        self.windows = 0
        self.open_since: float | None = None
        """End of the window with which the open incident began."""
        self.timeline = np.zeros((0, 4))
        """Of the newest windows: end, score, threshold, and whether an incident was open."""
        self.finding = Finding()
        """What was said last of the incident that is or was open."""
        self._since = 0
        self._usual = np.zeros((2, 0))

    @property
    def usual(self) -> FloatArray:
        """Between which values each series usually was in the newest window, shape (2, n)."""
        return self._usual

    def update(
        self,
        end: float,
        series: Sequence[Series],
        values: FloatArray,
        *,
        changes: Sequence[Change],
        wording: Wording,
        calls: Iterable[tuple[str, str]] = (),
        forgotten: Sequence[int] = (),
    ) -> tuple[WindowResult, Signal | None]:
        """Take a window, and return what the detector says and what is to be told.

        Parameters
        ----------
        end : float
            Its end, epoch seconds.
        series : sequence of Series
            All series.
        values : array, shape (n,)
            Their values; NaN where there is none.
        changes : sequence of Change
            Deployments and the like.
        wording : Wording
            Names classes of queries to people.
        calls : iterable of (str, str)
            Callers and callees that metrics tell.
        forgotten : sequence of int
            Series that others may take the places of from the next window on.
        """
        result = self.detector.update(end, series, values)
        self.windows += 1
        if result.began:
            self.open_since, self._since = end, self.windows
        open_or_ended = result.open or result.ended
        self.recent.add(end, values, result.deviations, result.onset if open_or_ended else None)
        self._usual = np.stack([result.usual_low, result.usual_high])
        row = [[end, result.score, result.threshold, float(result.open)]]
        self.timeline = np.concatenate([self.timeline[1 - _TIMELINE :], row])
        graph = self._graph or (CallGraph.from_edges(calls) if calls else None)
        signal = self._signal(result, series, changes, wording, graph)
        if result.ended:
            self.open_since = None
        if forgotten:
            self.detector.forget(list(forgotten))
            self.recent.forget(forgotten)
        return result, signal

    def _signal(
        self,
        result: WindowResult,
        series: Sequence[Series],
        changes: Sequence[Change],
        wording: Wording,
        graph: CallGraph | None,
    ) -> Signal | None:
        """Say that an incident begins, goes on or ends; of one that goes on after 1, 2, 4, 8 windows and so on."""
        lasted = self.windows - self._since
        again = result.open and lasted > 0 and lasted & (lasted - 1) == 0
        if not (result.began or result.ended or again) or self.open_since is None:
            return None
        episode = self.recent.episode(result, series)
        causes = top_causes(rank_causes(episode, graph, changes))[:_MOST_CAUSES]
        first = next((cause for cause in causes if cause.metric), None)
        if causes:
            self.finding = Finding(
                wording.summary(causes),
                tuple(_alert_cause(cause, wording) for cause in causes),
                wording.explanation(causes, episode, graph),
            )
        elif result.began:
            self.finding = Finding("the platform behaves unusually as a whole")
        return Signal(
            row=0,
            ts=result.end,
            kind="anomaly",
            detector=PLATFORM_DETECTOR,
            channel=WHOLE_SOURCE,
            statistic=float(result.score),
            threshold=float(result.threshold),
            ended=result.ended,
            contributions=_contributions(causes, wording),
            context=_context(result, first, series),
        )

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "version": _VERSION,
            "detector": self.detector.state() if self.windows else None,
            "recent": self.recent.state(),
            "windows": self.windows,
            "open_since": self.open_since,
            "since": self._since,
            "timeline": self.timeline,
            "usual": self._usual,
            "summary": self.finding.summary,
            "causes": [cause.model_dump() for cause in self.finding.causes],
            "explanation": self.finding.explanation,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        OldStateError
            If its windows or periods are other ones than those of the settings: what was learned is of these.
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the detection")
        if state["detector"] is not None:
            self._expect_same(state["detector"])
            self.detector.restore(state["detector"])
        self.recent.restore(state["recent"])
        self.windows = stored_count(state["windows"], "windows")
        since = state["open_since"]
        self.open_since = None if since is None else stored_number(since, "incidents")
        self._since = stored_count(state["since"], "incidents", most=self.windows)
        self.timeline = stored_array(state["timeline"], (None, 4), "windows")
        self._usual = stored_array(state["usual"], (2, None), "bands", unknown=True)
        expect((state["detector"] is None) == (self.windows == 0), "windows")
        expect((len(self.recent) > 0) == (len(self.timeline) > 0) == (self.windows > 0), "windows")
        expect(self.recent.width == self._usual.shape[1] == len(self.detector), "windows")
        self.finding = Finding(
            str(state["summary"]),
            tuple(AlertCause.model_validate(cause) for cause in state["causes"]),
            str(state["explanation"]),
        )

    def _expect_same(self, state: Mapping[str, Any]) -> None:
        """Raise where windows or periods of a stored detector are other ones."""
        had = stored_number(state["window"], "windows"), *map(float, state["baselines"]["periods"])
        window, *periods = asked = self._config.window, *sorted(self._config.periods)
        if had != asked:
            raise OldStateError(
                f"learned from windows of {had[0]:g} s, with periods of {_seconds(had[1:])}; the settings say window "
                f"{window:g} s, periods {_seconds(periods)}; {START_ANEW}"
            )


def _seconds(periods: Sequence[float]) -> str:
    return " and ".join(f"{period:g} s" for period in periods)


def _rate(config: PlatformStream) -> float:
    """Return the false alarms that are allowed per second and platform."""
    budget = Budget.parse(config.budget)
    return budget.allowed(events=1.0 / config.window, seconds=1.0) / (config.expected_sources or 1)


def _contributions(causes: Sequence[Cause], wording: Wording) -> tuple[tuple[str, float], ...]:
    shares: dict[str, float] = {}
    for cause in causes[:_BLAMED]:
        name = wording.name(cause)
        shares[name] = max(shares.get(name, 0.0), cause.share)
    total = sum(shares.values())
    if not total > 0.0:
        return ()
    return tuple((name, share / total) for name, share in sorted(shares.items(), key=lambda one: -one[1]))


def _context(
    result: WindowResult, first: Cause | None, series: Sequence[Series]
) -> tuple[tuple[str, float], ...]:
    """Return the figures of the first cause that has some."""
    figures = {"onset": result.onset}
    if first is not None:
        figures |= {"mean_before": first.before, "mean_after": first.now}
        slot = next((i for i, one in enumerate(series) if _is_of(one, first)), None)
        if slot is not None and slot < len(result.usual_low):
            figures |= {"usual_low": result.usual_low[slot], "usual_high": result.usual_high[slot]}
    return tuple((name, float(value)) for name, value in figures.items() if math.isfinite(value))


def _is_of(series: Series, cause: Cause) -> bool:
    return series.metric == cause.metric and (cause.name in (series.group, series.node))


def _alert_cause(cause: Cause, wording: Wording) -> AlertCause:
    before, now = wording.figures(cause)
    return AlertCause(
        kind=cause.kind,
        name=wording.name(cause),
        share=round(cause.share, 4),
        since=max(cause.since, 0.0),
        metric=wording.metric(cause.metric),
        before=before,
        now=now,
    )
