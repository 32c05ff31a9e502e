"""Where an event lies among many channels at once: its distance, and on which side of random hyperplanes.

The share of events on one side of every hyperplane tells a distribution apart from any other (Cramér and
Wold). Averaged over random hyperplanes through the reference, the squared difference of two samples' shares
is the projection-averaged Cramér-von Mises distance, a bounded relative of the energy distance.

References
----------
Cramér, Wold (1936). Some theorems on distribution functions. Journal of the London Mathematical Society 11.
Székely, Rizzo (2013). Energy statistics. Journal of Statistical Planning and Inference 143(8).
Kim, Balakrishnan, Wasserman (2020). Robust multivariate nonparametric tests via projection averaging. Annals of
Statistics 48(6).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.anomaly.joint import shrunk_correlation
from stream_app.core.arrays import FloatArray, IntArray

__all__ = ["PLANES", "HalfSpaces", "Sides"]

PLANES = 128
"""Hyperplanes: the distance of two samples is then known to a tenth of itself, which is far below their chance."""

Sides = npt.NDArray[np.float32]
"""Zeros and ones, shape (n, `PLANES`), as floating-point numbers so that they can be multiplied fast."""

_FIXED = float(1 << 20)  # fixed point of squared coordinates: sums of integers are exact in any order


@dataclass(frozen=True, slots=True)
class HalfSpaces:
    """Whitened coordinates of d channels and random hyperplanes through them.

    Parameters
    ----------
    projection : ndarray of float, shape (d, d + PLANES)
        From scores of the channels to whitened coordinates, and to coordinates along the hyperplanes' normals.
    thresholds : ndarray of float, shape (PLANES,)
        Where the hyperplanes lie along their normals.
    counts : ndarray of int, shape (PLANES,)
        Events of the sample beyond each of them.
    size : int
        Events of the sample.
    """

    projection: FloatArray
    thresholds: FloatArray
    counts: IntArray
    size: int

    @classmethod
    def fit(cls, scores: FloatArray, seed: int) -> Self:
        """Fit coordinates and hyperplanes to a sample.

        Parameters
        ----------
        scores : ndarray of float, shape (n, d)
            Normal scores of the channels, independent rows.
        seed : int
            Seed of the directions and of how far out each hyperplane lies.
        """
        n, d = scores.shape
        rng = np.random.default_rng(seed)
        variances, vectors = np.linalg.eigh(shrunk_correlation(scores, float(n)))
        whitening = vectors / np.sqrt(variances)
        normals = rng.standard_normal((d, PLANES))
        normals /= np.sqrt((normals * normals).sum(axis=0))
        projection = np.hstack((whitening, whitening @ normals))
        # Single precision is enough for directions, and halves the state.
        projection = projection.astype(np.float32).astype(np.float64)
        along = np.sort(_project(scores, projection[:, d:]), axis=0)
        thresholds = along[rng.integers(0, n, size=PLANES), np.arange(PLANES)]
        counts = np.count_nonzero(along > thresholds, axis=0).astype(np.int64)
        return cls(projection, thresholds, counts, n)

    def place(self, scores: FloatArray) -> tuple[IntArray, Sides]:
        """Return the squared Mahalanobis distance of events, in fixed point, and on which sides they lie.

        Parameters
        ----------
        scores : ndarray of float, shape (n, d)
            Normal scores of the channels.

        Returns
        -------
        distances : ndarray of int, shape (n,)
        sides : ndarray of float32, shape (n, PLANES)
        """
        along = _project(scores, self.projection)
        d = len(self.projection)
        distances = np.rint(along[:, :d] ** 2 * _FIXED).astype(np.int64).sum(axis=1)
        return distances, (along[:, d:] > self.thresholds).astype(np.float32)

    def witness(self, sides: Sides) -> Sides:
        """Return the direction in which a sample differs from the fitted one, shape (PLANES,).

        It is, but for a factor, the difference of the shares beyond each hyperplane: events like those of the
        sample have a larger product with it than others. Whole numbers below 2**24, so that products with sides are
        exact in single precision, and a matrix product gives the same in any batch.
        """
        size = len(sides)
        weights: Sides = (sides.sum(axis=0) * self.size - self.counts * size).astype(np.float32)
        return weights

    def state(self) -> dict[str, Any]:
        """Plain values for `from_state`."""
        return {**asdict(self), "projection": self.projection.astype(np.float32)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Go on where `state` was taken."""
        return cls(
            np.array(state["projection"], dtype=np.float64),
            np.array(state["thresholds"], dtype=np.float64),
            np.array(state["counts"], dtype=np.int64),
            int(state["size"]),
        )


def _project(scores: FloatArray, projection: FloatArray) -> FloatArray:
    # Channel by channel and not as a matrix product, which rounds differently for different numbers of rows.
    columns = np.ascontiguousarray(scores.T)
    along: FloatArray = columns[0][:, None] * projection[0]
    part = np.empty_like(along)
    for column, weights in zip(columns[1:], projection[1:], strict=True):
        np.multiply(column[:, None], weights, out=part)
        along += part
    return along
