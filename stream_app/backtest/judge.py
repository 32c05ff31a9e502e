"""The monitor over events in memory: what it says of each, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.events import Alert, SensorRow
from stream_app.monitors.sensors import Arrivals, EventScores, Refusal, SensorMonitor

__all__ = ["Judged", "alert_row", "judge"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the monitor says of some events.

    Parameters
    ----------
    scores : EventScores
        One entry an event, in the order of the input; zero and false for those that were refused.
    alerts : list of Alert
        Alerts that began or ended, in the order of the events; their offsets count the rows of the input from 0.
    refusals : list of Refusal
        Events that the intake set aside.
    """

    scores: EventScores
    alerts: list[Alert]
    refusals: list[Refusal]


def judge(monitor: SensorMonitor, events: Sequence[SensorRow], first: int = 0) -> Judged:
    """Give events to a monitor the way a worker does: source by source, in the order of the input.

    Parameters
    ----------
    monitor : SensorMonitor
        It goes on from where it is.
    events : sequence of SensorRow
        Of any sources, mixed as they come.
    first : int
        Number of the first event in the whole input; it stands for the offset in Kafka.

    Returns
    -------
    Judged
    """
    rows_of: dict[str, list[int]] = {}
    for row, event in enumerate(events):
        rows_of.setdefault(event.source, []).append(row)
    judged = Judged(EventScores.quiet(len(events)), [], [])
    for source, rows in rows_of.items():
        mine = [events[row] for row in rows]
        arrivals = Arrivals(mine, [first + row for row in rows], [event.ts for event in mine])
        outcome = monitor.update(source, arrivals)
        judged.alerts.extend(outcome.alerts)
        judged.refusals.extend(outcome.refusals)
        if outcome.batch is None:
            continue
        at = outcome.batch.offsets - first
        judged.scores.score[at] = outcome.scores.score
        judged.scores.anomaly[at] = outcome.scores.anomaly
        judged.scores.changepoint[at] = outcome.scores.changepoint
        judged.scores.drift[at] = outcome.scores.drift
    judged.alerts.sort(key=alert_row)
    judged.refusals.sort(key=lambda refusal: refusal.offset)
    return judged


def alert_row(alert: Alert) -> int:
    """Return the row at which an alert began or, if it has, ended."""
    return alert.offset if alert.end_offset is None else alert.end_offset
