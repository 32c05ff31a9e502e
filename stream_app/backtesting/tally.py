"""What is kept of one source for its figures: counts, and the few moments at which something was or was said."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.scoring import WINDOW_SECONDS, Confusion
from stream_app.core.arrays import BoolArray, FloatArray

__all__ = ["Beginning", "SourceTally", "TrueEvent"]


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

    Parameters
    ----------
    warmup : int
        First rows of the source, which are not scored.
    stream : int
        Number of the stream that the source belongs to: where files begin afresh, each is a stream of its own.
    first, last : float or None
        Event times between which rows were scored.
    """

    warmup: int
    stream: int = 0
    first: float | None = None
    last: float | None = None
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
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

    def update(self, part: SourcePart) -> None:
        """Count rows of this source."""
        skip = min(max(self.warmup - self.rows, 0), len(part))
        self.rows += len(part)
        self.refused.update(part.refused)
        self.alerts.update(alert.kind for _, alert in part.begun)
        self.labelled |= part.anomaly is not None
        self.with_changepoints |= part.changepoint is not None
        ts, said = part.ts[skip:], part.scores.anomaly[skip:].copy()
        if len(ts):
            self.first = float(ts[0]) if self.first is None else self.first
            self.last = max(float(ts.max()), self.first if self.last is None else self.last)
        found = ts[part.scores.changepoint[skip:]].tolist()
        self.found_changepoints += found
        if part.changepoint is not None:
            self.true_changepoints += ts[part.changepoint[skip:]].tolist()
        truth = np.zeros(len(ts), dtype=np.bool_) if part.anomaly is None else part.anomaly[skip:]
        if part.anomaly is not None:
            self.confusion += Confusion.of(truth, said)
        begun = np.zeros(len(ts), dtype=np.bool_)
        for row, alert in part.begun:
            if row >= skip:
                # Quality checks speak of the data's delivery, not of the process: they are no detection.
                begun[row - skip] |= alert.kind != "quality"
                normal = not bool(truth[row - skip])
                at = float(ts[row - skip])
                self.beginnings.append(
                    Beginning(alert.id, alert.case.id, alert.kind, at, normal, alert.pages)
                )
        said |= begun
        if part.anomaly is not None:
            self._follow(ts, truth, said, begun)
        elif part.changepoint is not None:
            # What was being said before a change is no detection of it: only the first row of a stretch is.
            self.speaking += ts[said & ~np.concatenate(([self._inside], said[:-1]))].tolist() + found
            self._inside = bool(said[-1]) if len(said) else self._inside

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
        spoken, alerts = (
            np.sort(self.speaking),
            np.sort([begun.ts for begun in self.beginnings if begun.kind != "quality"]),
        )
        return [
            TrueEvent(onset, _within(spoken, onset), _within(alerts, onset))
            for onset in self.true_changepoints
        ]

    def false_alarms(self) -> list[Beginning]:
        """Return the alerts that began in normal rows and not in the window of a true changepoint."""
        changes = np.sort(np.asarray(self.true_changepoints))

        def explained(ts: float) -> bool:
            last = int(np.searchsorted(changes, ts, side="right")) - 1
            return last >= 0 and ts <= float(changes[last]) + WINDOW_SECONDS

        return [begun for begun in self.beginnings if begun.normal and not explained(begun.ts)]

    @property
    def with_truth(self) -> bool:
        """Whether anything is known of what is true."""
        return self.labelled or self.with_changepoints

    @property
    def scored(self) -> int:
        """Rows after the warm-up."""
        return max(self.rows - self.warmup, 0)

    @property
    def normal(self) -> int:
        """Rows after the warm-up that are truly normal; without labels of anomalies all of them."""
        if not self.labelled:
            return self.scored
        return self.confusion.false_positive + self.confusion.true_negative


def _first(ts: FloatArray, rows: BoolArray) -> float | None:
    found = np.flatnonzero(rows)
    return float(ts[found[0]]) if len(found) else None


def _within(times: FloatArray, onset: float) -> float | None:
    """Return the first of the sorted times in the window of a changepoint."""
    at = int(np.searchsorted(times, onset))
    return float(times[at]) if at < len(times) and times[at] <= onset + WINDOW_SECONDS else None
