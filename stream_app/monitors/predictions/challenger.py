"""Comparison of versions of a model that answer side by side."""

from collections.abc import Mapping
from typing import Any

from stream_app.core.challenger import Comparison
from stream_app.monitors.predictions.columns import Labelled
from stream_app.settings.predictions import PredictionStream

__all__ = ["Challenger"]


class Challenger:
    """Comparison of versions that answer side by side.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._comparison = Comparison(config.versions) if config.versions else None

    def update(self, columns: Labelled) -> None:
        """Take labelled predictions."""
        if self._comparison is not None:
            for item, right in zip(columns.items, columns.right.tolist(), strict=True):
                self._comparison.update(item.version, right)

    def features(self) -> dict[str, float | None]:
        """Live figures: of each version its answers, accuracy and chance to be the best."""
        if self._comparison is None:
            return {}
        decision = self._comparison.decide()
        values: dict[str, float | None] = {
            "challenger.decided": float(decision.verdict != "undecided"),
            "challenger.switch": float(decision.verdict == "switch"),
        }
        for i, version in enumerate(decision.versions):
            values[f"version.{version}.labelled"] = decision.n[i]
            values[f"version.{version}.accuracy"] = decision.accuracy[i] if decision.n[i] else None
            values[f"version.{version}.best"] = decision.best[i]
            values[f"version.{version}.loss"] = decision.loss[i]
        return values

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"comparison": None if self._comparison is None else self._comparison.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`, if the same versions are compared."""
        if self._comparison is not None and state["comparison"] is not None:
            stored = Comparison.from_state(state["comparison"])
            if stored.versions == self._comparison.versions:
                self._comparison = stored
