"""A monitor run over events in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

from stream_app.errors import DataError
from stream_app.events import Alert, Readings, SensorRow
from stream_app.monitors.base import Refusal
from stream_app.monitors.sensors import EventScores, SensorMonitor
from stream_app.settings import SensorStream

__all__ = ["MonitorRun", "run_monitor"]


@dataclass(frozen=True, slots=True)
class MonitorRun:
    """What a monitor said of some events.

    Parameters
    ----------
    alerts : list of Alert
        Alerts that began or ended, in the order of the events; their offsets count the events from 0.
    scores : EventScores
        One entry an event, in order; zero and false for events that were refused.
    refusals : list of Refusal
        Events that the intake set aside.
    monitor : SensorMonitor
        As it is afterwards; its states and features can be looked at, or it can be run further.
    """

    alerts: list[Alert]
    scores: EventScores
    refusals: list[Refusal]
    monitor: SensorMonitor


def run_monitor(
    events: Iterable[SensorRow],
    config: SensorStream | None = None,
    *,
    batch: int | None = None,
    monitor: SensorMonitor | None = None,
) -> MonitorRun:
    """Run a monitor over events, as a worker would.

    Parameters
    ----------
    events : iterable of SensorRow
        Of any sources, in the order in which they come.
    config : SensorStream, optional
        Settings of the stream; the defaults where none are given.
    batch : int, optional
        Events of one delivery; all at once where it is None. The result does not depend on it.
    monitor : SensorMonitor, optional
        One to go on with, in place of a new one.

    Raises
    ------
    DataError
        If `batch` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_app.testing import readings
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=1200)
    >>> flow[900:1000] -= 3.0
    >>> run = run_monitor(readings(flow, ["flow"]), SensorStream(channels=("flow",)))
    >>> bool(run.scores.anomaly[950]), "anomaly" in {alert.kind for alert in run.alerts}
    (True, True)
    """
    if batch is not None and batch < 1:
        raise DataError(f"batch: {batch} events; expected 1 or more")
    rows = list(events)
    monitor = SensorMonitor(config or SensorStream()) if monitor is None else monitor
    size = batch or max(len(rows), 1)
    parts = []
    for at in range(0, len(rows), size):
        some = rows[at : at + size]
        parts.append(monitor.update(Readings.of(some, offsets=range(at, at + len(some)))))
    return MonitorRun(
        [alert for part in parts for alert in part.alerts],
        EventScores.joined([part.scores for part in parts]),
        [refusal for part in parts for refusal in part.refusals],
        monitor,
    )
