"""Whether predicted and true labels of a model are of the same classes."""

from collections.abc import Mapping
from typing import Any

from stream_app.labels import LEAST, apart
from stream_app.monitors.predictions.columns import LabelledColumns
from stream_app.monitors.predictions.signals import Named, performance_signal

__all__ = ["LabelSets"]

_MOST = 1024
"""Different labels of each side that are kept: names are the producer's, memory is ours."""


class LabelSets:
    """Predicted and true labels of one source, until they are seen to meet.

    Where a model answers "cat" and the truth says 3, accuracy is 0 from the beginning, hence equal to its baseline.
    """

    def __init__(self) -> None:
        self._predicted: set[str] = set()
        self._true: set[str] = set()
        self._labelled = 0
        self._firing = False
        self._met = False
        self.summaries: dict[tuple[str, int], str] = {}
        """Summaries of this delivery's signals, by channel and place in the batch."""

    def update(self, columns: LabelledColumns) -> list[Named]:
        """Take labelled predictions."""
        if self._met:
            return []
        found: list[Named] = []
        for i, (item, truth) in enumerate(zip(columns.items, columns.truths, strict=True)):
            self._labelled += 1
            if len(self._predicted) < _MOST and len(self._true) < _MOST:
                self._predicted.add(item.predicted)
                self._true.add(truth)
            if self._labelled < LEAST:
                continue
            problem = apart(self._predicted, self._true)
            if (problem is None) is self._firing or (problem is not None and self._labelled == LEAST):
                found.append(self._signal(problem, int(columns.row[i]), float(columns.ts[i])))
            if problem is None:
                self._met = True
                self._predicted.clear()
                self._true.clear()
                break
        return found

    def _signal(self, problem: str | None, row: int, ts: float) -> Named:
        self._firing = problem is not None
        name, signal = performance_signal(
            "labels", row, ts, statistic=float(self._firing), threshold=0.0, ended=not self._firing,
            context={"predicted": float(len(self._predicted)), "true": float(len(self._true))},
        )  # fmt: skip
        if problem is not None:
            self.summaries[signal.channel, row] = problem
        return name, signal

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "predicted": sorted(self._predicted),
            "true": sorted(self._true),
            "labelled": self._labelled,
            "firing": self._firing,
            "met": self._met,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`."""
        self._predicted, self._true = set(state["predicted"]), set(state["true"])
        self._labelled = int(state["labelled"])
        self._firing, self._met = bool(state["firing"]), bool(state["met"])
