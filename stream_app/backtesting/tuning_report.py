"""What settings would have told: a table, a picture of their alerts over time, and a page with both."""

from collections.abc import Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from stream_app.backtesting.page import html_table, incident_table, write_page
from stream_app.backtesting.plot import TRUTH, alert_keys, axis_times, draw_alerts, plain, set_axis
from stream_app.backtesting.show import count, duration, number
from stream_app.backtesting.tuning import Choice, Trial
from stream_app.replacing import replacing

__all__ = ["draw_trials", "trial_rows", "write_tuning_page"]

_PICTURE = "alerts.png"


def trial_rows(trials: Sequence[Trial], chosen: Trial) -> list[tuple[str, ...]]:
    """Return a heading, and a row for each setting; the chosen one is marked.

    Columns are those of the setting, the false alarms that its budget allows, alerts that page a person, all
    alerts, the incidents to which they belong, alerts by kind, and whether the
    budget was kept; where there is truth, also false alarms, precision, true events told, and the median delay of their
    alerts.
    """
    kinds = sorted({kind for trial in trials for kind in trial.figures.scored_alerts})
    beside = ("detector",) if any(trial.setting.detector for trial in trials) else ()
    truth = ("false", "precision", "events told", "delay") if trials[0].false is not None else ()
    rows: list[tuple[str, ...]] = [
        (
            "",
            "budget",
            "warm-up",
            *beside,
            "allowed",
            "paging",
            "alerts",
            "incidents",
            *kinds,
            "within budget",
            *truth,
        )
    ]
    for trial in trials:
        figures, setting = trial.figures, trial.setting
        cells = [
            "→" if trial is chosen else "",
            setting.budget,
            f"{setting.warmup:,}",
            *([setting.detector or "-"] if beside else []),
            count(trial.allowed),
            f"{figures.paging:,}",
            f"{trial.told:,}",
            f"{figures.scored_incidents:,}",
            *(f"{figures.scored_alerts.get(kind, 0):,}" for kind in kinds),
            "yes" if trial.within_budget else "no",
        ]
        if truth:
            delays = figures.alert_delays
            cells += [
                f"{trial.false:,}",
                number(trial.precision, 0, scale=100.0, unit=" %"),
                f"{delays.events - delays.missed:,} of {delays.events:,}" if delays else "-",
                duration(delays.median if delays else None),
            ]
        rows.append(tuple(cells))
    return rows


def draw_trials(trials: Sequence[Trial]) -> Any:
    """Draw when each setting told its alerts, a lane each, and when true events began.

    Returns
    -------
    matplotlib.figure.Figure
    """
    period = trials[0].run.period
    figure = import_module("matplotlib.figure").Figure(
        figsize=(12.0, 0.42 * len(trials) + 1.3), layout="constrained"
    )
    axis = figure.subplots()
    for moment in axis_times(trials[0].run.true_onsets(), period):
        axis.axvline(moment, color=TRUTH, lw=1.2, zorder=0)
    for lane, trial in enumerate(trials):
        draw_alerts(axis, lane, [(begun.kind, begun.ts) for begun in trial.run.beginnings()], period)
        told = f"{trial.figures.paging:,} paging, {count(trial.allowed)} allowed"
        axis.annotate(
            told,
            (1.01, lane),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
    axis.set_yticks(range(len(trials)), [plain(_label(trial)) for trial in trials], fontsize=8.5)
    axis.set_ylim(len(trials) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    set_axis(axis, period)
    line = import_module("matplotlib.lines").Line2D
    keys = alert_keys(kind for trial in trials for kind in trial.figures.scored_alerts)
    if trials[0].run.true_onsets():
        keys.append(line([], [], color=TRUTH, label="a true event begins"))
    if keys:
        figure.legend(handles=keys, loc="outside lower left", ncols=len(keys), frameon=False, fontsize=8)
    return figure


def write_tuning_page(
    directory: Path, title: str, trials: Sequence[Trial], choice: Choice, notes: Sequence[str], stream: str
) -> Path:
    """Write ``summary.html`` with its picture.

    Parameters
    ----------
    directory : Path
        Where to; it is there.
    title : str
        What the rows are of.
    trials : sequence of Trial
        What was tried.
    choice : Choice
        What to take.
    notes : sequence of str
        What else to say.
    stream : str
        Name of the stream.

    Returns
    -------
    Path
        The page.
    """
    with replacing(directory / _PICTURE) as part:
        draw_trials(trials).savefig(part, format="png", dpi=110)
    headings, *rows = trial_rows(trials, choice.trial)
    beside = any(trial.setting.detector for trial in trials)
    body = [
        html_table(headings, rows, numbers=len(headings) - (4 if beside else 3)),
        *(f"<p>{escape(note)}</p>" for note in notes),
        f'<img src="{_PICTURE}" alt="alerts of each setting over time" loading="lazy">',
        "<h2>Which one to take</h2>",
        f"<p>{escape(f'{choice.trial.setting}: {choice.reason}')}.</p>",
        f"<pre>{escape(choice.toml(stream))}</pre>",
        "<h2>Its incidents and their alerts</h2>",
        *incident_table(choice.trial.run.incidents()),
    ]
    figures = choice.trial.figures
    lead = f"{figures.sources:,} source{'s' * (figures.sources != 1)}, {figures.events:,} events, {figures.scored:,} of them after the shortest warm-up and counted"
    return write_page(directory, f"Settings tried on {title}", lead, body)


def _label(trial: Trial) -> str:
    setting = trial.setting
    beside = "" if setting.detector is None else f", {setting.detector} beside"
    return f"{setting.budget}, warm-up {setting.warmup:,}{beside}"
