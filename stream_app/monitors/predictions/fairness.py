"""Fairness of a model over the groups of each protected attribute."""

import math
from collections.abc import Mapping
from typing import Any

from stream_app.core.fairness import FairnessOptions, GroupOutcomes, Violation
from stream_app.monitors.predictions.columns import Labelled
from stream_app.monitors.predictions.signals import Named, performance_signal
from stream_app.settings.predictions import FairnessSettings, PredictionStream

__all__ = ["Fairness"]

_GROUPS_TOLD = 20
"""Attributes of more groups have no live features of each group."""


class Fairness:
    """Labelled predictions by group, and their fairness report.

    Each window is judged once, when it is full of new predictions: a level of one look is then that of one window.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._fairness = config.fairness
        self._options = FairnessOptions() if config.fairness is None else _options(config.fairness)
        self._outcomes = (
            {}
            if config.fairness is None
            else {name: self._fresh(config.fairness) for name in config.fairness.groups}
        )
        self._labelled = 0
        self._due = False
        self._firing: dict[str, None] = {}
        self.summaries: dict[tuple[str, int], str] = {}
        """Summaries of the violations of this delivery, by attribute and place in the batch."""

    def _fresh(self, settings: FairnessSettings) -> GroupOutcomes:
        return GroupOutcomes(settings.favourable, window=settings.window, options=self._options)

    def update(self, columns: Labelled) -> None:
        """Take labelled predictions."""
        if self._fairness is None or not len(columns):
            return
        predicted = [item.predicted for item in columns.items]
        for name, outcomes in self._outcomes.items():
            outcomes.update([item.categories.get(name) for item in columns.items], predicted, columns.truths)
        before, self._labelled = self._labelled, self._labelled + len(columns)
        window = self._fairness.window
        self._due |= before // window != self._labelled // window

    def judge(self, row: int, ts: float) -> list[Named]:
        """Judge the window, if it is due, at the end of a block of events."""
        if not self._due:
            return []
        self._due = False
        found: list[Named] = []
        for name, outcomes in self._outcomes.items():
            violations = outcomes.report().violations
            if violations:
                found.append(self._signal(name, violations[0], row, ts))
                self._firing[name] = None
            elif name in self._firing:
                del self._firing[name]
                found.append(
                    performance_signal(
                        "fairness", row, ts, channel=name, statistic=0.0, threshold=0.0, ended=True
                    )
                )
        return found

    def _signal(self, name: str, violation: Violation, row: int, ts: float) -> Named:
        self.summaries[name, row] = f"{violation.criterion} by {name}: {violation.summary}"
        return performance_signal(
            "fairness", row, ts, channel=name, statistic=violation.statistic, threshold=violation.limit,
            context={"p_value": violation.p_value},
        )  # fmt: skip

    def features(self) -> dict[str, float | None]:
        """Live figures: of each attribute the usual ratios, of each group how often it is favoured and judged rightly."""
        values: dict[str, float | None] = {}
        for name, outcomes in self._outcomes.items():
            report = outcomes.report()
            values[f"fairness.{name}.disparate_impact"] = report.disparate_impact
            values[f"fairness.{name}.opportunity_difference"] = report.opportunity_difference
            values[f"fairness.{name}.violated"] = float(name in self._firing)
            for group in report.groups if len(report.groups) <= _GROUPS_TOLD else ():
                values[f"fairness.{name}.{group.group}.selection"] = group.selection.value
                values[f"fairness.{name}.{group.group}.accuracy"] = group.accuracy.value
        return {
            name: None if value is None or not math.isfinite(value) else value
            for name, value in values.items()
        }

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "outcomes": {name: outcomes.state() for name, outcomes in self._outcomes.items()},
            "labelled": self._labelled,
            "due": self._due,
            "firing": list(self._firing),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; what is new in the settings starts afresh."""
        for name, fresh in self._outcomes.items():
            if name in state["outcomes"]:
                stored = GroupOutcomes.from_state(state["outcomes"][name], self._options)
                if (stored.favourable, stored.window) == (fresh.favourable, fresh.window):
                    self._outcomes[name] = stored
        self._labelled = int(state["labelled"])
        self._due = bool(state["due"])
        self._firing = dict.fromkeys(name for name in state["firing"] if name in self._outcomes)


def _options(settings: FairnessSettings) -> FairnessOptions:
    return FairnessOptions(**settings.model_dump(exclude={"favourable", "groups", "window"}))
