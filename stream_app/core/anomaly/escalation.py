"""From events that are marked to alarms that are raised: a stricter level for the same episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np

from stream_app.core.anomaly.smoothing import span_weight
from stream_app.core.anomaly.tails import level_for_rate
from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal

__all__ = ["Escalation"]


class Escalation:
    """Pass on only the anomalies whose score reaches the level of a stricter rate.

    A chart that marks one normal stretch an hour is useful; a pager that rings once an hour is not. The detector
    marks episodes at its own rate; this class lets an episode through from the event on at which its score
    reaches the level for `rate`, and its end with it. Changepoints are let through while such an episode
    lasts: then they explain it, and cost no false alarm of their own. Stuck channels pass as they are.

    The level is calibrated (see `level_for_rate`), not guaranteed.

    Parameters
    ----------
    rate : float
        False alarms per event, between 0 and 1.
    slow : int
        Span of the detector's smoothing, in events.
    looks : int
        Statistics that are compared with the level: one a channel and two joint ones.

    Examples
    --------
    >>> begin = Signal(row=1, ts=1.0, kind="anomaly", detector="anomaly", channel="*", statistic=3.5, threshold=3.0)
    >>> escalation = Escalation(1e-5, slow=16, looks=3)
    >>> passed = escalation.update(np.arange(4.0), np.array([0.0, 3.5, 4.5, 6.0]), [begin])
    >>> [(signal.row, signal.statistic) for signal in passed]
    [(3, 6.0)]
    """

    def __init__(self, rate: float, *, slow: int, looks: int) -> None:
        self.level = level_for_rate(rate, span_weight(slow), looks)
        self._begin: Signal | None = None
        self._raised = False

    def update(self, ts: FloatArray, score: FloatArray, signals: Sequence[Signal]) -> list[Signal]:
        """Take a batch of the detector's scores, shape (n,), and its signals in the order of their rows."""
        passed: list[Signal] = []
        row = 0
        for signal in signals:
            if signal.detector != "anomaly" and signal.kind != "changepoint":
                passed.append(signal)
                continue
            self._climb(ts, score, row, signal.row, passed)
            row = signal.row
            if signal.kind == "changepoint":
                if self._raised:
                    passed.append(signal)
            elif signal.ended:
                if self._raised:
                    passed.append(signal)
                self._begin, self._raised = None, False
            else:
                self._begin, self._raised = signal, False
        self._climb(ts, score, row, len(ts), passed)
        passed.sort(key=lambda signal: signal.row)
        return passed

    def _climb(self, ts: FloatArray, score: FloatArray, first: int, stop: int, passed: list[Signal]) -> None:
        """Raise the open episode at the first of these rows that reaches the level."""
        if self._begin is None or self._raised:
            return
        high = np.flatnonzero(score[first:stop] >= self.level)
        if len(high):
            row = first + int(high[0])
            self._raised = True
            passed.append(
                replace(
                    self._begin,
                    row=row,
                    ts=float(ts[row]),
                    statistic=float(score[row]),
                    threshold=self.level,
                    p_value=None,
                )
            )

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"begin": None if self._begin is None else asdict(self._begin), "raised": self._raised}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on where `state` was taken."""
        begin = state["begin"]
        if begin is not None:
            pairs = {name: tuple(map(tuple, begin[name])) for name in ("contributions", "context")}
            begin = Signal(**{**begin, **pairs})
        self._begin, self._raised = begin, bool(state["raised"])
        return self
