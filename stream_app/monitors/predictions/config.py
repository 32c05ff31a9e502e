"""What a prediction monitor is told."""

from dataclasses import dataclass

__all__ = ["PredictionConfig"]


@dataclass(frozen=True, slots=True)
class PredictionConfig:
    """Settings of a prediction monitor.

    Parameters
    ----------
    stream : str
        Name of the stream; part of each alert's identity.
    label_within : float
        Seconds of event time that a prediction waits for its label, and a label for its prediction.
    max_waiting : int
        Most predictions of a source that wait at once.
    window : int
        Labelled predictions over which accuracy and the like are taken.
    lateness, max_future, cooldown, resolve_after : float
        Seconds, as for sensors; a label is never late but by `label_within`.
    source_ttl : float
        Seconds of its own event time after which a source that comes back starts cold.
    """

    stream: str = "predictions"
    label_within: float = 3600.0
    max_waiting: int = 10_000
    window: int = 1000
    lateness: float = 60.0
    max_future: float = 86_400.0
    source_ttl: float = 604_800.0
    cooldown: float = 300.0
    resolve_after: float = 300.0
