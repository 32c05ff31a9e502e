"""Several settings of a stream over the same rows: what each would have told, and which one to take."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import poisson

from stream_app.backtesting.change_window import ChangeWindow
from stream_app.backtesting.figures import Figures
from stream_app.backtesting.run import Backtest
from stream_app.backtesting.show import count
from stream_app.core.budget import Budget
from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError
from stream_app.kinds.sensors import changed_stream
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.tables import InputTable

__all__ = ["Choice", "Setting", "Trial", "choose", "settings_to_try", "try_settings"]

_PER_TIME = ("1 per day", "1 per week", "1 per month")
_PER_EVENTS = ("1 per 1000 events", "1 per 10000 events", "1 per 100000 events")
_LONGER = 2
_SURE = 0.99
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is varied.

    Parameters
    ----------
    budget : str
        False alarms allowed.
    warmup : int
        Events of a source from which its reference is learned.
    detector : str or None
        A detector beside those that the stream has.
    """

    budget: str
    warmup: int
    detector: str | None = None

    def applied(self, name: str, stream: SensorStream) -> SensorStream:
        """Return the settings of a stream with these.

        Raises
        ------
        SettingsError
            If the stream cannot have them.
        """
        changes: dict[str, Any] = {"budget": self.budget, "warmup": self.warmup}
        if self.detector is not None:
            changes["detectors"] = (*stream.detectors, DetectorSettings(name=self.detector))
        return changed_stream(name, stream, changes, option="--{}")

    def __str__(self) -> str:
        beside = "" if self.detector is None else f" and {self.detector} beside"
        return f"budget {self.budget!r}, warm-up {self.warmup:,}{beside}"


def settings_to_try(
    stream: SensorStream,
    budgets: Sequence[str] = (),
    warmups: Sequence[int] = (),
    detectors: Sequence[str] = (),
) -> list[Setting]:
    """Return every budget with every warm-up, and each detector beside the stream's own settings, which are the first.

    Parameters
    ----------
    stream : SensorStream
        Settings of the stream.
    budgets : sequence of str
        A day's, a week's and a month's where none are given; a thousand to 100,000 events' if the stream's counts events.
    warmups : sequence of int
        The stream's and twice as many where none are given; the stream's alone if it learns from a reference.
    detectors : sequence of str
        Names of detectors, as in the settings of a stream.

    Examples
    --------
    >>> [str(one) for one in settings_to_try(SensorStream(), ["1 per week"], [400], ["ks"])]
    ["budget '1 per day', warm-up 400", "budget '1 per week', warm-up 400", "budget '1 per day', warm-up 400 and ks beside"]
    """
    counts_events = Budget.parse(stream.budget).events is not None
    usual = _PER_EVENTS if counts_events else _PER_TIME
    own = Setting(stream.budget, stream.warmup)
    longer = () if stream.reference else (_LONGER * own.warmup,)
    grid = [
        Setting(budget, warmup)
        for warmup in (warmups or (own.warmup, *longer))
        for budget in (budgets or usual)
    ]
    beside = [Setting(own.budget, own.warmup, detector) for detector in detectors]
    return list(dict.fromkeys([own, *grid, *beside]))


@dataclass(frozen=True, slots=True)
class Trial:
    """What a setting would have told.

    Parameters
    ----------
    setting : Setting
        What was tried.
    run : Backtest
        Its backtest. Counts begin after the shortest warm-up of all settings, so that all speak of the same rows: what
        happens in a longer warm-up is missed.
    figures : Figures
        What was measured.
    """

    setting: Setting
    run: Backtest
    figures: Figures

    @property
    def told(self) -> int:
        """Alerts of all kinds."""
        return sum(self.figures.scored_alerts.values())

    @property
    def false(self) -> int | None:
        """False alarms; None without truth."""
        found = self.figures.false_alarms
        return None if found is None else sum(found.values())

    @property
    def allowed(self) -> float:
        """False alarms that the budget allows over the rows."""
        return 0.0 if self.figures.allowance is None else self.figures.allowance.false_alarms

    @property
    def within_budget(self) -> bool:
        """Whether so many false alarms that page (without truth: alerts) can be chance, 99 % of a Poisson count."""
        figures = self.figures
        spent = figures.paging if figures.false_paging is None else figures.false_paging
        return spent <= float(poisson.ppf(_SURE, self.allowed))

    @property
    def precision(self) -> float | None:
        """Share of alerts that are no false alarms."""
        return None if self.false is None or not self.told else 1.0 - self.false / self.told

    @property
    def recall(self) -> float | None:
        """Share of the true events that raised an alert."""
        delays = self.figures.alert_delays
        return 1.0 - delays.missed / delays.events if delays and delays.events else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where no true event is known."""
        if self.recall is None:
            return None
        precision = self.precision or 0.0
        return 2.0 * precision * self.recall / (precision + self.recall) if precision + self.recall else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what could not be computed is None."""
        delays = self.figures.alert_delays
        return {
            "budget": self.setting.budget,
            "warmup": self.setting.warmup,
            "detector": self.setting.detector,
            "allowed": self.allowed,
            "paging": self.figures.paging,
            "told": self.told,
            "alerts": dict(self.figures.scored_alerts),
            "incidents": self.figures.scored_incidents,
            "within_budget": self.within_budget,
            "false_alarms": self.false,
            "precision": self.precision,
            "recall": self.recall,
            "true_events": delays and delays.events,
            "delay": delays and delays.median,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """The setting to take, and why."""

    trial: Trial
    reason: str

    def toml(self, stream: str) -> str:
        """Return the lines for the monitor file.

        Parameters
        ----------
        stream : str
            Name of the stream.
        """
        setting, key = self.trial.setting, stream if _BARE.fullmatch(stream) else _quoted(stream)
        lines = [
            f"[streams.{key}]",
            f"budget = {_quoted(setting.budget)}",
            f"warmup = {setting.warmup}",
        ]
        if setting.detector is not None:
            lines += ["", f"[[streams.{key}.detectors]]", f"name = {_quoted(setting.detector)}"]
        return "\n".join(lines)


def _quoted(text: str) -> str:
    """Return a text of TOML, which are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def try_settings(
    files: Sequence[InputTable],
    stream: SensorStream,
    settings: Sequence[Setting],
    *,
    name: str = "sensors",
    period: float | None = None,
    reference: ReferenceTable | None = None,
    window: ChangeWindow | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[Trial], list[Setting]]:
    """Run a monitor for each setting over files, which are read once.

    Parameters
    ----------
    files : sequence of InputTable
        The rows.
    stream : SensorStream
        The settings that do not vary.
    settings : sequence of Setting
        What to try.
    name : str
        Name of the stream.
    period : float, optional
        Seconds between rows that have no times of their own.
    reference : ReferenceTable, optional
        Normal operation of one source.
    window : ChangeWindow, optional
        How long after a true changepoint a detection counts as one of it.
    progress : callable, optional
        Told how many rows were judged.

    Returns
    -------
    trials : list of Trial
        One for each setting that judged any row, in their order.
    left_out : list of Setting
        The others: their warm-up takes all rows.

    Raises
    ------
    DataError
        If nothing or nearly nothing was judged with the shortest warm-up; see `Verdict`.
    SettingsError
        If the stream cannot have a setting.
    SourceError
        If a file cannot be read.
    """
    shortest = min(one.warmup for one in settings)
    runs = [
        Backtest(
            one.applied(name, stream),
            None,
            reference,
            name=name,
            period=period,
            scored_after=shortest,
            window=window,
        )
        for one in settings
    ]
    for done in _sweep(runs, files):
        if progress is not None:
            progress(done)
    problem = runs[[one.warmup for one in settings].index(shortest)].verdict().problem
    if problem is not None:
        raise DataError(problem)
    trials = [Trial(*each, each[1].figures()) for each in zip(settings, runs, strict=True) if each[1].judged]
    tried = {trial.setting for trial in trials}
    return trials, [one for one in settings if one not in tried]


def choose(trials: Sequence[Trial]) -> Choice:
    """Return the setting to take.

    Where true events are known, it has the best F1 of precision and recall. Where none is, it is the one that allows most of
    those that told no more than they allow; if none did, the one that pages least. Of equals it is the first.
    """
    known = [trial for trial in trials if trial.f1 is not None]
    if known:
        best = max(known, key=lambda one: (one.f1 or 0.0, -(one.false or 0)))
        return Choice(best, _why_by_truth(best))
    kept = [trial for trial in trials if trial.within_budget]
    if kept:
        best = max(kept, key=lambda one: one.allowed)
        reason = (
            f"of the budgets that were kept it allows most, {count(best.allowed)}, and told {best.figures.paging:,}; "
            "no true event is known to judge them by"
        )
        return Choice(best, reason)
    best = min(trials, key=lambda one: one.figures.paging)
    reason = (
        f"no setting kept its budget, and this one pages least: {count(best.allowed)} allowed, {best.figures.paging:,} told; "
        "look at its alerts first, there may be real faults in the data"
    )
    return Choice(best, reason)


def _why_by_truth(best: Trial) -> str:
    delays = best.figures.alert_delays
    events = delays.events if delays else 0
    found = events - (delays.missed if delays else 0)
    return (
        f"it has the best F1 of precision and recall, {best.f1:.2f}: {found:,} of {events:,} true events told, "
        f"{best.false or 0:,} of {best.told:,} alerts false"
    )


def _sweep(runs: Sequence[Backtest], files: Sequence[InputTable]) -> Iterator[int]:
    for table in files:
        for run in runs:
            run.begin(table)
        for rows, _, place in table.blocks():
            for run in runs:
                run.update(rows, place)
            yield runs[0].rows
