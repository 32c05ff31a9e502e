"""Everything the monitor knows of one model."""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

from stream_app.errors import DataError, StateError
from stream_app.monitors.predictions.arrivals import Arrivals, PredictionBatch
from stream_app.monitors.predictions.config import PredictionConfig
from stream_app.monitors.predictions.intake import Intake
from stream_app.monitors.predictions.outcome import Outcome

__all__ = ["SourceMonitor"]

_VERSION = 1

_DAMAGES = (
    ArithmeticError, AttributeError, DataError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What comes of a state that is well-formed and nonsense, as a forger's would be."""


class SourceMonitor:
    """Intake, performance and alerts of one source.

    Parameters
    ----------
    source : str
        Whose.
    config : PredictionConfig
        Settings.
    """

    def __init__(self, source: str, config: PredictionConfig) -> None:
        self.source = source
        self.config = config
        self.intake = Intake(config)
        self._right: deque[bool] = deque(maxlen=config.window)

    def update(self, arrivals: Arrivals, partition: int) -> Outcome:  # noqa: ARG002 used by alerts
        """Take events of this source, in the order of their offsets."""
        before = asdict(self.intake.join.counts)
        admitted = self.intake.admit(arrivals)
        labels = {name: count - before[name] for name, count in asdict(self.intake.join.counts).items()}
        if not admitted.rows:
            return Outcome(self.source, None, admitted.refusals, [], labels=labels)
        batch = PredictionBatch.of(self.source, arrivals, admitted.rows)
        self._right.extend(item.predicted == truth for _, item, truth in admitted.labelled)
        return Outcome(self.source, batch, admitted.refusals, [], labels=labels)

    def features(self) -> tuple[float, dict[str, float | None]]:
        """Return the time of the newest event, and the live features."""
        counts = self.intake.join.counts
        return self.intake.newest, {
            "predictions": counts.predictions,
            "labelled": counts.joined,
            "missing_labels": counts.missing,
            "unmatched_labels": counts.unmatched_labels,
            "accuracy": sum(self._right) / len(self._right) if self._right else None,
        }

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {"version": _VERSION, "intake": self.intake.state(), "right": list(self._right)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], source: str, config: PredictionConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        if state.get("version") != _VERSION:
            raise StateError(
                f"state of {source}: version {state.get('version')}, this program reads {_VERSION}"
            )
        monitor = cls(source, config)
        try:
            monitor.intake = Intake.from_state(state["intake"], config)
            monitor._right.extend(state["right"])
        except _DAMAGES as error:
            raise StateError(f"state of {source} is damaged: {type(error).__name__}: {error}") from error
        return monitor
