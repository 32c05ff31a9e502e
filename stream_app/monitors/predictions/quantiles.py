"""How often the truth lies at or below each quantile that a model predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stream_app.core.performance import NewestRows
from stream_app.monitors.predictions.answers import MILLIONTHS
from stream_app.monitors.predictions.intake import Judged

__all__ = ["Quantiles"]


class Quantiles:
    """Quantiles of the newest values of one source; the levels are those of the first value that has some.

    Parameters
    ----------
    window : int
        Newest values that count.
    """

    def __init__(self, window: int) -> None:
        self._levels: tuple[int, ...] = ()
        self._newest = NewestRows(window, 0)

    def update(self, judged: Sequence[Judged]) -> None:
        """Take values whose truth is known; those of other levels are left out."""
        if not self._levels:
            self._levels = next((one.item.columns for one in judged if one.item.columns), ())
        rows = [
            [float(one.truth) <= value for value in one.item.values]
            for one in judged
            if one.item.columns and one.item.columns == self._levels
        ]
        if rows:
            self._newest.append(np.array(rows, dtype=np.float64))

    def features(self) -> dict[str, float | None]:
        """Live figures."""
        rows = self._newest.rows
        if not len(rows):
            return {}
        names = (f"quantile.{level / MILLIONTHS:g}" for level in self._levels)
        return dict(zip(names, rows.mean(axis=0).tolist(), strict=True))

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {"levels": list(self._levels), "newest": self._newest.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`."""
        self._levels = tuple(int(level) for level in state["levels"])
        self._newest = NewestRows.from_state(state["newest"], self._newest.capacity)
