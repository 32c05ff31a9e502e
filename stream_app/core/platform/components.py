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

__all__ = ["Components"]

BLOCK = 32
"""Windows between updates."""
MOST = 12
REMEMBERED = 2880.0
"""Windows of the memory: two days of minutes."""
_RIDGE = 1e-6


class Components:
    """Incremental principal components of standardised series that grow in number.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> components = Components()
    >>> components.grow(6)
    >>> for _ in range(200):
    ...     components.add(rng.normal() + 0.1 * rng.normal(size=6))
    ...     components.settle()
    >>> together, alone = np.ones(6), np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> float(np.abs(components.residuals(together)).max()) < 0.1, float(components.residuals(alone)[0]) > 1.5
    (True, True)
    """

    def __init__(self) -> None:
        self.axes = np.zeros((0, 0))
        self.weights = np.zeros(0)  # sums of squares along the axes
        self.learned = 0.0
        self.block: list[FloatArray] = []
        self.waiting: list[FloatArray] = []

    def grow(self, n: int) -> None:
        """Let there be `n` series."""
        more = n - self.axes.shape[0]
        self.axes = np.pad(self.axes, ((0, more), (0, 0)))
        self.block = [np.pad(row, (0, more)) for row in self.block]
        self.waiting = [np.pad(row, (0, more)) for row in self.waiting]

    def forget(self, slots: Any) -> None:
        """Let series take no part until they are learned anew."""
        self.axes[slots] = 0.0
        for row in (*self.block, *self.waiting):
            row[slots] = 0.0

    def residuals(self, standard: FloatArray) -> FloatArray:
        """Return what the components leave of standardised values; NaN where there is none."""
        there = np.isfinite(standard)
        axes = self.axes[there]
        square = axes.T @ axes + _RIDGE * np.eye(axes.shape[1])
        left = np.full(len(standard), np.nan)
        left[there] = standard[there] - axes @ np.linalg.solve(square, axes.T @ standard[there])
        return left

    def add(self, standard: FloatArray) -> None:
        """Let a window wait to be learned from."""
        self.waiting.append(np.nan_to_num(standard))
        if len(self.waiting) > BLOCK:
            self._learn(self.waiting.pop(0))

    def settle(self) -> None:
        """Learn from all windows that wait."""
        for row in self.waiting:
            self._learn(row)
        self.waiting.clear()

    def drop(self) -> None:
        """Learn from none of the windows that wait."""
        self.waiting.clear()

    def _learn(self, row: FloatArray) -> None:
        self.block.append(row)
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
        self.axes = rows.T @ along[:, :kept] / np.sqrt(np.maximum(weights[:kept], 1e-12))
        self.weights = weights[:kept]
        if self.learned > REMEMBERED:
            self.weights = self.weights * (REMEMBERED / self.learned)
            self.learned = REMEMBERED

    def state(self) -> dict[str, Any]:
        """Return all that is known, as arrays."""
        n = self.axes.shape[0]
        return {
            "axes": self.axes.copy(),
            "weights": self.weights.copy(),
            "learned": self.learned,
            "block": np.array(self.block).reshape(-1, n),
            "waiting": np.array(self.waiting).reshape(-1, n),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Components":
        """Make components that go on where `state` was taken."""
        restored = cls()
        restored.axes, restored.weights = np.array(state["axes"]), np.array(state["weights"])
        restored.learned = state["learned"]
        restored.block = [row.copy() for row in state["block"]]
        restored.waiting = [row.copy() for row in state["waiting"]]
        return restored
