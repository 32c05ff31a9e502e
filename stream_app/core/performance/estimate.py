"""Estimate of a model's accuracy without labels, from its own probabilities."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from scipy import special

from stream_app.core.arrays import BoolArray, FloatArray, IntArray
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["AccuracyEstimator", "ClassMix", "Estimate"]

ClassMix: TypeAlias = Literal["stable", "free"]

_VERSION = 1
_SMOOTHING = 0.01
"""Added to each probability: shares of votes come in steps of about a hundredth, and none of a hundred is not never."""

_ROUNDS = 100
_STRIDE = 1.5
"""Between 1, Sinkhorn's plain iteration, and 2, where it would not converge: saves a third of the rounds."""

_TOLERANCE = 1e-3
"""Of a class's share: what one prediction in a thousand makes of it."""

_LEAST_WEIGHT = 1e-30
"""Of a class against the one that is weighted most."""

_FOLDS = 2
_LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated accuracy with its two parts.

    Parameters
    ----------
    accuracy : float
        Estimated accuracy, 0 to 1.
    by_confidence : float
        Mean calibrated confidence.
    by_class_mix : float or None
        How well the predictions agree with the class mix of the baseline; None where the mix is free.
    """

    accuracy: float
    by_confidence: float
    by_class_mix: float | None


class AccuracyEstimator:
    """Estimator of the accuracy of unlabelled predictions, calibrated on labelled ones.

    Two views of the same probabilities, of which the lower one counts:

    - *Confidence.* The share of the predicted label among the two strongest ones, ``p1 / (p1 + p2)``, is mapped to the chance
      of being right by a logistic curve fitted on the baseline; the mean over the predictions is the estimate. Taken of two
      labels only, the share doesn't fall because noise spreads probability over all the others.
    - *Class mix.* Inputs that a model does not understand are often all called the same. If the true mix of classes is
      that of the baseline, the probabilities can be weighted by class until their mean is that mix; where
      the label that is strongest then is not the predicted one, a prediction was likely wrong. The estimate is the share in
      which both agree, relative to that in the baseline. It is done with the probabilities as they are and with
      them sharpened as much as the logistic curve says, since how sure they are is what a change of the inputs upsets;
      the lower share counts. Used only where the mix may be taken as ``stable``.

    Parameters
    ----------
    intercept, slope : float
        Of the logistic curve.
    prior : ndarray, shape (k,)
        Mix of the true classes in the baseline.
    ratios : tuple of float
        Accuracy over agreement in the baseline, with probabilities as they are and sharpened.
    class_mix : {'stable', 'free'}
        Whether the true mix of classes may change. A change of mix that is taken for stable looks like a loss of accuracy.

    Notes
    -----
    No label-free estimate is right under every change: a model that is confidently wrong without shifting the mix is
    believed. Both views assume that a stronger label means a better chance; a change of the labels' meaning is not seen. With a
    random forest on digits that were blurred, noisy or dark the estimate was on average within 3 points of the truth down to
    accuracies of 40 %, see ``docs/performance.md``. Cost: about 1 ms for 1,000 predictions of 10 classes.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers.
    Garg, S. et al. (2022). Leveraging unlabeled data to predict out-of-distribution performance. ICLR.
    Lu, Y. et al. (2023). Characterizing out-of-distribution error via optimal transport. NeurIPS.
    Saerens, M., Latinne, P. and Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a priori
    probabilities. Neural Computation 14(1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 3, 2000)
    >>> scores = rng.normal(size=(2000, 3)) + 2.0 * np.eye(3)[truth]
    >>> p = np.exp(2.0 * scores) / np.exp(2.0 * scores).sum(axis=1, keepdims=True)
    >>> predicted = p.argmax(axis=1)
    >>> estimator = AccuracyEstimator.fit(p[:1000], predicted[:1000], truth[:1000])
    >>> estimate = estimator.estimate(p[1000:], predicted[1000:]).accuracy
    >>> bool(abs(estimate - (predicted == truth)[1000:].mean()) < 0.03)
    True
    """

    def __init__(
        self,
        intercept: float,
        slope: float,
        prior: FloatArray,
        ratios: tuple[float, float],
        *,
        class_mix: ClassMix = "stable",
    ) -> None:
        self.intercept = intercept
        self.slope = slope
        self.prior = prior
        self.ratios = ratios
        self.class_mix = class_mix

    @classmethod
    def fit(
        cls, p: FloatArray, predicted: IntArray, truth: IntArray, *, class_mix: ClassMix = "stable"
    ) -> Self:
        """Calibrate on labelled predictions.

        Parameters
        ----------
        p : ndarray, shape (n, k)
            Probabilities of the k labels; each row sums to 1.
        predicted, truth : ndarray of int, shape (n,)
            Columns of the predicted and the true labels; a true label without a column has another number.

        Raises
        ------
        DataError
            If there are fewer than 50.
        """
        if len(p) < _LEAST_ROWS:
            raise DataError(f"{len(p)} labelled predictions; calibration needs {_LEAST_ROWS}")
        right = predicted == truth
        intercept, slope = _fit_logistic(_log_odds(p, predicted), right)
        estimator = cls(intercept, slope, _mix(truth, p.shape[1]), (1.0, 1.0), class_mix=class_mix)
        # Matched to its own labels a baseline agrees too well: each half is matched to the other one's.
        agreed = np.zeros(2)
        for fold in range(_FOLDS):
            inside = np.arange(len(p)) % _FOLDS == fold
            prior = _mix(truth[~inside], p.shape[1])
            agreed += inside.sum() * np.array(estimator._agreement(p[inside], predicted[inside], prior))
        plain, sharp = (float(right.sum()) / max(float(share), 1.0) for share in agreed)
        estimator.ratios = plain, sharp
        return estimator

    def _agreement(self, p: FloatArray, predicted: IntArray, prior: FloatArray) -> tuple[float, float]:
        """Return the shares of predictions that stay the strongest label, as they are and sharpened."""
        plain, sharp = (
            float((_matched(p, prior, exponent) == predicted).mean())
            for exponent in (1.0, max(1.0, self.slope))
        )
        return plain, sharp

    def confidence(self, p: FloatArray, predicted: IntArray) -> FloatArray:
        """Return the calibrated chance of being right of each prediction, shape (n,)."""
        chance: FloatArray = special.expit(self.intercept + self.slope * _log_odds(p, predicted))
        return chance

    def estimate(self, p: FloatArray, predicted: IntArray) -> Estimate:
        """Estimate the accuracy of predictions.

        Parameters
        ----------
        p : ndarray, shape (n, k)
            Probabilities, n at least one; there may be more classes than in the baseline, at the end.
        predicted : ndarray of int, shape (n,)
            Columns of the predicted labels.
        """
        by_confidence = float(self.confidence(p, predicted).mean())
        if self.class_mix == "free":
            return Estimate(by_confidence, by_confidence, None)
        prior = np.full(p.shape[1], self.prior.min())
        prior[: len(self.prior)] = self.prior
        shares = self._agreement(p, predicted, prior / prior.sum())
        by_mix = min(1.0, *(share * ratio for share, ratio in zip(shares, self.ratios, strict=True)))
        return Estimate(min(by_confidence, by_mix), by_confidence, by_mix)

    def state(self) -> dict[str, Any]:
        """Give the calibration as plain data."""
        return {
            "version": _VERSION,
            "intercept": self.intercept,
            "slope": self.slope,
            "prior": self.prior,
            "ratios": list(self.ratios),
            "class_mix": self.class_mix,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the accuracy estimator")
        try:
            prior = np.array(state["prior"], dtype=np.float64).reshape(-1)
            intercept, slope = float(state["intercept"]), float(state["slope"])
            plain, sharp = (float(ratio) for ratio in state["ratios"])
            class_mix = state["class_mix"]
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the accuracy estimator's state is damaged: {error}") from error
        if class_mix not in ("stable", "free") or not len(prior) or not (prior > 0.0).all():
            raise StateError("the accuracy estimator's state is damaged: its class mix is none")
        return cls(intercept, slope, prior, (plain, sharp), class_mix=class_mix)


def _log_odds(p: FloatArray, predicted: IntArray) -> FloatArray:
    """Return the logarithm of the predicted label's probability over the strongest other one's."""
    rows = np.arange(len(p))
    own = p[rows, predicted]
    others = p.copy()
    others[rows, predicted] = 0.0
    odds: FloatArray = np.log((own + _SMOOTHING) / (others.max(axis=1) + _SMOOTHING))
    return odds


def _fit_logistic(x: FloatArray, right: BoolArray) -> tuple[float, float]:
    """Fit ``expit(a + b x)`` by Newton's method, with Platt's targets, so that it exists without any mistake, too."""
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    target = np.where(right, (n_right + 1.0) / (n_right + 2.0), 1.0 / (n_wrong + 2.0))
    a, b = math.log((n_right + 1.0) / (n_wrong + 1.0)), 0.0
    for _ in range(50):
        chance = special.expit(a + b * x)
        weight = np.maximum(chance * (1.0 - chance), 1e-9)
        # A slope without evidence is zero: a weak pull towards it, worth less than one observation.
        ga, gb = float((target - chance).sum()), float(((target - chance) * x).sum()) - 0.01 * b
        haa, hab, hbb = float(weight.sum()), float((weight * x).sum()), float((weight * x * x).sum()) + 0.01
        determinant = haa * hbb - hab * hab
        step_a, step_b = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        largest = max(abs(step_a), abs(step_b), 2.0)
        a, b = a + 2.0 * step_a / largest, b + 2.0 * step_b / largest
        if max(abs(step_a), abs(step_b)) < 1e-9:
            break
    return (a, b) if b > 0.0 else (math.log((n_right + 1.0) / (n_wrong + 1.0)), 0.0)


def _mix(truth: IntArray, classes: int) -> FloatArray:
    """Return the shares of the classes, each seen once more than it was."""
    counts = np.bincount(truth[(truth >= 0) & (truth < classes)], minlength=classes) + 1.0
    mix: FloatArray = counts / counts.sum()
    return mix


def _matched(p: FloatArray, prior: FloatArray, exponent: float) -> IntArray:
    """Return the strongest labels when classes are weighted so that the mean of the probabilities is the prior."""
    smoothed = (p.T + _SMOOTHING) ** exponent
    smoothed /= smoothed.sum(axis=0)
    # Classes as rows, and no intermediate table: a round costs a fifth.
    smoothed = np.ascontiguousarray(smoothed)
    weights = np.ones(len(smoothed))
    for _ in range(_ROUNDS):
        totals = np.einsum("kn,k->n", smoothed, weights)
        mean = np.einsum("kn,n->k", smoothed, 1.0 / totals) * weights / len(p)
        weights = weights * (prior / mean) ** _STRIDE
        weights = np.maximum(weights / weights.max(), _LEAST_WEIGHT)
        if float(np.abs(mean - prior).max()) < _TOLERANCE:
            break
    return np.asarray((smoothed * weights[:, None]).argmax(axis=0), dtype=np.int64)
