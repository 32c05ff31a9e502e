"""The course of one model for a picture: its live figures every so many events."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_app.events import Alert, RetrainingTrigger

__all__ = ["SHOWN", "Course"]

SHOWN = ("accuracy", "accuracy.low", "accuracy.high", "estimated_accuracy", "baseline.accuracy")
"""Live features that are kept."""


@dataclass(slots=True)
class Course:
    """Live figures of one model over time, and what was told of it.

    Parameters
    ----------
    ts : list of float
        Event times.
    figures : dict of str to list of float
        The features `SHOWN` at these times; NaN where there is none.
    alerts : list of Alert
        Alerts that began or ended.
    triggers : list of RetrainingTrigger
        Reasons to train again.
    """

    ts: list[float] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SHOWN})
    alerts: list[Alert] = field(default_factory=list)
    triggers: list[RetrainingTrigger] = field(default_factory=list)

    def look(self, ts: float, features: Mapping[str, float | None]) -> None:
        """Note the features at a time."""
        self.ts.append(ts)
        for name, column in self.figures.items():
            value = features.get(name)
            column.append(float("nan") if value is None else value)
