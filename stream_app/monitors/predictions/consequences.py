"""What follows from how a model does: weak slices, a challenger, reasons to train again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.challenger import Comparison
from stream_app.core.retraining import Evidence, RetrainingConfig, RetrainingPolicy, Trigger
from stream_app.core.slices import Slice, SliceConfig, SliceFinder
from stream_app.monitors.predictions.accuracy import Accuracy
from stream_app.monitors.predictions.columns import LabelledColumns
from stream_app.monitors.predictions.inputs import Inputs, numbers
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["Challenge", "Retraining", "Slices"]


class Slices:
    """Parts of the input in which a model errs significantly more often than overall.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._every = config.slice_every if config.slices else 0
        self._window = config.slice_window
        self._finder: SliceFinder | None = None
        self._labelled = 0
        self._due = False
        self._firing: dict[str, str] = {}
        self.words: dict[tuple[str, int], str] = {}
        """What was told in this delivery, by the names of the features and the place in the batch."""

    def update(self, columns: LabelledColumns) -> None:
        """Take labelled predictions; those before `begin` do not count."""
        if self._finder is None:
            return
        names = self._finder.categorical
        categories = np.array(
            [[item.categories.get(name) for name in names] for item in columns.items],
            dtype=object,
        ).reshape(len(columns), len(names))
        self._finder.update(numbers(columns.items, self._finder.numeric), categories, ~columns.right)
        before, self._labelled = self._labelled, self._labelled + len(columns)
        self._due |= before // self._every != self._labelled // self._every

    def begin(self, inputs: Inputs) -> None:
        """Begin at the end of a block of events, if the names of the features are known by then."""
        if self._finder is None and self._every and inputs.known and inputs.numeric + inputs.categorical:
            self._finder = SliceFinder(inputs.numeric, inputs.categorical, SliceConfig(window=self._window))

    def search(self, row: int, ts: float) -> list[Named]:
        """Search the window, if it is due, at the end of a block of events.

        Slices of the same features are one alert: their bounds move a little from search to search.
        """
        if self._finder is None or not self._due:
            return []
        self._due = False
        # Of several slices of the same features the most certain one comes last.
        weak = {_channel(one): one for one in reversed(self._finder.find())}
        found = [
            performance_signal(
                "slice", row, ts, channel=name, statistic=one.metric, threshold=one.overall,
                context={"n": float(one.n), "low": one.interval[0], "high": one.interval[1]},
            )
            for name, one in weak.items()
        ]  # fmt: skip
        found += [
            performance_signal("slice", row, ts, channel=name, statistic=0.0, threshold=0.0, ended=True)
            for name in self._firing.keys() - weak.keys()
        ]
        self._firing = {name: one.rule for name, one in weak.items()}
        self.words |= {
            (name, row): f"error rate {one.metric:.1%} where {one.rule}, {one.overall:.1%} overall"
            for name, one in weak.items()
        }
        return sorted(found, key=lambda named: named[1].channel)

    def features(self) -> dict[str, float | None]:
        """Live figures."""
        return {"slices": len(self._firing)}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "finder": None if self._finder is None else self._finder.state(),
            "labelled": self._labelled,
            "due": self._due,
            "firing": dict(self._firing),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self._finder = None if state["finder"] is None else SliceFinder.from_state(state["finder"])
        self._labelled = int(state["labelled"])
        self._due = bool(state["due"])
        self._firing = dict(state["firing"])


class Challenge:
    """Versions of a model that answer side by side, and which of them to use.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._comparison = Comparison(config.versions) if config.versions else None

    def update(self, columns: LabelledColumns) -> None:
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
        """Go on where `state` was taken, if the same versions are compared."""
        if self._comparison is not None and state["comparison"] is not None:
            stored = Comparison.from_state(state["comparison"])
            if stored.versions == self._comparison.versions:
                self._comparison = stored


class Retraining:
    """Reasons to train a model again, from all that is known of it at the ends of blocks of events.

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

    def look(self, ts: float, version: str, accuracy: Accuracy, inputs: Inputs) -> tuple[Trigger, ...]:
        """Look at what is known at the end of a block."""
        samples, self._labelled = accuracy.labelled - self._labelled, accuracy.labelled
        changed = tuple(name for name, n in accuracy.drifts.items() if n > self._drifts.get(name, 0))
        self._drifts = dict(accuracy.drifts)
        now, limit = accuracy.standing()
        evidence = Evidence(
            ts=ts,
            version=version,
            samples=samples,
            accuracy=now,
            limit=limit,
            dropped=accuracy.below,
            drifted=inputs.drifted,
            psi=inputs.psi,
            concept_drift=changed,
        )
        return self._policy.update(evidence)

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"policy": self._policy.state(), "labelled": self._labelled, "drifts": dict(self._drifts)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; a changed configuration holds from now on."""
        self._policy = RetrainingPolicy.from_state(state["policy"], self._options)
        self._labelled = int(state["labelled"])
        self._drifts = {str(name): int(n) for name, n in state["drifts"].items()}


def _channel(one: Slice) -> str:
    return " & ".join(condition.feature for condition in one.conditions)
