"""The figures of a backtest, from what was kept of its sources."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from stream_app.backtesting.scoring import PROFILES, Confusion, NabScore, nab_score
from stream_app.backtesting.tally import SourceTally
from stream_app.core.budget import Budget

__all__ = ["Allowance", "Delays", "Figures", "measure"]


@dataclass(frozen=True, slots=True)
class Delays:
    """From the onset of each true event to the first row in it that was found, in seconds.

    Parameters
    ----------
    events, missed : int
        True events, and those in which no row was found.
    median, p90 : float or None
        Over the detected ones; None where there is none.
    """

    events: int
    missed: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a budget allows over the rows after the warm-up.

    Parameters
    ----------
    budget : str
        False alarms allowed, as it was said.
    seconds : float
        Event time from the first of these rows to the last, summed over streams; files that begin afresh are a stream each.
    false_alarms : float
        Allowed in this time, or in so many rows where the budget counts events.
    """

    budget: str
    seconds: float
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a backtest measured.

    Rows of the warm-up are in `events`, `accepted` and `alerts` and in nothing else, refused ones in `events` and `refused`.

    Parameters
    ----------
    sources, events, scored : int
        Sources; rows; accepted rows after the warm-up.
    refused : mapping of str to int
        Rows that the intake set aside, by reason.
    alerts : mapping of str to int
        Alerts that began, by kind.
    scored_alerts : mapping of str to int
        Those of them that began after the warm-up.
    scored_incidents : int
        Incidents to which these belong.
    paging : int
        Those of `scored_alerts` that page a person: all but those of severity info.
    false_paging : int or None
        Those of them that are false alarms; None without labels.
    anomalies : Confusion or None
        Rows by label and flag; None without labels of anomalies.
    changepoints : mapping of str to NabScore
        By profile; empty without labels of changepoints.
    delays : Delays or None
        To the first row that was marked or began an alert, but one of quality checks; None without labels.
    alert_delays : Delays or None
        To the first alert.
    false_alarms : mapping of str to int, or None
        Alerts that began in normal rows, by kind; None without labels.
    normal : int
        Scored rows that are truly normal.
    unseen : mapping of str to int
        Rows of true anomalies and changepoints that no figure counts: in the ``warm-up``, or ``refused``.
    period : float or None
        Usual distance of rows in seconds, the median over sources; None where no source has two.
    allowance : Allowance or None
        What the budget allows over all sources; None of one source, as the budget is that of the stream.
    """

    sources: int
    events: int
    scored: int
    refused: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    scored_alerts: Mapping[str, int] = field(default_factory=dict)
    scored_incidents: int = 0
    paging: int = 0
    false_paging: int | None = None
    anomalies: Confusion | None = None
    changepoints: Mapping[str, NabScore] = field(default_factory=dict)
    delays: Delays | None = None
    alert_delays: Delays | None = None
    false_alarms: Mapping[str, int] | None = None
    normal: int = 0
    unseen: Mapping[str, int] = field(default_factory=dict)
    period: float | None = None
    allowance: Allowance | None = None

    @property
    def accepted(self) -> int:
        """Rows that the monitor took."""
        return self.events - sum(self.refused.values())

    @property
    def alerts_per_100k(self) -> float | None:
        """Alerts of any kind per 100,000 accepted rows."""
        return 1e5 * sum(self.alerts.values()) / self.accepted if self.accepted else None

    @property
    def false_alarms_per_100k(self) -> float | None:
        """False alarms of any kind per 100,000 normal rows; None without labels or normal rows."""
        return self._per_100k(())

    @property
    def budgeted_false_alarms_per_100k(self) -> float | None:
        """The same without quality checks, which state facts."""
        return self._per_100k(("quality",))

    def _per_100k(self, without: tuple[str, ...]) -> float | None:
        if self.false_alarms is None or not self.normal:
            return None
        counted = sum(count for kind, count in self.false_alarms.items() if kind not in without)
        return 1e5 * counted / self.normal

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what could not be computed is None."""
        said, allowance = self.anomalies, self.allowance
        return {
            "sources": self.sources,
            "events": self.events,
            "accepted": self.accepted,
            "scored": self.scored,
            "refused": dict(self.refused),
            "unseen": dict(self.unseen),
            "period": self.period,
            "alerts": dict(self.alerts),
            "scored_alerts": dict(self.scored_alerts),
            "scored_incidents": self.scored_incidents,
            "paging": self.paging,
            "false_paging": self.false_paging,
            "alerts_per_100k": self.alerts_per_100k,
            "budget": allowance and allowance.budget,
            "allowed": allowance and allowance.false_alarms,
            "f1": said and said.f1,
            "far": said and said.false_alarm_rate,
            "mar": said and said.missed_alarm_rate,
            "confusion": said and asdict(said),
            "nab": {name: score.percent for name, score in self.changepoints.items()} or None,
            "delay": self.delays and asdict(self.delays),
            "alert_delay": self.alert_delays and asdict(self.alert_delays),
            "false_alarms": None if self.false_alarms is None else dict(self.false_alarms),
            "false_alarms_per_100k": self.false_alarms_per_100k,
            "budgeted_false_alarms_per_100k": self.budgeted_false_alarms_per_100k,
        }


def measure(tallies: Iterable[SourceTally], budget: str | None = None) -> Figures:
    """Pool sources into figures; `budget` is that of their stream, where they are all that it has."""
    sources = list(tallies)
    with_anomalies = [source for source in sources if source.labelled]
    with_changes = [source for source in sources if source.with_changepoints]
    labelled = [source for source in sources if source.with_truth]
    events = [event for source in labelled for event in source.events()]
    onsets = [event.onset for event in events]
    periods = [source.period for source in sources if source.period is not None]
    return Figures(
        sources=len(sources),
        events=sum(source.rows for source in sources),
        scored=sum(source.scored for source in sources),
        refused=_add(source.refused for source in sources),
        alerts=_add(source.alerts for source in sources),
        paging=sum(begun.pages for source in sources for begun in source.beginnings),
        false_paging=sum(begun.pages for source in labelled for begun in source.false_alarms())
        if labelled
        else None,
        scored_incidents=len({begun.incident for source in sources for begun in source.beginnings}),
        scored_alerts=_add(Counter(begun.kind for begun in source.beginnings) for source in sources),
        anomalies=sum((source.confusion for source in with_anomalies), Confusion())
        if with_anomalies
        else None,
        changepoints={
            name: sum(
                (
                    nab_score(s.true_changepoints, s.found_changepoints, profile, s.window_seconds)
                    for s in with_changes
                ),
                NabScore(),
            )
            for name, profile in PROFILES.items()
            if with_changes
        },
        delays=_delays([event.detected for event in events], onsets) if labelled else None,
        alert_delays=_delays([event.alerted for event in events], onsets) if labelled else None,
        false_alarms=_add(Counter(begun.kind for begun in source.false_alarms()) for source in labelled)
        if labelled
        else None,
        normal=sum(source.normal for source in labelled),
        unseen=_add(source.unseen for source in labelled),
        period=float(np.median(periods)) if periods else None,
        allowance=None if budget is None else _allowance(sources, budget),
    )


def _allowance(sources: Sequence[SourceTally], budget: str) -> Allowance:
    spans: dict[int, tuple[float, float]] = {}
    for source in sources:
        if source.first is not None and source.last is not None:
            first, last = spans.get(source.stream, (source.first, source.last))
            spans[source.stream] = min(first, source.first), max(last, source.last)
    seconds = sum(last - first for first, last in spans.values())
    scored = sum(source.scored for source in sources)
    return Allowance(budget, seconds, Budget.parse(budget).allowed(events=scored, seconds=seconds))


def _add(counts: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(sorted(total.items()))


def _delays(found: Sequence[float | None], onsets: Sequence[float]) -> Delays:
    seconds = [ts - onset for ts, onset in zip(found, onsets, strict=True) if ts is not None]
    return Delays(
        events=len(onsets),
        missed=len(onsets) - len(seconds),
        median=float(np.median(seconds)) if seconds else None,
        p90=float(np.percentile(seconds, 90)) if seconds else None,
    )
