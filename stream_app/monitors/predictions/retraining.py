"""Retraining triggers of a model."""

from collections.abc import Mapping
from typing import Any

from stream_app.core.retraining import Evidence, RetrainingConfig, RetrainingPolicy, Trigger
from stream_app.monitors.predictions.inputs import Inputs
from stream_app.monitors.predictions.performance import Performance
from stream_app.settings.predictions import PredictionStream

__all__ = ["Retraining"]


class Retraining:
    """Reasons to retrain a model, evaluated at the ends of blocks of events.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._options = RetrainingConfig(**config.retraining.model_dump())
        self._policy = RetrainingPolicy(self._options)
        self._labelled = 0
        self._drifts: dict[str, int] = {}

    def look(self, ts: float, version: str, performance: Performance, inputs: Inputs) -> tuple[Trigger, ...]:
        """Evaluate the reasons at the end of a block."""
        samples, self._labelled = performance.labelled - self._labelled, performance.labelled
        changed = tuple(name for name, n in performance.drifts.items() if n > self._drifts.get(name, 0))
        self._drifts = dict(performance.drifts)
        standing = performance.standing()
        evidence = Evidence(
            ts=ts,
            version=version,
            samples=samples,
            measure=standing.measure,
            performance=standing.value,
            limit=standing.limit,
            is_least=standing.is_least,
            worse=standing.beyond,
            drifted=inputs.drifted,
            psi=inputs.psi,
            concept_drift=changed,
        )
        return self._policy.update(evidence)

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"policy": self._policy.state(), "labelled": self._labelled, "drifts": dict(self._drifts)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; a changed configuration holds from now on."""
        self._policy = RetrainingPolicy.from_state(state["policy"], self._options)
        self._labelled = int(state["labelled"])
        self._drifts = {str(name): int(n) for name, n in state["drifts"].items()}
