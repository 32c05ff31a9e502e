"""Statistics of nodes, metric groups, metrics on all nodes, and the whole: many series a little unusual at once, and what is absent.

Of each of these it is the mean square of scores in the direction that is worse, each drawn in, once of the series themselves
and once of what the components leave of them; as a logarithm. Of the whole it is also the share of nodes that are absent.
How rare each is its own past tells, whatever the dependence between the series.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.kernel import kernel
from stream_app.core.platform.series import WHOLE, Series
from stream_app.core.platform.stored import expect

__all__ = ["FIRST", "Aggregates"]

FIRST = 3
"""Slots of the whole."""
BOUND = 5.0
_FLOOR = 0.05
USUAL = 0.9
"""Share of windows in which a series is there whose absence counts."""


@kernel
def _gather(scores: Any, worse: Any, owners: Any, k: int, places: Any) -> None:
    """Count scores and add up their squares: of the whole, of nodes, groups and metrics, each at its slot."""
    for i in range(len(scores)):
        bad = scores[i]
        if not math.isfinite(bad):
            continue
        bad = abs(bad) if worse[i] == 0 else max(bad * worse[i], 0.0)
        square = min(bad, BOUND) ** 2
        for place in (
            k,
            FIRST + 2 * owners[i, 0] + k,
            FIRST + 2 * owners[i, 1] + k,
            FIRST + 2 * owners[i, 2] + k,
        ):
            places[place, 0] += 1.0
            places[place, 1] += square


def _keys(one: Series) -> tuple[str, str, str]:
    return f"{one.of}:{one.node}", f"group:{one.group}", f"metric:{one.of}:{one.metric}"


class Aggregates:
    """Slots of nodes, groups and metrics, and their statistics.

    The first slots are of the whole: the scores, what the components leave, and the absent share of nodes.
    """

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self._places: list[str] = []
        """The key of each place; empty where it is free, until another takes it."""
        self.owners = np.zeros((0, 3), np.int64)
        self.machines = np.zeros(0, bool)

    def __len__(self) -> int:
        return FIRST + 2 * len(self._places)

    def index(self, series: Sequence[Series]) -> list[int]:
        """Learn which series are of which node, group and metric; return the slots of those of which no series is left.

        Others may take these, so that nodes and metrics that come and go do not use them up.
        """
        keys = [_keys(one) for one in series]
        gone = self.keys.keys() - {key for three in keys for key in three}
        freed = sorted(self.keys.pop(key) for key in gone)
        for place in freed:
            self._places[place] = ""
        free = [place for place, key in enumerate(self._places) if not key]
        free.reverse()
        for key in dict.fromkeys(key for three in keys for key in three):
            if key not in self.keys:
                self.keys[key] = place = free.pop() if free else len(self._places)
                self._places[place : place + 1] = [key]
        self.owners = np.array([[self.keys[key] for key in three] for three in keys], np.int64).reshape(-1, 3)
        self.machines = np.array([one.of == "node" and one.node != WHOLE for one in series], bool)
        return [FIRST + 2 * place + k for place in freed for k in range(2)]

    def state(self) -> list[str]:
        """State as plain values, for `restore`."""
        return list(self._places)

    def restore(self, state: Sequence[str]) -> None:
        """Restore from `state`; raises a `StateError` where it is damaged."""
        self._places = list(state)
        self.keys = {key: place for place, key in enumerate(self._places) if key}
        expect(all(isinstance(key, str) for key in self._places), "aggregates")
        expect(len(self.keys) == sum(map(bool, self._places)), "aggregates")

    def update(
        self, scores: FloatArray, left: FloatArray, worse: Any, present: FloatArray, there: BoolArray
    ) -> FloatArray:
        """Return the statistics of a window; NaN where nothing is known.

        Parameters
        ----------
        scores, left : ndarray of shape (n,)
            Signed normal scores, of the series and of what the components leave of them.
        worse : ndarray of int8, shape (n,)
            Direction that is worse, 0 for both.
        present : ndarray of shape (n,)
            In which share of windows each is there.
        there : ndarray of bool, shape (n,)
            Which are there now.
        """
        statistics = np.full(len(self), np.nan)
        places = np.zeros((len(self), 2))
        for k, each in enumerate((scores, left)):
            _gather(each, worse, self.owners, k, places)
        known = places[:, 0] > 0.0
        statistics[known] = np.log(_FLOOR + places[known, 1] / places[known, 0])
        statistics[2] = self._absent(present, there)
        return statistics

    def _absent(self, present: FloatArray, there: BoolArray) -> float:
        """Return the share of nodes of which half of what is usually there is absent."""
        usual = self.machines & (present > USUAL)
        owners = self.owners[usual, 0]
        all_of = np.bincount(owners, minlength=1)
        gone = np.bincount(owners[~there[usual]], minlength=len(all_of))
        return float(np.mean(2 * gone[all_of > 0] > all_of[all_of > 0])) if len(owners) else 0.0
