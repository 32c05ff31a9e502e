"""From events that are marked to alarms that are raised: a stricter level for the same episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np

from stream_app.core.anomaly.smoothing import span_weight
from stream_app.core.anomaly.tails import level_for_rate, student_square_bound
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.signals import Signal

__all__ = ["Escalation"]

_PRIOR = 4.0
"""Degrees of freedom before anything was seen: Student's t with four is the usual cautious model of an unknown."""

_GROWTH = 1.5
"""Factor of the level per alarm in debt, as in `AlarmBudget`."""

_FREE = 3.0
"""Alarms in debt that do not raise the level yet: faults may come in a row."""


class Escalation:
    r"""Pass on only the anomalies whose score reaches the level of a stricter rate.

    A chart that marks one normal stretch an hour is useful; a pager that rings once an hour is not. The detector
    marks episodes at its own rate; this class lets an episode through from the event on at which its score
    reaches the level for `rate`, and its end with it. Changepoints are let through while such an episode
    lasts: then they explain it. Stuck channels are not let through: they are a matter of data quality.

    The level is that of Student's t. The detector asks whether a level left where it was `baseline` events ago; how
    far normal operation goes within that time is known from as many independent stretches as were seen,

    .. math:: \nu = 4 + n / baseline

    of them after n events that were not marked. So a budget of one alarm in 100,000 events asks for an enormous
    departure in the first thousand, and for little more than the normal level after twenty thousand.

    Every alarm is booked, as `AlarmBudget` does: the debt grows by one an alarm and shrinks by `rate` an event; beyond
    three it raises the level by half for each. So four true faults in a row are told as if each were the first, and
    n events raise at most 4 + rate · n + log(S / level) / log 1.5 alarms, for scores up to S and any data.

    The level is calibrated (see `level_for_rate`), the bound is guaranteed.

    Parameters
    ----------
    rate : float
        False alarms per event, between 0 and 1.
    slow, baseline : int
        Spans of the detector's smoothing and of its baseline, in events.
    looks : int
        Statistics that are compared with the level: one a channel and two joint ones.

    References
    ----------
    K. L. Lange, R. J. A. Little and J. M. G. Taylor (1989), Robust statistical modeling using the t distribution,
    Journal of the American Statistical Association 84.

    Examples
    --------
    >>> begin = Signal(row=1, ts=1.0, kind="anomaly", detector="anomaly", channel="*", statistic=3.5, threshold=3.0)
    >>> escalation = Escalation(1e-5, slow=16, baseline=200, looks=3)
    >>> round(escalation.level(400), 1), round(escalation.level(40_000), 1)
    (16.2, 4.7)
    >>> passed, alarmed = escalation.update(np.arange(4.0), np.array([0.0, 3.5, 14.5, 66.0]), [begin])
    >>> [(signal.row, signal.statistic) for signal in passed], alarmed.tolist()
    ([(3, 66.0)], [False, False, False, True])
    """

    def __init__(self, rate: float, *, slow: int, baseline: int, looks: int) -> None:
        self._rate = rate
        self._baseline = baseline
        self._normal_level = level_for_rate(rate, span_weight(slow), looks)
        self._seen = 0
        self._ordinary = 0
        self._debt = 0.0
        self._booked = 0
        self._begin: Signal | None = None
        self._level = float("inf")
        self._raised = False

    def level(self, ordinary: int) -> float:
        """Return the score that an alarm takes after so many events that were not marked, without debt."""
        freedom = np.array(_PRIOR + ordinary // self._baseline)
        return float(np.sqrt(student_square_bound(self._normal_level, freedom)))

    def update(
        self, ts: FloatArray, score: FloatArray, signals: Sequence[Signal]
    ) -> tuple[list[Signal], BoolArray]:
        """Take a batch of the detector's scores, shape (n,), and its signals in the order of their rows.

        Returns
        -------
        signals : list of Signal
            Those that are let through.
        alarmed : array of bool, shape (n,)
            Rows at which an alarm lasts.
        """
        passed: list[Signal] = []
        alarmed = np.zeros(len(ts), dtype=np.bool_)
        row = 0
        for signal in signals:
            if signal.detector != "anomaly" and signal.kind != "changepoint":
                continue
            self._pass(ts, score, slice(row, signal.row), passed, alarmed)
            row = signal.row
            if self._raised and (signal.ended or signal.kind == "changepoint"):
                passed.append(signal)
            if signal.kind != "changepoint":
                self._begin, self._raised = None, False
                if not signal.ended:
                    self._open(signal)
        self._pass(ts, score, slice(row, len(ts)), passed, alarmed)
        self._seen += len(ts)
        passed.sort(key=lambda signal: signal.row)
        return passed, alarmed

    def _open(self, begin: Signal) -> None:
        # Set once an episode: what happens in it is no evidence of what is normal.
        self._begin = begin
        excess = max(0.0, self._owed(self._seen + begin.row) - _FREE)
        self._level = self.level(self._ordinary) * _GROWTH**excess

    def _owed(self, event: int) -> float:
        return max(0.0, self._debt - self._rate * (event - self._booked))

    def _pass(
        self, ts: FloatArray, score: FloatArray, rows: slice, passed: list[Signal], alarmed: BoolArray
    ) -> None:
        """Let rows pass without a change of the episode; raise an open one at the first that reaches the level."""
        first = rows.start
        if self._begin is None:
            self._ordinary += rows.stop - rows.start
        elif not self._raised:
            high = np.flatnonzero(score[rows] >= self._level)
            if len(high):
                first += int(high[0])
                passed.append(self._raise(self._begin, first, ts, score))
        if self._raised:
            alarmed[first : rows.stop] = True

    def _raise(self, begin: Signal, row: int, ts: FloatArray, score: FloatArray) -> Signal:
        self._raised = True
        event = self._seen + row
        self._debt, self._booked = self._owed(event) + 1.0, event
        return replace(
            begin,
            row=row,
            ts=float(ts[row]),
            statistic=float(score[row]),
            threshold=self._level,
            p_value=None,
        )

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "seen": self._seen,
            "ordinary": self._ordinary,
            "debt": self._debt,
            "booked": self._booked,
            # A row means something in its own batch only; kept, it would make states differ by where batches end.
            "begin": None if self._begin is None else asdict(replace(self._begin, row=0)),
            "level": self._level if self._begin is not None else None,
            "raised": self._raised,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on where `state` was taken."""
        begin = state["begin"]
        if begin is not None:
            pairs = {name: tuple(map(tuple, begin[name])) for name in ("contributions", "context")}
            begin = Signal(**{**begin, **pairs})
            self._level = float(state["level"])
        self._seen, self._ordinary = int(state["seen"]), int(state["ordinary"])
        self._debt, self._booked = float(state["debt"]), int(state["booked"])
        self._begin, self._raised = begin, bool(state["raised"])
        return self
