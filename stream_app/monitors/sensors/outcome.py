"""What a monitor makes of some readings."""

from dataclasses import dataclass

from stream_app.events import Alert
from stream_app.monitors.sensors.batch import SensorBatch
from stream_app.monitors.sensors.intake import Refusal
from stream_app.monitors.sensors.scores import EventScores

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one update of one source.

    Parameters
    ----------
    source : str
        Whose.
    batch : SensorBatch or None
        The readings that were counted; None if there was none.
    scores : EventScores
        Judgement of each of them.
    refusals : list of Refusal
        Readings that were set aside.
    alerts : list of Alert
        Alerts that began or ended, in the order of their events.
    """

    source: str
    batch: SensorBatch | None
    scores: EventScores
    refusals: list[Refusal]
    alerts: list[Alert]
