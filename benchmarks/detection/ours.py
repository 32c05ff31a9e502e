"""The monitor with its defaults, as `streamgauge backtest` and a worker run it: one causal pass."""

from collections import Counter

import numpy as np
from scoring import Verdict
from series import Series

from stream_app.backtesting import InputRows
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import SensorStream

__all__ = ["monitored"]

BATCH = 4096
TELLS = ("anomaly", "drift")
"""Kinds of alerts that claim that something happened; changepoints tell within them, quality has no budget."""


def monitored(series: Series, budget: str) -> Verdict:
    """Run the monitor of one source over a series."""
    names = tuple(f"channel-{j}" for j in range(series.values.shape[1]))
    monitor = SensorMonitor(SensorStream(budget=budget, warmup=series.warmup))
    scores, alarms, other = [], [], Counter[str]()
    for first in range(0, len(series), BATCH):
        rows = slice(first, first + BATCH)
        part = InputRows.of("source", series.ts[rows], names, series.values[rows])
        outcome = monitor.update(part.readings(first))
        scores.append(outcome.scores)
        for alert in outcome.alerts:
            if not alert.begins:
                continue
            if alert.kind in TELLS:
                alarms.append(alert.offset)
            else:
                other[str(alert.kind)] += 1
    return Verdict(
        np.concatenate([part.score for part in scores]),
        np.concatenate([part.anomaly for part in scores]),
        np.array(alarms, dtype=int),
        np.flatnonzero(np.concatenate([part.changepoint for part in scores])),
        dict(other),
    )
