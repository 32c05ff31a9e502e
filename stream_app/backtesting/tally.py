"""What is kept of one source for its figures: counts, and the few moments at which something was or was said."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

import numpy as np

from stream_app.backtesting.change_window import ChangeWindow
from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.scoring import Confusion
from stream_app.core.arrays import BoolArray, FloatArray, IntArray

__all__ = ["Beginning", "SourceTally", "TrueEvent"]

_STEPS = 256
"""Distances of rows that tell the usual one."""


@dataclass(slots=True)
class TrueEvent:
    """A stretch that is truly anomalous, from its first row.

    `detected` is when a row of it was first marked or began an alert, `alerted` when the first alert in it began;
    alerts of quality checks do not count.
    """

    onset: float
    detected: float | None = None
    alerted: float | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """An alert's beginning after the warm-up; `normal` is what the truth says of its row, `pages` whether a person is told."""

    id: str
    incident: str
    kind: str
    ts: float
    normal: bool
    pages: bool


@dataclass(slots=True)
class SourceTally:
    """Counts of one source, fed in blocks of any size; memory grows with alerts and true events alone.

    Rows that the monitor refused are neither scored nor normal, and are no part of the warm-up.

    Parameters
    ----------
    warmup : int
        First accepted rows of the source, which are not scored.
    stream : int
        Number of the stream that the source belongs to: where files begin afresh, each is a stream of its own.
    window : ChangeWindow
        How long after a true changepoint a detection counts as one of it.
    learns : int or None
        First accepted rows that the monitor does not judge; as many as `warmup` where it is None.
    ttl : float
        A source that comes back after so many seconds starts cold: its warm-up begins again.
    first, last : float or None
        Event times between which rows were scored.
    accepted, judged, scored : int
        Rows that the monitor took; those after its own warm-up that have a reading; all after `warmup`.
    silent : dict of str to bool
        Of each channel whether no accepted row has a reading of it.
    unseen : Counter of str
        Rows of anomalies and changepoints that no figure counts, by why: ``warm-up`` or ``refused``.
    """

    warmup: int
    stream: int = 0
    window: ChangeWindow = field(default_factory=ChangeWindow)
    learns: int | None = None
    ttl: float = inf
    first: float | None = None
    last: float | None = None
    accepted: int = 0
    judged: int = 0
    scored: int = 0
    silent: dict[str, bool] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    labelled: bool = False
    with_changepoints: bool = False
    confusion: Confusion = field(default_factory=Confusion)
    true_changepoints: list[float] = field(default_factory=list)
    found_changepoints: list[float] = field(default_factory=list)
    true_events: list[TrueEvent] = field(default_factory=list)
    beginnings: list[Beginning] = field(default_factory=list)
    speaking: list[float] = field(default_factory=list)
    _inside: bool = False
    _steps: list[float] = field(default_factory=list)
    _last: float | None = None
    _newest: float | None = None
    _since: int = 0

    def update(self, part: SourcePart) -> None:
        """Count rows of this source."""
        taken = part.accepted
        place = self._places(part.ts, taken)
        scored = taken & (place > self.warmup)
        self.accepted += int(taken.sum())
        self.scored += int(scored.sum())
        measured = np.isfinite(part.values) & taken[:, None]
        after = place > (self.warmup if self.learns is None else self.learns)
        self.judged += int((measured.any(axis=1) & after).sum())
        for channel, column in zip(part.channels, measured.T, strict=True):
            self.silent[channel] = self.silent.get(channel, True) and not column.any()
        self.refused.update(part.refused.values())
        self.alerts.update(alert.kind for _, alert in part.begun)
        self.labelled |= part.anomaly is not None
        self.with_changepoints |= part.changepoint is not None
        ts, said = part.ts[scored], part.scores.anomaly[scored].copy()
        if len(ts):
            self.first = float(ts[0]) if self.first is None else self.first
            self.last = max(float(ts.max()), self.first if self.last is None else self.last)
        found = ts[part.scores.changepoint[scored]].tolist()
        self.found_changepoints += found
        if part.changepoint is not None:
            self.true_changepoints += ts[part.changepoint[scored]].tolist()
        none = np.zeros(len(part), dtype=np.bool_)
        anomalous = none if part.anomaly is None else part.anomaly
        true = anomalous | (none if part.changepoint is None else part.changepoint)
        for why, rows in (("refused", true & ~taken), ("warm-up", true & taken & ~scored)):
            self.unseen.update({why: int(rows.sum())} if rows.any() else {})
        truth = anomalous[scored]
        if part.anomaly is not None:
            self.confusion += Confusion.of(truth, said)
        begun = none.copy()
        for row, alert in part.begun:
            if place[row] > self.warmup:
                # Quality checks speak of the data's delivery, not of the process: they are no detection.
                begun[row] |= alert.kind != "quality"
                normal, at = not bool(anomalous[row]), float(part.ts[row])
                self.beginnings.append(
                    Beginning(alert.id, alert.case.id, alert.kind, at, normal, alert.pages)
                )
        begun = begun[scored]
        said |= begun
        if part.anomaly is not None:
            self._follow(ts, truth, said, begun)
        elif part.changepoint is not None:
            # What was being said before a change is no detection of it: only the first row of a stretch is.
            self.speaking += ts[said & ~np.concatenate(([self._inside], said[:-1]))].tolist() + found
            self._inside = bool(said[-1]) if len(said) else self._inside

    def _places(self, ts: FloatArray, taken: BoolArray) -> IntArray:
        """Return how many rows were accepted up to each one since the source last started cold.

        Refused rows have a place, too: an alert on refusals begins at one.
        """
        mine = ts[taken]
        if not len(mine):
            return np.full(len(ts), self._since)
        room = _STEPS - len(self._steps)
        if room > 0:
            apart = np.abs(np.diff(mine, prepend=mine[0] if self._last is None else self._last))
            self._steps += apart[apart > 0.0][:room].tolist()
        self._last = float(mine[-1])
        newest = np.maximum.accumulate(np.concatenate(([self._newest or mine[0]], mine)))
        steps = mine - newest[:-1]
        self._newest = float(newest[-1])
        count = np.arange(1, len(mine) + 1)
        since = count - np.maximum.accumulate(np.where(steps > self.ttl, count - 1, -self._since))
        places = np.concatenate(([self._since], since))[np.cumsum(taken)]
        self._since = int(since[-1])
        return places

    @property
    def period(self) -> float | None:
        """Usual distance of rows in seconds: the median of the first ones; None of fewer than two rows."""
        return float(np.median(self._steps)) if self._steps else None

    def _follow(self, ts: FloatArray, truth: BoolArray, said: BoolArray, begun: BoolArray) -> None:
        """Note where true events begin, and the first row in each that was marked, and that began an alert."""
        if not len(truth):
            return
        turns = np.flatnonzero(np.diff(truth.astype(np.int8), prepend=np.int8(self._inside)))
        edges = [0, *turns.tolist(), len(truth)]
        for begin, end in pairwise(edges):
            if begin == end or not truth[begin]:
                continue
            if not (begin == 0 and self._inside):
                self.true_events.append(TrueEvent(float(ts[begin])))
            event = self.true_events[-1]
            if event.detected is None:
                event.detected = _first(ts[begin:end], said[begin:end])
            if event.alerted is None:
                event.alerted = _first(ts[begin:end], begun[begin:end])
        self._inside = bool(truth[-1])

    def events(self) -> list[TrueEvent]:
        """Return the true events: anomalies where those are labelled, else changepoints with their window."""
        if self.labelled:
            return self.true_events
        spoken = np.sort(self.speaking)
        alerts = np.sort([begun.ts for begun in self.beginnings if begun.kind != "quality"])
        window = self.window_seconds
        return [
            TrueEvent(onset, _within(spoken, onset, window), _within(alerts, onset, window))
            for onset in self.true_changepoints
        ]

    def false_alarms(self) -> list[Beginning]:
        """Return the alerts that began in normal rows and not in the window of a true changepoint."""
        changes, window = np.sort(np.asarray(self.true_changepoints)), self.window_seconds

        def explained(ts: float) -> bool:
            last = int(np.searchsorted(changes, ts, side="right")) - 1
            return last >= 0 and ts <= float(changes[last]) + window

        return [begun for begun in self.beginnings if begun.normal and not explained(begun.ts)]

    @property
    def with_truth(self) -> bool:
        """Whether anything is known of what is true."""
        return self.labelled or self.with_changepoints

    @property
    def rows(self) -> int:
        """All rows, accepted or refused."""
        return self.accepted + sum(self.refused.values())

    @property
    def window_seconds(self) -> float:
        """The window of a changepoint."""
        return self.window.seconds(self.period)

    @property
    def normal(self) -> int:
        """Scored rows that are truly normal; without labels of anomalies all of them."""
        if not self.labelled:
            return self.scored
        return self.confusion.false_positive + self.confusion.true_negative


def _first(ts: FloatArray, rows: BoolArray) -> float | None:
    found = np.flatnonzero(rows)
    return float(ts[found[0]]) if len(found) else None


def _within(times: FloatArray, onset: float, window: float) -> float | None:
    """Return the first of the sorted times in the window of a changepoint."""
    at = int(np.searchsorted(times, onset))
    return float(times[at]) if at < len(times) and times[at] <= onset + window else None
