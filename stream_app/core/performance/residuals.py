"""Errors of predicted values: figures over a table, and the scale by which later errors are judged."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["ErrorScale", "ErrorScores", "error_scores"]

_LARGE = 0.9
"""Share of the errors that are not large."""

_MOST = 0.99
"""Share of the errors that count whole; one error beyond must not decide alone."""

_ROOM = 2.0
"""Absolute errors are cut at this many times the largest that counts whole, so that a rise can be seen."""

_DEVIATIONS = 1.645
"""Standard errors at which a normal distribution leaves 5 % on one side."""


@dataclass(frozen=True, slots=True)
class ErrorScores:
    """Figures of predicted values.

    Parameters
    ----------
    mae, rmse : float
        Mean absolute error, and root of the mean squared error; NaN without rows, as all.
    bias : float
        Mean of predicted less true values.
    r2 : float
        Share of the variance of the true values that is explained; NaN where they do not vary.
    """

    mae: float
    rmse: float
    bias: float
    r2: float


def error_scores(truth: FloatArray, predicted: FloatArray) -> ErrorScores:
    """Return the figures of predicted values.

    Parameters
    ----------
    truth, predicted : ndarray, shape (n,)

    Examples
    --------
    >>> error_scores(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0]))
    ErrorScores(mae=1.0, rmse=1.2909944487358056, bias=1.0, r2=-1.5)
    """
    if not len(truth):
        return ErrorScores(math.nan, math.nan, math.nan, math.nan)
    errors = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    squared = float((errors**2).sum())
    return ErrorScores(
        float(np.abs(errors).mean()),
        math.sqrt(squared / len(errors)),
        float(errors.mean()),
        1.0 - squared / spread if spread > 0.0 else math.nan,
    )


@dataclass(frozen=True, slots=True)
class ErrorScale:
    """Scale that turns errors into numbers between 0 and 1, on which bets can be made.

    Parameters
    ----------
    large : float
        Absolute error that a tenth of the errors exceeds.
    most : float
        Absolute error that one in a hundred exceeds; signed errors are cut there, absolute ones at twice as much.
    loss, loss_high : float
        Mean of the cut absolute errors, as a share of where they are cut; and what it is at most, credibly.
    shift, shift_error : float
        Mean of the cut errors, as a share of where they are cut, and its standard error.
    spread : float
        Mean of the cut absolute errors as a share of `most`.
    """

    large: float
    most: float
    loss: float
    loss_high: float
    shift: float
    shift_error: float
    spread: float

    @classmethod
    def learn(cls, errors: FloatArray, scale: float = 1.0) -> Self:
        """Learn from errors, shape (n,), at least two; `scale` is that of the values, for errors that are all 0.

        Examples
        --------
        >>> learned = ErrorScale.learn(np.linspace(-1.0, 1.0, 201))
        >>> [round(figure, 3) for figure in (learned.large, learned.most, learned.loss, learned.shift)]
        [0.9, 0.99, 0.254, 0.0]
        """
        away = np.abs(errors)
        most = float(np.quantile(away, _MOST)) or float(away.max()) or max(abs(scale), 1.0) * 1e-9
        loss = np.minimum(away / (_ROOM * most), 1.0)
        shift = np.clip(errors / most, -1.0, 1.0)
        n = math.sqrt(len(errors))
        return cls(
            float(np.quantile(away, _LARGE)),
            most,
            float(loss.mean()),
            float(loss.mean()) + _DEVIATIONS * float(loss.std()) / n,
            float(shift.mean()),
            float(shift.std()) / n,
            float(np.abs(shift).mean()),
        )

    def losses(self, errors: FloatArray) -> FloatArray:
        """Return absolute errors as shares of where they are cut, shape (n,)."""
        return np.minimum(np.abs(errors) / (_ROOM * self.most), 1.0)

    def shifts(self, errors: FloatArray) -> FloatArray:
        """Return errors between -1 and 1, shape (n,)."""
        return np.clip(errors / self.most, -1.0, 1.0)

    def error_of(self, loss: float) -> float:
        """Return the mean absolute error that a mean loss is of."""
        return loss * _ROOM * self.most

    def bias_of(self, shift: float) -> float:
        """Return the mean error that a mean shift is of."""
        return shift * self.most

    def highest_loss(self, rise: float) -> float:
        """Return the mean loss that is allowed if the error may rise by a share."""
        return self.loss_high * (1.0 + rise)

    def highest_shift(self, errors: float, side: float) -> float:
        """Return the mean shift that is allowed on one side (1 or -1), some mean absolute errors from the baseline's."""
        return side * self.shift + _DEVIATIONS * self.shift_error + errors * self.spread
