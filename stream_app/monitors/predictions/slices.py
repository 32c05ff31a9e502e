"""Weak slices of a model's input."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from stream_app.core.slices import Slice, SliceConfig, SliceFinder
from stream_app.monitors.predictions.columns import Labelled
from stream_app.monitors.predictions.inputs import Inputs, numbers
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import PredictionStream

__all__ = ["Slices"]


_FIGURES = {"classification": "error rate", "regression": "share of large errors"}
"""What slices are weak by: large errors are those that a tenth of the baseline's exceed."""


class Slices:
    """Weak slices of a model's input.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._figure = _FIGURES[config.task]
        self._every = config.slice_every if config.slices else 0
        self._window = config.slice_window
        self._finder: SliceFinder | None = None
        self._labelled = 0
        self._due = False
        self._firing: dict[str, str] = {}
        self.summaries: dict[tuple[str, int], str] = {}
        """Summaries of this delivery's signals, by the names of the features and the place in the batch."""

    def update(self, columns: Labelled) -> None:
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
        """Start at the end of a block of events, if the feature names are known."""
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
        self.summaries |= {
            (name, row): f"{self._figure} {one.metric:.1%} where {one.rule}, {one.overall:.1%} overall"
            for name, one in weak.items()
        }
        return sorted(found, key=lambda named: named[1].channel)

    def features(self) -> dict[str, float | None]:
        """Live features."""
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
        """Restore from `state`."""
        self._finder = None if state["finder"] is None else SliceFinder.from_state(state["finder"])
        self._labelled = int(state["labelled"])
        self._due = bool(state["due"])
        self._firing = dict(state["firing"])


def _channel(one: Slice) -> str:
    return " & ".join(condition.feature for condition in one.conditions)
