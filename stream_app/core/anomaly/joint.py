"""All channels together: Mahalanobis distance, Hotelling's T-square and the residual Q of a PCA.

The functions work on standardised deviations (rows are events, columns channels) and a correlation
matrix that was shrunk towards independence, so that a short reference or collinear channels cannot make
it singular.
"""

from dataclasses import dataclass, field

import numpy as np

from stream_app.core.anomaly.tails import chi_square_to_normal
from stream_app.core.arrays import FloatArray
from stream_app.errors import StateError

__all__ = ["JointModel", "hotelling_limit", "shrunk_correlation"]


def shrunk_correlation(z: FloatArray, effective: float) -> FloatArray:
    """Correlation of the columns, shrunk towards the identity by the share that estimation noise has in it.

    The intensity is Schaefer and Strimmer's: the summed variance of the off-diagonal estimates over their
    summed squares, with (1 - r^2)^2 / effective for the variance of one correlation. Uncorrelated channels
    are shrunk to independence, strong correlations stay.

    Parameters
    ----------
    z : FloatArray, shape (n, d)
        Standardised deviations with mean near zero; a column of zeros counts as independent.
    effective : float
        Number of independent rows the n rows are worth.

    Returns
    -------
    FloatArray, shape (d, d)
        Symmetric, positive definite, ones on the diagonal.

    References
    ----------
    O. Ledoit and M. Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices,
    J. Multivariate Analysis 88; J. Schaefer and K. Strimmer (2005), A shrinkage approach to large-scale
    covariance matrix estimation, Stat. Appl. Genet. Mol. Biol. 4.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(1).normal(size=(200, 1))
    >>> shrunk_correlation(np.hstack([x, x]), 200.0).round(3).tolist()
    [[1.0, 0.995], [0.995, 1.0]]
    """
    d = z.shape[1]
    moment = z.T @ z / max(z.shape[0], 1)
    scale = np.sqrt(np.diag(moment))
    scale[scale == 0.0] = 1.0
    raw = np.clip(moment / np.outer(scale, scale), -1.0, 1.0)
    off = ~np.eye(d, dtype=bool)
    squares = float(np.sum(raw[off] ** 2))
    noise = float(np.sum((1.0 - raw[off] ** 2) ** 2)) / max(effective, 1.0)
    intensity = min(1.0, max(noise / squares, 1.0 / max(effective, 2.0))) if squares > 0.0 else 1.0
    shrunk = (1.0 - intensity) * raw
    np.fill_diagonal(shrunk, 1.0)
    return np.asarray(shrunk)


def hotelling_limit(channels: int, reference: float, p: float) -> float:
    """Value that Hotelling's T-square of one new independent row exceeds with probability `p`.

    T-square over a reference of n independent rows is distributed as c F(d, n - d) with
    c = d (n^2 - 1) / (n (n - d)). Assumes normal rows. For the exact textbook test; the detector uses
    normal equivalents instead, because its rows are dependent.

    Parameters
    ----------
    channels : int
        d, the number of channels.
    reference : float
        n, the number of independent reference rows; more than d.
    p : float
        Tail probability.

    References
    ----------
    H. Hotelling (1947), Multivariate quality control; N. D. Tracy, J. C. Young and R. L. Mason (1992),
    Multivariate control charts for individual observations, J. Quality Technology 24.

    Examples
    --------
    >>> round(hotelling_limit(8, 400, 0.001), 2)
    27.35
    """
    from scipy.stats import f as fisher  # noqa: PLC0415 - scipy.stats takes 0.5 s to load, and only this limit needs it

    factor = channels * (reference**2 - 1.0) / (reference * (reference - channels))
    return float(factor * fisher.isf(p, channels, reference - channels))


@dataclass(frozen=True, slots=True)
class JointModel:
    """Principal components of a correlation matrix, ready to score rows.

    Parameters
    ----------
    vectors : FloatArray, shape (d, d)
        Columns are components, largest variance first.
    variances : FloatArray, shape (d,)
        Their variances (eigenvalues), positive.
    kept : int
        Components of the T-square; the others make the residual Q.

    Examples
    --------
    >>> import numpy as np
    >>> model = JointModel.fit(np.array([[1.0, 0.9], [0.9, 1.0]]), share=0.8)
    >>> t_square, q = model.statistics(np.array([[2.0, 2.0], [2.0, -2.0]]))
    >>> t_square.round(2).tolist(), q.round(2).tolist()
    ([4.21, 0.0], [0.0, 8.0])
    """

    vectors: FloatArray
    variances: FloatArray
    kept: int
    residual: tuple[float, float] = field(init=False)
    """Sum and sum of squares of the variances that Q is made of."""

    def __post_init__(self) -> None:
        rest = self.variances[self.kept :]
        object.__setattr__(self, "residual", (float(np.sum(rest)), float(np.sum(rest**2))))

    @classmethod
    def fit(cls, correlation: FloatArray, share: float) -> "JointModel":
        """Keep the fewest components that hold `share` of the variance (at least one)."""
        variances, vectors = np.linalg.eigh(correlation)
        variances, vectors = np.maximum(variances[::-1], 1e-9), vectors[:, ::-1]
        cumulated = np.cumsum(variances) / np.sum(variances)
        kept = min(int(np.searchsorted(cumulated, share - 1e-12)) + 1, len(variances))
        return cls(np.ascontiguousarray(vectors), np.ascontiguousarray(variances), kept)

    def _squares(self, z: FloatArray) -> FloatArray:
        """Return the squared components of each row of `z`, shape (d, n)."""
        # A loop over channels instead of a matrix product: BLAS rounds differently for different numbers
        # of rows, and a result must not depend on how events were batched.
        channels = np.ascontiguousarray(z.T)
        scores: FloatArray = self.vectors[0][:, None] * channels[0]
        part = np.empty_like(scores)
        for vector, channel in zip(self.vectors[1:], channels[1:], strict=True):
            np.multiply(vector[:, None], channel, out=part)
            scores += part
        scores *= scores
        return scores

    def statistics(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """T-square in the kept components and Q, the squared length of what they leave, per row.

        References
        ----------
        J. E. Jackson and G. S. Mudholkar (1979), Control procedures for residuals associated with principal
        component analysis, Technometrics 21.
        """
        squares = self._squares(z)
        squares[: self.kept] /= self.variances[: self.kept, None]
        return _total(squares[: self.kept]), _total(squares[self.kept :])

    def mahalanobis(self, z: FloatArray) -> FloatArray:
        """Squared Mahalanobis distance per row: T-square over all components (Mahalanobis 1936)."""
        return _total(self._squares(z) / self.variances[:, None])

    def normal_equivalents(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """T-square and Q as standard normal values; Q as a scaled chi-square of its first two moments (Box 1954)."""
        t_square, q = self.statistics(z)
        if self.residual == (0.0, 0.0):
            return chi_square_to_normal(t_square, float(self.kept)), np.full(z.shape[0], -8.0)
        first, second = self.residual
        return (
            chi_square_to_normal(t_square, float(self.kept)),
            chi_square_to_normal(q * (first / second), first * first / second),
        )

    def state(self) -> dict[str, object]:
        """Plain values, for `from_state`."""
        return {"vectors": self.vectors, "variances": self.variances, "kept": self.kept}

    @classmethod
    def from_state(cls, state: dict[str, object]) -> "JointModel":
        """Take back what `state` gave."""
        try:
            vectors = np.asarray(state["vectors"], dtype=np.float64)
            variances = np.asarray(state["variances"], dtype=np.float64)
            return cls(vectors, variances, int(state["kept"]))  # type: ignore[call-overload]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"state of a joint model: {error!r}; it was written by another version or damaged"
            ) from error


def _total(rows: FloatArray) -> FloatArray:
    """Sum rows one by one: a sum along the first axis would round differently for a single column."""
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total
