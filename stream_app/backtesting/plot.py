"""The picture of one source: its channels, what was found in them, and what is true."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stream_app.backtesting.trace import Bins, Trace, gaps
from stream_app.core.arrays import BoolArray
from stream_app.core.signals import WHOLE_SOURCE
from stream_app.errors import MissingExtraError
from stream_app.tables.table import FIRST

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "FOUND",
    "LEARNING",
    "LINE",
    "TRUTH",
    "alert_keys",
    "axis_times",
    "draw_alerts",
    "draw_source",
    "plain",
    "put_title",
    "require_matplotlib",
    "set_axis",
]

MOST_CHANNELS = 10
_MANY_LINES = 16
FOUND, TRUTH, LEARNING, LINE = "#c8102e", "#e0a100", "#8a8f98", "#1f3a5f"
CHANGE, DRIFT, QUALITY = "#0a7d6c", "#7b3fa0", "#5b6470"
_KINDS = {"anomaly": FOUND, "changepoint": CHANGE, "drift": DRIFT, "quality": QUALITY}


def require_matplotlib() -> None:
    """Make sure that pictures can be drawn.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("pictures need", "matplotlib", "report")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of time on the axis."""

    begin: Any
    end: Any


@dataclass(frozen=True, slots=True)
class _Course:
    """What is drawn: a trace with its gaps, and its axis."""

    trace: Trace
    bins: Bins
    period: float | None

    def at(self, ts: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return event times as the axis takes them."""
        return axis_times(ts, self.period)

    def stretches(self, flags: BoolArray) -> list[_Stretch]:
        """Return where the flags are up, each until the time of the first row after it."""
        ts = self.at(self.bins.ts)
        turns = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
        last = len(ts) - 1
        return [
            _Stretch(ts[begin], ts[min(end, last)])
            for begin, end in zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True)
        ]


def draw_source(name: str, trace: Trace, *, told: str = "", period: float | None = None) -> "Figure":
    """Draw a source.

    From top to bottom: when anomalies were marked and when they truly were, with the changepoints, and when alerts began;
    then the channels; then the score. Nothing is drawn across a gap in the rows.

    Parameters
    ----------
    name : str
        For the title.
    trace : Trace
        What to draw.
    told : str
        A line under the title, with figures.
    period : float, optional
        Seconds between rows that have no times of their own; the axis then counts rows.
    """
    from stream_app.backtesting.figure import NotebookFigure  # noqa: PLC0415 needs matplotlib

    course = _Course(trace, trace.bins().broken(), period)
    shown = _shown(trace)
    heights = [0.32 * len(_lanes(trace)) + 0.15, *[0.95] * len(shown), 1.35]
    figure = NotebookFigure(figsize=(12.0, sum(heights) + 1.1), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_lanes(axes[0], course)
    for axis, channel in zip(axes[1:-1], shown, strict=True):
        _draw_channel(axis, course, channel)
    _draw_score(axes[-1], course)
    _finish(figure, axes, course)
    left_out = f"{len(shown)} of {len(trace.channels)} channels, those most to blame"
    told = "; ".join(filter(None, (told, left_out if len(shown) < len(trace.channels) else "")))
    put_title(axes[0], name, told)
    return figure


def put_title(axis: Any, name: str, told: str) -> None:
    """Write a title over a picture, and a line of figures under it."""
    axis.set_title(plain(name), loc="left", fontsize=13, fontweight="bold", pad=22)
    axis.annotate(
        plain(told),
        (0, 1),
        (0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9.5,
        color="#57606a",
    )


def _shown(trace: Trace) -> list[int]:
    """Return the channels to draw: all, or those that alerts blame most."""
    blame: Counter[str] = Counter()
    for alert in trace.alerts:
        for channel, share in alert.contributions or ((alert.channel, 1.0),):
            blame[channel] += share  # type: ignore[assignment] # shares are fractions
    del blame[WHOLE_SOURCE]
    order = sorted(range(len(trace.channels)), key=lambda j: -blame[trace.channels[j]])
    return sorted(order[:MOST_CHANNELS])


def axis_times(ts: npt.ArrayLike, period: float | None) -> npt.NDArray[Any]:
    """Return event times as an axis takes them: instants, or rows where these have no times of their own."""
    seconds = np.asarray(ts, dtype=np.float64)
    return (seconds * 1e6).astype("datetime64[us]") if period is None else (seconds - FIRST) / period


def set_axis(axis: Any, period: float | None) -> None:
    """Write dates below an axis, or rows where these have no times of their own."""
    axis.tick_params(labelsize=8)
    if period is not None:
        axis.set_xlabel("row, counted from 0", fontsize=8)
        return
    dates = import_module("matplotlib.dates")
    locator = dates.AutoDateLocator()
    axis.xaxis_date()
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _lanes(trace: Trace) -> list[str]:
    """Return the lanes of the overview, from top to bottom."""
    return [*(["truth"] if trace.labelled or trace.with_changepoints else []), "marked", "alerts"]


def _draw_lanes(axis: Any, course: _Course) -> None:
    trace, bins = course.trace, course.bins
    lanes = _lanes(trace)
    height = {lane: len(lanes) - 1 - i for i, lane in enumerate(lanes)}
    bars = [("marked", bins.found, FOUND)] + ([("truth", bins.truth, TRUTH)] if "truth" in lanes else [])
    for lane, flags, colour in bars:
        for stretch in course.stretches(flags):
            axis.fill_between(
                [stretch.begin, stretch.end], height[lane] - 0.32, height[lane] + 0.32, color=colour, lw=0.8
            )
    for lane, moments in (("truth", trace.true_changes), ("marked", trace.found_changes)):
        if moments:
            x = course.at(moments)
            axis.vlines(x, height[lane] - 0.45, height[lane] + 0.45, color="black", lw=1.4)
    draw_alerts(
        axis, height["alerts"], [(alert.kind, alert.started_at) for alert in trace.alerts], course.period
    )
    axis.set_yticks([height[lane] for lane in lanes], lanes)
    axis.set_ylim(-0.6, len(lanes) - 0.4)
    axis.tick_params(axis="y", length=0)


def draw_alerts(axis: Any, height: float, begun: Sequence[tuple[str, float]], period: float | None) -> None:
    """Mark where alerts began, each by its kind and time, with the colours of `alert_keys`."""
    for kind in sorted({kind for kind, _ in begun}):
        moments = axis_times([ts for one, ts in begun if one == kind], period)
        axis.plot(moments, [height] * len(moments), "|", color=_KINDS.get(kind, LINE), ms=13, mew=1.4)


def alert_keys(kinds: Iterable[str]) -> list[Any]:
    """Return entries of a legend for kinds of alerts."""
    line = import_module("matplotlib.lines").Line2D
    return [
        line([], [], color=_KINDS.get(kind, LINE), marker="|", ls="", ms=11, mew=1.4, label=f"alert: {kind}")
        for kind in sorted(set(kinds))
    ]


def _draw_channel(axis: Any, course: _Course, channel: int) -> None:
    # A channel that has no reading in some rows goes on behind them, but for a gap of its own.
    read = ~np.isnan(course.bins.low[:, channel])
    ts, low, high = course.bins.ts[read], course.bins.low[read, channel], course.bins.high[read, channel]
    at = gaps(ts) + 1
    x = course.at(np.insert(ts, at, ts[at - 1]))
    low, high = np.insert(low, at, np.nan), np.insert(high, at, np.nan)
    if np.array_equal(low, high, equal_nan=True):
        axis.plot(x, low, color=LINE, lw=0.8)
    else:
        axis.fill_between(x, low, high, color=LINE, lw=0.6)
    _shade(axis, course)
    axis.set_ylabel(
        _wrapped(course.trace.channels[channel]), rotation=0, ha="right", va="center", fontsize=9, labelpad=6
    )
    axis.locator_params(axis="y", nbins=3)


def _wrapped(name: str) -> str:
    return "\n".join(wrap(plain(name), width=18, max_lines=2, placeholder="…"))


def plain(text: str) -> str:
    """Return text in which a dollar does not begin a formula."""
    return text.replace("$", r"\$")


def _shade(axis: Any, course: _Course) -> None:
    bins = course.bins
    for flags, colour, alpha in ((bins.learning, LEARNING, 0.15), (bins.found, FOUND, 0.16)):
        for stretch in course.stretches(flags):
            axis.axvspan(stretch.begin, stretch.end, color=colour, alpha=alpha, lw=0, zorder=0)
    truth = course.stretches(bins.truth)
    edges = [moment for stretch in truth for moment in (stretch.begin, stretch.end)]
    lines = (
        (edges, TRUTH, "-"),
        (course.at(course.trace.found_changes), CHANGE, "--"),
        (course.at(course.trace.drifts), DRIFT, ":"),
    )
    # Where there are many, lines must not hide the channel.
    width = 1.2 if sum(len(moments) for moments, _, _ in lines) <= _MANY_LINES else 0.5
    for moments, colour, style in lines:
        for moment in moments:
            axis.axvline(moment, color=colour, lw=width, ls=style)


def _draw_score(axis: Any, course: _Course) -> None:
    _shade(axis, course)
    ts = course.at(course.bins.ts)
    axis.plot(ts, course.bins.score, color="black", lw=0.8)
    axis.set_ylabel("score", rotation=0, ha="right", va="center", fontsize=9, labelpad=6)
    axis.set_ylim(bottom=0)


def _finish(figure: Any, axes: Any, course: _Course) -> None:
    trace, ts = course.trace, course.at(course.bins.ts)
    lines = import_module("matplotlib.lines")
    patch, line = import_module("matplotlib.patches").Patch, lines.Line2D
    for axis in axes:
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.tick_params(labelsize=8)
    axes[0].spines["left"].set_visible(False)
    if len(ts) > 1:
        axes[-1].set_xlim(ts[0], ts[-1])
    set_axis(axes[-1], course.period)
    figure.align_ylabels(axes)
    drawn = {
        patch(color=LEARNING, alpha=0.3, label="learning"): True,
        patch(color=FOUND, alpha=0.35, label="anomaly marked"): True,
        line([], [], color=TRUTH, lw=2, label="true anomaly, begin and end"): trace.labelled,
        line([], [], color=CHANGE, ls="--", label="changepoint found (above: ticks)"): trace.found_changes,
        line([], [], color=DRIFT, ls=":", label="drift found"): trace.drifts,
    }
    keys = [key for key, present in drawn.items() if present]
    keys += alert_keys(alert.kind for alert in trace.alerts)
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), frameon=False, fontsize=8)
