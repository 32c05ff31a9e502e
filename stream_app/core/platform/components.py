"""Principal components of many series, learned in blocks: what all do together, and what is left of each without it.

Load moves most metrics of a platform at once. What the components of the past do not explain, a processor that is busy without requests, is
a broken correlation. Missing values are left out of the least squares that place a window among the components.

References
----------
D. A. Ross, J. Lim, R.-S. Lin and M.-H. Yang (2008), Incremental learning for robust visual tracking: the components of the components so
far, by their weights, and of a new block. V. A. Marchenko and L. A. Pastur (1967): what is kept lies beyond what noise would show.
"""

from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.platform.lag import Lag
from stream_app.core.platform.stored import expect, stored_array, stored_number

__all__ = ["Components"]

BLOCK = 32
"""Windows between updates."""
MOST = 12
DAYS = 2.0
"""How long the memory is."""
STEPS = 30.0
"""Steps of a standard deviation in which windows wait."""
_RIDGE = 1e-6
_HEAVIEST = 1e12
"""No weight of sound components is as large."""


class Components:
    """Incremental principal components of standardised series that grow in number.

    Parameters
    ----------
    window : float
        Seconds of a window.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> components = Components(60.0)
    >>> components.grow(6)
    >>> for t in range(500):
    ...     components.add(60.0 * t, rng.normal() + 0.1 * rng.normal(size=6))
    >>> together, alone = np.ones(6), np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> float(np.abs(components.residuals(together)).max()) < 0.1, float(components.residuals(alone)[0]) > 1.5
    (True, True)
    """

    def __init__(self, window: float) -> None:
        self.lag = Lag(window)
        self.axes = np.zeros((0, 0))
        self.weights = np.zeros(0)  # sums of squares along the axes
        self.learned = 0.0
        self.block: list[FloatArray] = []

    def __len__(self) -> int:
        return len(self.axes)

    def grow(self, n: int) -> None:
        """Let there be `n` series."""
        more = n - self.axes.shape[0]
        self.axes = np.pad(self.axes, ((0, more), (0, 0)))
        self.block = [np.pad(row, (0, more)) for row in self.block]
        self.lag.grow(more, fill=0)

    def forget(self, slots: Any) -> None:
        """Let series take no part until they are learned anew."""
        self.axes[slots] = 0.0
        for row in self.block:
            row[slots] = 0.0
        self.lag.forget(slots, fill=0)

    def residuals(self, standard: FloatArray) -> FloatArray:
        """Return what the components leave of standardised values; NaN where there is none."""
        there = np.isfinite(standard)
        axes = self.axes[there]
        square = axes.T @ axes + _RIDGE * np.eye(axes.shape[1])
        left = np.full(len(standard), np.nan)
        left[there] = standard[there] - axes @ np.linalg.solve(square, axes.T @ standard[there])
        return left

    def add(self, end: float, standard: FloatArray) -> None:
        """Let a window wait to be learned from, and learn from those that waited long enough."""
        steps = np.rint(STEPS * np.nan_to_num(standard)).astype(np.int8)
        for old in self.lag.put(end, steps):
            self.block.append(old / STEPS)
            if len(self.block) == BLOCK:
                self._update(np.array(self.block))
                self.block.clear()

    def _update(self, block: FloatArray) -> None:
        rows = np.vstack((np.sqrt(self.weights)[:, None] * self.axes.T, block))
        # The small side: as many rows as components and windows of a block, however many series.
        weights, along = np.linalg.eigh(rows @ rows.T)
        weights, along = weights[::-1], along[:, ::-1]
        self.learned += BLOCK
        noise = float((block**2).sum()) / (BLOCK * max(1, int(block.any(axis=0).sum())))
        # Only as many windows as the weights of one block would not reach by chance.
        edge = noise * (np.sqrt(self.learned) + np.sqrt(block.shape[1])) ** 2
        kept = min(MOST, int((weights > max(edge, 1e-9)).sum()))
        # In the order of memory in which a state is read back: sums of products are rounded alike.
        self.axes = np.ascontiguousarray(
            rows.T @ along[:, :kept] / np.sqrt(np.maximum(weights[:kept], 1e-12))
        )
        self.weights = weights[:kept]
        most = DAYS * 86_400.0 / (self.lag.window * self.lag.every)
        if self.learned > most:
            self.weights = self.weights * (most / self.learned)
            self.learned = most

    def state(self) -> dict[str, Any]:
        """Return all that is known, as arrays."""
        n = self.axes.shape[0]
        return {
            "axes": self.axes.copy(),
            "weights": self.weights.copy(),
            "learned": self.learned,
            # Whole numbers of steps, as they waited.
            "block": np.rint(STEPS * np.array(self.block)).astype(np.int8).reshape(len(self.block), n),
            "lag": self.lag.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Components":
        """Make components that go on where `state` was taken."""
        restored = cls(state["lag"]["window"])
        restored.axes = stored_array(state["axes"], (None, None), "axes", low=-2.0, high=2.0)
        n, kept = restored.axes.shape
        expect(kept <= MOST, "axes")
        restored.weights = stored_array(state["weights"], (kept,), "weights of axes", low=0.0, high=_HEAVIEST)
        restored.learned = stored_number(state["learned"], "components", low=0.0)
        block = stored_array(state["block"], (None, n), "components", dtype=np.int8)
        restored.block = list(block / STEPS)
        expect(len(restored.block) < BLOCK, "components")
        restored.lag = Lag.from_state(state["lag"])
        restored.lag.check(n)
        return restored
