"""River's half-space trees behind the library's conventions: batches, missing values, a state of plain numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.errors import DataError, StateError

__all__ = ["HalfSpaceTreesScorer"]


class HalfSpaceTreesScorer:
    """Score events by how thinly half-space trees are populated where they fall.

    Use it for anomalies without a direction: rare combinations of values that no mean shows. It compares each
    window of events with the one before, so it forgets normal operation within two windows, and anomalies that
    come in long runs become its normal. Not part of the default set, because of its cost: about 20 µs per
    8-channel event and 40 KiB of state with the default 10 trees of height 8.

    The score is River's, in [0, 1], high where anomalous; it has no known distribution, so choose its threshold
    on a normal stretch of your own.

    Parameters
    ----------
    low, high : FloatArray, shape (d,)
        Range of each channel in normal operation; values beyond it are scored at its edge.
    trees, height, window : int
        Size of the ensemble, depth of each tree, events per window.
    seed : int
        Seed of the random cuts. The same seed gives the same trees, which is why the state need not hold them.

    Raises
    ------
    DataError
        If a range is empty or not finite.

    References
    ----------
    S. C. Tan, K. M. Ting and T. F. Liu (2011), Fast anomaly detection for streaming data, IJCAI.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(600, 2))
    >>> x[599] = [3.5, -3.5]
    >>> scores = HalfSpaceTreesScorer(np.full(2, -4.0), np.full(2, 4.0), seed=1).update(x)
    >>> bool(scores[599] > np.quantile(scores[300:], 0.98))
    True
    """

    def __init__(
        self,
        low: FloatArray,
        high: FloatArray,
        *,
        trees: int = 10,
        height: int = 8,
        window: int = 250,
        seed: int = 0,
    ) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            width = high - low
        if not (np.isfinite(width).all() and (width > 0).all()):
            raise DataError("half-space trees: every channel needs a finite range with low < high")
        self._low, self._high = low.copy(), high.copy()
        self._shape = {"trees": trees, "height": height, "window": window, "seed": seed}
        self._model = _planted(low.size, trees, height, window, seed)
        self._set_masses(np.zeros((2, sum(len(nodes) for nodes in self._nodes())), dtype=np.int32))
        self._model._first_window = True  # noqa: SLF001 - River keeps it private; a window of one event ends at once

    def update(self, values: FloatArray) -> FloatArray:
        """Score each event of shape (n, d) and learn from it; 0 in the first window. Missing values are left out."""
        unit = np.clip(
            (np.clip(values, self._low, self._high) - self._low) / (self._high - self._low), 0.0, 1.0
        )
        scores = np.zeros(values.shape[0])
        # River takes one dict an event; there is no batch form.
        for i, row in enumerate(unit.tolist()):
            event = {j: value for j, value in enumerate(row) if value == value}  # noqa: PLR0124 - NaN is not itself
            scores[i] = self._model.score_one(event)
            self._model.learn_one(event)
        return scores

    def _nodes(self) -> list[list[Any]]:
        return [list(tree.iter_dfs()) for tree in self._model.trees]

    def _set_masses(self, masses: npt.NDArray[np.int32]) -> None:
        nodes = [node for tree in self._nodes() for node in tree]
        for node, reference, latest in zip(nodes, *masses.tolist(), strict=True):
            node.r_mass, node.l_mass = reference, latest

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`: the settings that give the trees, and the mass of each node."""
        nodes = [node for tree in self._nodes() for node in tree]
        return {
            **self._shape,
            "low": self._low,
            "high": self._high,
            "counter": self._model.counter,
            "first_window": bool(self._model._first_window),  # noqa: SLF001 - no public access
            "masses": np.array([[n.r_mass for n in nodes], [n.l_mass for n in nodes]], dtype=np.int32),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "HalfSpaceTreesScorer":
        """Take back what `state` gave.

        Raises
        ------
        StateError
            If the state is damaged or another version of River builds other trees.
        """
        try:
            shape = {name: int(state[name]) for name in ("trees", "height", "window", "seed")}
            low = np.asarray(state["low"], dtype=np.float64)
            scorer = cls(low, np.asarray(state["high"], dtype=np.float64), **shape)
            scorer._set_masses(np.asarray(state["masses"], dtype=np.int32))
            scorer._model.counter = int(state["counter"])
            scorer._model._first_window = bool(state["first_window"])  # noqa: SLF001 - no public access
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"half-space trees: {error!r} in their state; it is damaged") from error
        return scorer


def _planted(channels: int, trees: int, height: int, window: int, seed: int) -> Any:
    """Make River's model with its trees built, which River does when it first learns."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415 - it takes 0.2 s to load, and hardly anybody needs it

    model: Any = HalfSpaceTrees(trees, height, window, dict.fromkeys(range(channels), (0.0, 1.0)), seed)
    learn = model.learn_one
    learn(dict.fromkeys(range(channels), 0.5))
    model.counter = 0
    return model
