"""The picture of one model: how often it was right or how far off, what that was held against, and what was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from stream_app.backtesting.plot import FOUND, LEARNING, LINE, TRUTH, axis_times, plain, put_title, set_axis
from stream_app.backtesting.trace import gaps
from stream_app.events import Alert, AlertState, RetrainingTrigger
from stream_app.replacing import replacing
from stream_app.settings import PredictionStream

__all__ = ["Timeline", "plot_model"]

_SHOWN = (
    *("accuracy", "accuracy.low", "accuracy.high", "estimated_accuracy", "baseline.accuracy"),
    *("mae", "baseline.mae"),
)
"""Live features that are kept."""

_MANY_ALERTS = 12


@dataclass(slots=True)
class Timeline:
    """Live figures of one model over time, and what was told of it.

    Parameters
    ----------
    ts : list of float
        Event times.
    figures : dict of str to list of float
        The features that are kept at these times; NaN where there is none.
    alerts : list of Alert
        Alerts that began or ended.
    triggers : list of RetrainingTrigger
        Reasons to train again.
    """

    ts: list[float] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _SHOWN})
    alerts: list[Alert] = field(default_factory=list)
    triggers: list[RetrainingTrigger] = field(default_factory=list)

    def look(self, ts: float, features: Mapping[str, float | None]) -> None:
        """Note the features at a time."""
        self.ts.append(ts)
        for name, column in self.figures.items():
            value = features.get(name)
            column.append(float("nan") if value is None else value)


def plot_model(
    name: str,
    timeline: Timeline,
    config: PredictionStream,
    path: Path,
    *,
    told: str = "",
    period: float | None = None,
) -> None:
    """Draw a model and write the picture as PNG.

    Parameters
    ----------
    name : str
        For the title.
    timeline : Timeline
        What to draw.
    config : PredictionStream
        What its performance is held against.
    path : Path
        Where to; ends in ``.png``.
    told : str
        A line under the title, with figures.
    period : float, optional
        Seconds between rows that have no times of their own; the axis then counts rows.
    """
    figure = import_module("matplotlib.figure").Figure(figsize=(12.0, 4.2), layout="constrained")
    axis = figure.subplots()
    draw = _draw_error if config.task == "regression" else _draw_accuracy
    draw(axis, timeline, config, period)
    _draw_told(axis, timeline, period)
    _finish(axis, period, shares=config.task == "classification")
    put_title(axis, name, told)
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=8
        )
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=110)


def _draw_accuracy(axis: Any, timeline: Timeline, config: PredictionStream, period: float | None) -> None:
    if not timeline.ts:
        return
    ts, figures = _with_gaps(timeline, period)
    axis.fill_between(ts, figures["accuracy.low"], figures["accuracy.high"], color=LINE, alpha=0.15, lw=0)
    label = f"accuracy of the last {config.window:,}, with its 95 % interval"
    axis.plot(ts, figures["accuracy"], color=LINE, lw=1.6, label=label)
    if not np.isnan(figures["estimated_accuracy"]).all():
        axis.plot(
            ts, figures["estimated_accuracy"], color=TRUTH, lw=1.3, ls="--", label="estimated without labels"
        )
    expected = figures["baseline.accuracy"]
    if config.baseline_accuracy is not None:
        expected = np.full(len(ts), config.baseline_accuracy)
    if not np.isnan(expected).all():
        axis.plot(ts, expected, color=LEARNING, lw=1.0, label="baseline")
        axis.plot(
            ts,
            expected - config.max_drop,
            color=LEARNING,
            lw=1.0,
            ls=":",
            label=f"baseline less {100 * config.max_drop:g} points",
        )


def _draw_error(axis: Any, timeline: Timeline, config: PredictionStream, period: float | None) -> None:
    if not timeline.ts:
        return
    ts, figures = _with_gaps(timeline, period)
    label = f"mean absolute error of the last {config.window:,}"
    axis.plot(ts, figures["mae"], color=LINE, lw=1.6, label=label)
    expected = figures["baseline.mae"]
    if not np.isnan(expected).all():
        axis.plot(ts, expected, color=LEARNING, lw=1.0, label="baseline")
        limit = expected * (1.0 + config.max_error_rise)
        label = f"baseline and {100 * config.max_error_rise:g} %"
        axis.plot(ts, limit, color=LEARNING, lw=1.0, ls=":", label=label)


def _with_gaps(timeline: Timeline, period: float | None) -> tuple[Any, dict[str, Any]]:
    """Return times and figures; nothing is drawn across a gap."""
    looked = np.array(timeline.ts)
    at = gaps(looked) + 1
    ts = axis_times(np.insert(looked, at, looked[at - 1]), period)
    return ts, {name: np.insert(np.array(column), at, np.nan) for name, column in timeline.figures.items()}


def _draw_told(axis: Any, timeline: Timeline, period: float | None) -> None:
    """Mark alerts where they began, down to where they ended, and triggers."""
    ends = {
        alert.id: alert.ended_at
        for alert in timeline.alerts
        if alert.state is AlertState.RESOLVED and alert.ended_at is not None
    }
    begun = [alert for alert in timeline.alerts if alert.begins]
    for number, alert in enumerate(begun):
        at = axis_times([alert.started_at], period)[0]
        axis.axvline(at, color=FOUND, lw=1.2, label="alert, until it ends" if number == 0 else None)
        last = ends.get(alert.id, timeline.ts[-1] if timeline.ts else alert.started_at)
        axis.axvspan(
            at, axis_times([max(last, alert.started_at)], period)[0], color=FOUND, alpha=0.06, lw=0, zorder=0
        )
        if len(begun) <= _MANY_ALERTS:
            axis.annotate(
                plain(f" {alert.detector}"),
                (at, 0.02 + 0.06 * (number % 4)),
                xycoords=("data", "axes fraction"),
                fontsize=8,
                color=FOUND,
            )
    if timeline.triggers:
        at_all = axis_times([trigger.ts for trigger in timeline.triggers], period)
        axis.plot(
            at_all,
            np.full(len(at_all), 0.97),
            "v",
            color="#7b3fa0",
            ms=7,
            transform=axis.get_xaxis_transform(),
            label="reason to train again",
        )


def _finish(axis: Any, period: float | None, *, shares: bool) -> None:
    ticker = import_module("matplotlib.ticker")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    set_axis(axis, period)
    if shares:
        axis.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=None))
        axis.set_ylim(top=min(axis.get_ylim()[1], 1.02))
    else:
        axis.set_ylim(bottom=0.0)
